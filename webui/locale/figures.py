"""How a language writes numbers, spans of time and moments."""

import gettext
import math
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

# Babel is imported where it is first needed, on the first page: a start without a look at the dashboard is 60 ms less.
if TYPE_CHECKING:
    from babel import Locale as Babel

NONE: Final = "–"
IN_FULL: Final = 10_000  # below it a number is short enough
DIGITS: Final = 3  # of a shortened one
LEAST: Final = 100  # milliseconds that are shown as tenths of a second


class Figures:
    """One language as it counts: `tag` names it, `words` holds its signs and the order of its dates."""

    def __init__(self, tag: str, words: gettext.NullTranslations) -> None:
        self.tag, self.words = tag, words
        self._babel: Babel | None = None

    def number(self, value: float | None) -> str:
        """A number in full: 1,234."""
        from babel.numbers import format_decimal

        return NONE if value is None else format_decimal(value, locale=self._rules())

    def compact(self, value: float | None) -> str:
        """A large number in three digits, by thousands or by ten thousands: 318 k, 1.84 M, 184 萬."""
        if value is None or value < IN_FULL:
            return self.number(value)
        rounded = _to_digits(value)
        power, sign = next((power, sign) for power, sign in self._powers() if rounded >= 10**power)
        return f"{self.number(round(rounded / 10**power, DIGITS))} {sign}"

    def money(self, amount: Decimal, currency: str) -> str:
        """A price with the sign of its currency, and as many decimals as it needs: US$3.00, $0.075."""
        from babel.numbers import format_currency

        places = max(2, -int(amount.normalize().as_tuple().exponent))
        return format_currency(amount, currency, f"¤#,##0.{'0' * places}", locale=self._rules(), currency_digits=False)

    def milliseconds(self, value: float | None) -> str:
        """A short span: 412 ms, 1.94 s, 12.3 s."""
        return " ".join(self.milliseconds_parts(value)).rstrip()

    def milliseconds_parts(self, value: float | None) -> tuple[str, str]:
        """The number of a short span, and its unit."""
        # Translators: the signs for milliseconds and seconds, separated by a space.
        thousandth, whole = self.words.gettext("ms s").split()
        if value is None:
            return NONE, ""
        if round(value) < 1000:
            return str(round(value)), thousandth
        rounded = _to_digits(value / 1000)
        return self._places(rounded, max(0, DIGITS - _places_before(rounded))), whole

    def seconds(self, milliseconds: float | None) -> str:
        """A span in seconds, as columns show it: 0.3 s, 6.8 s; what would be nothing in it as 41 ms."""
        if milliseconds is None or round(milliseconds) < LEAST:
            return self.milliseconds(milliseconds)
        return f"{self._places(milliseconds / 1000, 1)} {self.words.gettext('ms s').split()[1]}"

    def units(self) -> list[str]:
        """The signs for days, hours, minutes and seconds."""
        # Translators: the signs for days, hours, minutes and seconds, separated by spaces.
        return self.words.gettext("d h min s").split()

    def duration(self, seconds: float) -> str:
        """A span of time in its two largest units: 3 d 4 h, 4 h 37 min, 37 min, 12 s."""
        minutes, last = divmod(int(max(seconds, 0)), 60)
        hours, minute = divmod(minutes, 60)
        days, hour = divmod(hours, 24)
        day_sign, hour_sign, minute_sign, second_sign = self.units()
        if days:
            return f"{days} {day_sign} {hour} {hour_sign}"
        if hours:
            return f"{hours} {hour_sign} {minute} {minute_sign}"
        return f"{minutes} {minute_sign}" if minutes else f"{last} {second_sign}"

    def clock(self, at: float, seconds: bool = False) -> str:
        """A time of today: 13:28, 13:49:31; of another day with its date."""
        if is_today(at):
            return datetime.fromtimestamp(at).strftime("%H:%M:%S" if seconds else "%H:%M")
        time_of_day = "HH:mm:ss" if seconds else "HH:mm"
        # Translators: a day and a time (it stands for HH:mm) in Unicode's patterns, of this year and of another.
        this_year, other_year = self.words.gettext("d MMM, HH:mm"), self.words.gettext("d MMM y, HH:mm")
        return self._moment(at, *(form.replace("HH:mm", time_of_day) for form in (this_year, other_year)))

    def _moment(self, at: float, this_year: str, other_year: str) -> str:
        from babel.dates import format_datetime

        when = datetime.fromtimestamp(at)
        pattern = this_year if when.year == datetime.now().year else other_year
        return format_datetime(when, pattern, locale=self._rules())

    def _places(self, value: float, places: int) -> str:
        from babel.numbers import format_decimal

        return format_decimal(value, f"#,##0.{'0' * places}", locale=self._rules())

    def _powers(self) -> list[tuple[int, str]]:
        # Translators: powers of ten and their signs, smallest first, by which this language shortens numbers.
        signs = self.words.gettext("3 k 6 M 9 B").split()
        return [(int(power), sign) for power, sign in zip(signs[::2], signs[1::2], strict=True)][::-1]

    def _rules(self) -> "Babel":
        from babel import Locale, UnknownLocaleError

        if self._babel is None:
            try:
                self._babel = Locale.parse(self.tag, sep="-")
            except (ValueError, UnknownLocaleError):
                self._babel = Locale("en")
        return self._babel


def is_today(at: float) -> bool:
    """Whether a moment is of this computer's today."""
    return datetime.fromtimestamp(at).date() == datetime.now().date()


def _places_before(value: float) -> int:
    return math.floor(math.log10(value)) + 1


def _to_digits(value: float) -> float:
    return float(f"{value:.{DIGITS - 1}e}")

"""Languages: a reader's own words for everything that is said on a page.

A catalogue is a folder here, named by its tag: `zh-Hant/LC_MESSAGES/morello.mo`. English needs none.
"""

import gettext
from functools import cache
from pathlib import Path
from typing import Final

from api.errors import SaidInWords

DOMAIN: Final = "morello"
SOURCE: Final = "en"


class Locale:
    """One language: its tag for `<html lang>`, and its words."""

    def __init__(self, tag: str, words: gettext.NullTranslations) -> None:
        self.tag, self.words = tag, words

    def gettext(self, sentence: str, **values: object) -> str:
        """`sentence` in this language, its `%(name)s` filled in."""
        return self.words.gettext(sentence) % values

    def ngettext(self, one: str, many: str, number: int) -> str:
        """`one` or `many`, as this language counts; both may name `%(number)d`."""
        return self.words.ngettext(one, many, number) % {"number": number}

    def said(self, error: SaidInWords) -> str:
        """What `error` says, in this language."""
        return self.gettext(error.words, **error.given) if error.given else self.words.gettext(error.words)

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


def marked(sentence: str) -> str:
    """`sentence` as it is: marked for the catalogues here, said in a reader's language elsewhere."""
    return sentence


@cache
def locale(tag: str) -> Locale:
    """The language `tag`; what its catalogue leaves out is said in English."""
    return Locale(tag, gettext.translation(DOMAIN, Path(__file__).parent, [tag], fallback=True))


@cache
def spoken() -> dict[str, str]:
    """The languages there are, by their tag in small letters."""
    catalogues = Path(__file__).parent.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    return {tag.lower(): tag for tag in [SOURCE, *(file.parent.parent.name for file in catalogues)]}


def choose(accept_language: str) -> Locale:
    """The first language of an Accept-Language header that is spoken here, else English."""
    for wanted in _by_preference(accept_language):
        for tag in (wanted, wanted.partition("-")[0]):
            if tag in spoken():
                return locale(spoken()[tag])
    return locale(SOURCE)


def _by_preference(accept_language: str) -> list[str]:
    weighed = []
    for entry in accept_language.split(",")[:20]:
        tag, _, weight = entry.strip().lower().partition(";q=")
        weighed.append((_weight(weight), tag))
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0

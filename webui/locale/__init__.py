"""Languages: a reader's own words for everything that is said on a page.

A catalogue is a folder here, named by its tag: `zh-Hant-HK/LC_MESSAGES/morello.po`, which the build compiles
(see compile.py). English needs none.
"""

import gettext
from functools import cache
from pathlib import Path
from typing import Final

from api.errors import SaidInWords, marked
from webui.locale.figures import Figures

__all__ = ["SPOKEN", "Locale", "choose", "locale", "marked"]

DOMAIN: Final = "morello"
SOURCE: Final = "en"
# As `<html lang>` has them, each with the name its readers know it by.
SPOKEN: Final = {SOURCE: "English", "zh-Hant-HK": "繁體中文（香港）", "zh-Hans": "简体中文"}
# What browsers ask for, and what it is here: the longest beginning decides.
ASKED: Final = {
    "en": SOURCE,
    "zh": "zh-Hans",
    "zh-hans": "zh-Hans",
    "zh-hant": "zh-Hant-HK",
    "zh-hk": "zh-Hant-HK",
    "zh-mo": "zh-Hant-HK",
    "zh-tw": "zh-Hant-HK",
}
MOST_ASKED: Final = 20


class Locale(Figures):
    """One language: its tag for `<html lang>`, its words, and how it counts."""

    def gettext(self, sentence: str, **values: object) -> str:
        """`sentence` in this language, its `%(name)s` filled in."""
        return self.words.gettext(sentence) % values

    def ngettext(self, one: str, many: str, number: int) -> str:
        """`one` or `many`, as this language counts; both may name `%(number)d`."""
        return self.words.ngettext(one, many, number) % {"number": number}

    def said(self, error: SaidInWords) -> str:
        """What `error` says, in this language; also where a part of it is a sentence of its own."""
        # Asked for nothing, gettext answers with the catalogue's own header.
        words = error.words and self.words.gettext(error.words)
        given = {name: self.said(told) if isinstance(told, SaidInWords) else told for name, told in error.given.items()}
        return words % given if given else words


@cache
def locale(tag: str) -> Locale:
    """The language `tag`; what its catalogue leaves out is said in English."""
    return Locale(tag, gettext.translation(DOMAIN, Path(__file__).parent, [tag], fallback=True))


def choose(accept_language: str, chosen: str | None = None) -> Locale:
    """The language that was `chosen` here, else the first of an Accept-Language header that is spoken, else English."""
    return locale(chosen or next(filter(None, map(_spoken_as, _by_preference(accept_language))), SOURCE))


def _spoken_as(wanted: str) -> str | None:
    """What a browser's tag is called here: zh-Hant-TW by its beginning zh-Hant, de not at all."""
    while wanted and wanted not in ASKED:
        wanted = wanted.rpartition("-")[0]
    return ASKED.get(wanted)


def _by_preference(accept_language: str) -> list[str]:
    weighed = []
    for entry in accept_language.split(",")[:MOST_ASKED]:
        tag, _, parameter = entry.lower().partition(";")
        weighed.append((_weight(parameter.replace(" ", "")), tag.strip()))
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]


def _weight(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q=")) if parameter else 1.0
    except ValueError:
        return 0.0

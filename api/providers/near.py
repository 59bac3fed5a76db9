"""What a model that does not exist was perhaps meant to be."""

import difflib
from collections.abc import Iterable
from heapq import nlargest
from itertools import pairwise
from typing import Final

from api.errors import UnknownModel

LIKELY: Final = 20  # names that are looked at closely


def no_such_model(asked: str, listed: Iterable[str]) -> UnknownModel:
    """The error for `asked`, with those of the names `listed` (`provider:model`, aliases) that are near to it."""
    names = _near(asked, listed)
    if not names:
        return UnknownModel(
            "There is no model “%(model)s”. GET /v1/models lists every model there is.", model=asked[:100]
        )
    return UnknownModel(
        "There is no model “%(model)s”. Near to it: %(names)s.", model=asked[:100], names=", ".join(names)
    )


def _near(asked: str, listed: Iterable[str]) -> list[str]:
    # difflib takes a millisecond a name: among thousands it only sees those that share most pairs of letters.
    wanted = _pairs(asked)
    known = nlargest(LIKELY, listed, key=lambda name: len(wanted & _pairs(name)))
    bare = {name.partition(":")[2] or name: name for name in known}
    near = difflib.get_close_matches(asked, [*known, *bare], n=3, cutoff=0.5)
    return list(dict.fromkeys(bare.get(name, name) for name in near))


def _pairs(text: str) -> set[tuple[str, str]]:
    return set(pairwise(text))

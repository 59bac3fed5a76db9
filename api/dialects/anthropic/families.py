"""What the families of Claude can do, by the name of the model.

From the provider's overview of its models and the errors its newer ones answer with (November 2026). Of a model that
is not known here nothing is assumed: it gets what was asked for.
"""

import re
from typing import Final

from msgspec import Struct

UNKNOWN_LIMIT: Final = 8192
KNOWN_LIMIT: Final = 32_000  # for who did not say one, where the model can write as much
_MODERN: Final = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(\d+)(?:[.-](\d{1,2}))?(?!\d)")
_FIRST: Final = re.compile(r"claude-3(?:[.-](\d))?-(opus|sonnet|haiku)")


class Family(Struct, frozen=True):
    """`ceiling` is the most it writes. `adaptive`: it decides itself how much to think, `budgets`: within a budget.

    `efforts` are those it knows, the least first. `samples`: it takes temperature and the like, `both` temperature and
    top_p at once. `quiet`: thinking can be switched off, `thoughtful`: it thinks unless told otherwise. `listens`: it
    takes system messages in mid-conversation. `formats`: it keeps to a schema.
    """

    ceiling: int | None = None
    adaptive: bool = False
    budgets: bool = True
    efforts: tuple[str, ...] = ()
    samples: bool = True
    both: bool = True
    quiet: bool = True
    thoughtful: bool = False
    listens: bool = False
    formats: bool = True

    @property
    def limit(self) -> int:
        """How much it may write where nobody said."""
        return min(self.ceiling, KNOWN_LIMIT) if self.ceiling else UNKNOWN_LIMIT


UNKNOWN: Final = Family()


def family(model: str) -> Family:
    """The family of a model, however its host spells the name."""
    if found := _MODERN.search(model):
        return _modern(found[1], (int(found[2]), int(found[3] or 0)))
    if found := _FIRST.search(model):
        return _first(found[1] or "")
    return UNKNOWN


def _first(minor: str) -> Family:
    ceiling = {"": 4096, "5": 8192}.get(minor, 64_000)
    return Family(ceiling, budgets=minor == "7", formats=False)


def _modern(kind: str, version: tuple[int, int]) -> Family:
    always = kind in ("fable", "mythos") or (kind == "opus" and version >= (5, 5))
    adaptive = version >= (5, 0) or (version >= (4, 6) and kind != "haiku")
    newest = version >= (5, 0) or (version >= (4, 7) and kind != "haiku")
    return Family(
        _ceiling(kind, version),
        adaptive=adaptive,
        budgets=not newest,
        efforts=_efforts(kind, version, adaptive, newest),
        samples=not newest,
        both=version < (4, 1),
        quiet=not always,
        thoughtful=version >= (5, 0),
        listens=always or (kind == "opus" and version >= (4, 8)),
        formats=version >= (4, 1),
    )


def _efforts(kind: str, version: tuple[int, int], adaptive: bool, newest: bool) -> tuple[str, ...]:
    if newest:
        return ("low", "medium", "high", "xhigh", "max")
    if adaptive:
        return ("low", "medium", "high", "max")
    return ("low", "medium", "high") if (kind, version) == ("opus", (4, 5)) else ()


def _ceiling(kind: str, version: tuple[int, int]) -> int:
    if version >= (4, 6) and kind != "haiku":
        return 128_000
    return 32_000 if kind == "opus" and version < (4, 5) else 64_000

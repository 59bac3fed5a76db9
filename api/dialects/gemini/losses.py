"""What is lost or said otherwise while a request is written."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_OTHERWISE: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_LONGEST: Final = 64


class Losses:
    """Names of what was dropped and of what was renamed, each once."""

    __slots__ = ("_dropped", "_renamed")

    def __init__(self) -> None:
        self._dropped: set[str] = set()
        self._renamed: set[str] = set()

    def drop(self, *names: str) -> None:
        """These cannot be said."""
        self._dropped.update(names)

    def drop_carried(self, place: str, carried: Mapping[str, object], silent: Iterable[str] = ()) -> None:
        """What another dialect's part carried cannot be said, but for what says nothing to a model."""
        if carried:
            self._dropped.update(f"{place}.{name}" for name in carried if name not in silent)

    def rename(self, *names: str) -> None:
        """These are said in another way."""
        self._renamed.update(names)

    @property
    def dropped(self) -> tuple[str, ...]:
        """What could not be said, sorted."""
        return tuple(sorted(self._dropped))

    @property
    def renamed(self) -> tuple[str, ...]:
        """What is said in another way, sorted."""
        return tuple(sorted(self._renamed))


class Names:
    """Names of tools as Google takes them. A name that does not fit gets one that says which it was."""

    __slots__ = ("given",)

    def __init__(self) -> None:
        self.given: dict[str, str] = {}  # Google's name for each that did not fit, to the caller's

    def fit(self, name: str) -> str:
        """Google's name for a tool: always the same for the same name."""
        if _NAME.fullmatch(name):
            return name
        mark = "_" + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
        fitting = _OTHERWISE.sub("_", name)
        if not fitting[:1].isalpha():
            fitting = f"_{fitting}"
        fitting = fitting[: _LONGEST - len(mark)] + mark
        self.given[fitting] = name
        return fitting

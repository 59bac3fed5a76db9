"""Names of tools as a provider takes them, and the way back to the caller's."""

import hashlib
import re
from typing import Final

MARK: Final = 8  # characters that keep names apart which differ only in what had to go


class Names:
    """Says each name as `allowed` has it, in at most `longest` characters, and always the same way.

    `given` leads from every name that had to be changed back to the caller's. `keep`: they stay as they are, for a
    provider of the caller's own dialect.
    """

    __slots__ = ("_allowed", "_keep", "_longest", "_said", "given")

    def __init__(self, allowed: re.Pattern[str], longest: int, keep: bool = False) -> None:
        self._allowed, self._longest, self._keep = allowed, longest, keep
        self._said: dict[str, str] = {}
        self.given: dict[str, str] = {}

    def say(self, name: str) -> str:
        """The provider's name for a tool."""
        if self._keep:
            return name
        if name not in self._said:
            self._said[name] = said = self._fitting(name)
            if said != name:
                self.given[said] = name
        return self._said[name]

    def _fitting(self, name: str) -> str:
        if len(name) <= self._longest and self._allowed.fullmatch(name):
            return name
        mark = "_" + hashlib.sha256(name.encode(errors="replace")).hexdigest()[:MARK]
        room = self._longest - len(mark)
        fitting = "".join(letter if self._allowed.fullmatch(f"a{letter}") else "_" for letter in name[:room])
        if not self._allowed.fullmatch(fitting):
            fitting = f"_{fitting}"[:room]  # the first character has rules of its own
        return fitting + mark

"""Names of tools as the dialect allows them: letters, digits, `_` and `-`, at most 64."""

import hashlib
import re
from typing import Final

LONGEST: Final = 64
_ALLOWED: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OTHER: Final = re.compile(r"[^a-zA-Z0-9_-]")


class Naming:
    """Says names as they are allowed, always the same way; `changed` leads from each new name to the caller's."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._known: dict[str, str] = {}
        self.changed: dict[str, str] = {}

    def say(self, name: str) -> str:
        """The name of a tool for the provider."""
        if self._keep:
            return name
        if name not in self._known:
            self._known[name] = said = name if _ALLOWED.fullmatch(name) else _shortened(name)
            if said != name:
                self.changed[said] = name
        return self._known[name]


def _shortened(name: str) -> str:
    # The mark keeps names apart that differ only in what had to go.
    mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    return f"{_OTHER.sub('_', name)[: LONGEST - len(mark) - 1]}_{mark}"

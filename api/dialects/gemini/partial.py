"""Arguments of a call that come in pieces: each names its place by a JSONPath, the whole is put together here."""

from itertools import pairwise
from typing import Any, Final

import msgspec

LONGEST_LIST: Final = 10_000  # a list grows one by one; a place beyond is not worth its memory
_VALUES: Final = ("stringValue", "numberValue", "boolValue")


class Pieces:
    """The arguments so far."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, piece: dict[str, Any]) -> None:
        """Take the next piece; texts at the same place are joined. What has no place is passed over."""
        path = _steps(str(piece.get("jsonPath") or ""))
        if not path:
            return
        at: Any = self._root
        for step, following in pairwise(path):
            at = _enter(at, step, [] if isinstance(following, int) else {})
        value = next((piece[name] for name in _VALUES if piece.get(name) is not None), None)
        before = _enter(at, path[-1], None)
        _put(at, path[-1], before + value if isinstance(before, str) and isinstance(value, str) else value)

    def text(self) -> str:
        """The whole as JSON text."""
        return msgspec.json.encode(self._root).decode()


def _steps(path: str) -> list[str | int]:
    """The steps of a path like `$.lines[0].text` or `$['a key']`."""
    steps: list[str | int] = []
    for name in path.removeprefix("$").replace("[", ".[").split("."):
        inner = name[1:-1] if name.startswith("[") and name.endswith("]") else ""
        if inner.isdigit():
            steps.append(int(inner))
        elif inner or name:
            steps.append(inner.strip("'\"") if inner else name)
    return steps


def _enter(at: Any, step: str | int, blank: Any) -> Any:
    """What lies at a step, made if there is nothing."""
    if isinstance(at, dict):
        return at.setdefault(str(step), blank)
    if isinstance(at, list) and isinstance(step, int) and step < LONGEST_LIST:
        at.extend([None] * (step + 1 - len(at)))
        at[step] = blank if at[step] is None else at[step]
        return at[step]
    return None


def _put(at: Any, step: str | int, value: Any) -> None:
    if isinstance(at, dict):
        at[str(step)] = value
    elif isinstance(at, list) and isinstance(step, int) and step < len(at):
        at[step] = value

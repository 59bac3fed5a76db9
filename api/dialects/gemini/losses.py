"""What is lost or said otherwise while a request is written."""

from collections.abc import Iterable, Mapping


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

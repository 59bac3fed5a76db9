"""What was read of a file until it is taken over: in memory, one for each session, for a quarter of an hour."""

import asyncio
from typing import Final, Generic, TypeVar

from webui.session import Session

T = TypeVar("T")
KEPT_SECONDS: Final = 900.0


class Held(Generic[T]):
    """One thing for each session; a new one takes its place."""

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[T, asyncio.TimerHandle]] = {}

    def of(self, session: Session) -> T | None:
        """What `session` is looking at."""
        held = self._held.get(session.digest)
        return held[0] if held else None

    def hold(self, session: Session, thing: T) -> None:
        """Keep `thing` while `session` looks at it."""
        self.let_go(session)
        timer = asyncio.get_running_loop().call_later(KEPT_SECONDS, self.let_go, session)
        self._held[session.digest] = (thing, timer)

    def let_go(self, session: Session) -> None:
        """Forget it, with what is secret in it."""
        if held := self._held.pop(session.digest, None):
            held[1].cancel()

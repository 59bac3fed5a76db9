"""What was read of a file until it is taken over: in memory, one for each session, for a quarter of an hour."""

import asyncio
from typing import Final

from api.importing import Import
from webui.session import Session

KEPT_SECONDS: Final = 900.0


class Imports:
    """One import for each session; a new one takes its place."""

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[Import, asyncio.TimerHandle]] = {}

    def of(self, session: Session) -> Import | None:
        """What `session` is looking at."""
        held = self._held.get(session.digest)
        return held[0] if held else None

    def hold(self, session: Session, imported: Import) -> None:
        """Keep `imported` while `session` looks at it."""
        self.let_go(session)
        timer = asyncio.get_running_loop().call_later(KEPT_SECONDS, self.let_go, session)
        self._held[session.digest] = (imported, timer)

    def let_go(self, session: Session) -> None:
        """Forget it, with the keys in it."""
        if held := self._held.pop(session.digest, None):
            held[1].cancel()

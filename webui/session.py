"""Who may use the dashboard: a one-time link or the password makes a session, a cookie carries it.

The cookie is not marked `Secure` and has no `__Host-` prefix: the dashboard speaks plain HTTP on 127.0.0.1,
where Safari drops such cookies. It names no domain, so it goes to this host alone. But cookies ignore ports:
every other server on 127.0.0.1 receives ours too. So its name carries the port, it opens pages only, and
whatever changes something also wants a token that only our own pages hold.
"""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from msgspec import structs

from api.errors import StoreFailed
from api.store import Store
from api.store import sessions as statements
from api.store.sessions import SessionRow
from webui import browsers
from webui.password import Password

log = logging.getLogger("morello.dashboard")
LINK_SECONDS: Final = 600.0
IDLE_SECONDS: Final = 12 * 3600.0
LIFE_SECONDS: Final = 7 * 86400.0
CLOCK_SLACK: Final = 300.0
SEEN_EVERY: Final = 60.0
BYTES: Final = 32
NAME_LENGTH: Final = 16


class Session:
    """Somebody who is signed in. `csrf` is what the forms of their pages carry; the id itself is not kept."""

    def __init__(self, identity: str) -> None:
        self.digest = digest(identity)
        self.csrf = hmac.new(_bytes(identity), b"csrf", "sha256").hexdigest()

    def owns(self, csrf: str) -> bool:
        """Whether `csrf` is this session's token."""
        return hmac.compare_digest(_bytes(csrf), _bytes(self.csrf))


class Sessions:
    """Everybody who is signed in, the links that are still good, the password. Links do not survive a restart."""

    def __init__(
        self,
        store: Store,
        port: int,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._now, self._monotonic = store, now, monotonic
        self.port = port
        self.password = Password(store, monotonic)
        self._links: dict[bytes, float] = {}
        self._rows = {row.digest: row for row in store.load(statements.load)}

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"morello_{self.port}"

    def set_cookie(self, identity: str) -> str:
        """The Set-Cookie header that signs a browser in."""
        return f"{self.cookie}={identity}; Path=/; Max-Age={int(LIFE_SECONDS)}; HttpOnly; SameSite=Strict"

    def drop_cookie(self) -> str:
        """The Set-Cookie header that signs a browser out."""
        return f"{self.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"

    def new_link(self, base: str) -> str:
        """A link that signs in whoever opens it first, within ten minutes."""
        self._links = {link: ends for link, ends in self._links.items() if ends > self._monotonic()}
        token = secrets.token_urlsafe(BYTES)
        self._links[digest(token)] = self._monotonic() + LINK_SECONDS
        return f"{base}/login?token={token}"

    async def sign_in(self, token: str, agent: str = "") -> str | None:
        """Use up a link's token for the id of a new session; None if it is not, or no longer, good."""
        if self._links.pop(digest(token), 0.0) <= self._monotonic():
            return None
        return await self._begin("link", agent)

    async def sign_in_by_password(self, typed: str, agent: str = "") -> str | None:
        """The id of a new session if `typed` is the password."""
        if not await self.password.check(typed):
            return None
        return await self._begin("password", agent)

    async def find(self, identities: Iterable[str]) -> Session | None:
        """The session that one of the presented ids opens."""
        for identity in identities:
            session = Session(identity)
            row = self._rows.get(session.digest)
            if row and self._is_alive(row):
                await self._note(row)
                return session
        return None

    def knows(self, session: Session) -> bool:
        """Whether `session` is still signed in."""
        row = self._rows.get(session.digest)
        return row is not None and self._is_alive(row)

    def all(self) -> list[SessionRow]:
        """Everybody who is signed in, the latest first."""
        return sorted(filter(self._is_alive, self._rows.values()), key=lambda row: -row.created)

    async def sign_out(self, session: Session) -> None:
        """End a session."""
        await self._remove([session.digest])

    async def end(self, name: str, but: Session) -> bool:
        """End the session called `name`, unless it is `but`; False if there is no such one."""
        found = [row.digest for row in self._others(but) if name_of(row) == name]
        await self._remove(found)
        return bool(found)

    async def end_others(self, but: Session | None) -> int:
        """End every session, except `but`; how many there were."""
        found = [row.digest for row in self._others(but)]
        await self._remove(found)
        return len(found)

    async def set_password(self, new: str, by: Session | None) -> int:
        """Make `new` the password. With another one every session but that of `by` ends: how many there were."""
        had = self.password.is_set
        await self.password.set(new)
        return await self.end_others(by) if had else 0

    async def _begin(self, how: str, agent: str) -> str:
        # Always a fresh id: one that somebody put into the browser beforehand is never adopted.
        identity = secrets.token_urlsafe(BYTES)
        row = SessionRow(digest(identity), self._now(), self._now(), browsers.kept(agent), how)
        # Known before anything is waited for: whoever ends every session meanwhile ends this one too.
        self._rows[row.digest] = row
        await _written(self._store.write(lambda db: statements.add(db, row)))
        await _written(self._forget_old())
        return identity

    def _others(self, but: Session | None) -> list[SessionRow]:
        return [row for row in self.all() if but is None or row.digest != but.digest]

    async def _note(self, row: SessionRow) -> None:
        now = self._now()
        if abs(now - row.seen) >= SEEN_EVERY:
            self._rows[row.digest] = structs.replace(row, seen=now)
            await _written(self._store.write(lambda db: statements.touch(db, row.digest, now)))

    async def _forget_old(self) -> None:
        await self._remove([row.digest for row in self._rows.values() if not self._is_alive(row)])

    async def _remove(self, digests: list[bytes]) -> None:
        for gone in digests:
            self._rows.pop(gone, None)
        if digests:
            await self._store.write(lambda db: statements.remove(db, digests))

    def _is_alive(self, row: SessionRow) -> bool:
        now = self._now()
        # A clock that was set back must not make a session live for ever.
        if max(row.created, row.seen) > now + CLOCK_SLACK:
            return False
        return now - row.seen < IDLE_SECONDS and now - row.created < LIFE_SECONDS


async def _written(writing: Awaitable[None]) -> None:
    """What a full disk does not take holds till the program ends: it must not lock out who could make room on it."""
    try:
        await writing
    except StoreFailed as error:
        log.error("the sessions could not be written: %s", error)


def name_of(row: SessionRow) -> str:
    """What a page calls a session: enough to tell it from every other, nothing that opens it."""
    return row.digest.hex()[:NAME_LENGTH]


def digest(secret: str) -> bytes:
    """What is kept of a secret that has 256 random bits: enough to know it again."""
    return hashlib.sha256(_bytes(secret)).digest()


def _bytes(text: str) -> bytes:
    # Header values are raw bytes in disguise: a strange one must be wrong, not a crash.
    return text.encode(errors="surrogatepass")

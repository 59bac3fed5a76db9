"""The dashboard's password, if its owner wants one: set, cleared, and tried at most ten times a minute.

It is kept as its argon2id hash, with the defaults of argon2-cffi, which are RFC 9106's second recommendation
(64 MiB, three passes, four lanes, a salt of 16 bytes). That takes a fifth of a second and 64 MiB, so one thread
does it: attempts wait for each other, also when whoever asked has hung up. A wrong one is answered after a random
150 ms at most, and counts for a minute; beyond ten nothing is hashed. Everybody on this computer has the same
address, so the limit is one for all of them, and it never locks the owner out: a link opens the dashboard
whatever the password does, the command sets another one, and a minute later there are attempts again.
"""

import asyncio
import hashlib
import random
import time
import unicodedata
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.errors import OwnerError
from api.store import Store
from api.store import password as statements
from webui.locale import marked

T = TypeVar("T")
SHORTEST: Final = 8  # characters, as NIST SP 800-63B-4 has it beside another way in
LONGEST: Final = 1024  # bytes
ATTEMPTS: Final = 10
WINDOW: Final = 60.0
JITTER: Final = 0.15
MARK_LENGTH: Final = 8


class PasswordRefused(OwnerError):
    """It cannot be, or is not, the password; `field` is where it was typed."""

    def __init__(self, words: str, field: str, **given: object) -> None:
        super().__init__(words, **given)
        self.field = field


class TooManyAttempts(OwnerError):
    """Ten wrong ones within a minute; `seconds` is when the next may be tried."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(
            marked("There were ten wrong passwords within a minute. Try again in %(seconds)d s, or use a new link."),
            seconds=seconds,
        )
        self.seconds = seconds


class Attempts:
    """How often was tried, by a clock that is told."""

    def __init__(self) -> None:
        self._taken: deque[float] = deque()

    def take(self, now: float) -> float:
        """Take one of the attempts of this minute; with none left, the moment of the next and nothing taken."""
        while self._taken and self._taken[0] + WINDOW <= now:
            self._taken.popleft()
        if len(self._taken) >= ATTEMPTS:
            return self._taken[0] + WINDOW
        self._taken.append(now)
        return now

    def give_back(self, taken: float) -> None:
        """Whoever was right has not tried."""
        if taken in self._taken:
            self._taken.remove(taken)


class Password:
    """The one password of a dashboard."""

    def __init__(
        self,
        store: Store,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._monotonic, self._sleep = store, monotonic, sleep
        self._hash = store.load(statements.load)
        self._hasher, self._attempts = PasswordHasher(), Attempts()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return self._hash is not None

    @property
    def mark(self) -> str | None:
        """What tells this password from every other without being a part of it; None if there is none."""
        return None if self._hash is None else hashlib.sha256(self._hash.encode()).hexdigest()[:MARK_LENGTH]

    async def check(self, typed: str) -> bool:
        """Whether `typed` is the password; `TooManyAttempts` if that was asked too often."""
        now = self._monotonic()
        if (free := self._attempts.take(now)) > now:
            raise TooManyAttempts(ceil(free - now))
        if not await self._is(typed):
            # Not a secret's randomness: it blurs how long the answer took.
            await self._sleep(random.uniform(0, JITTER))  # noqa: S311
            return False
        self._attempts.give_back(now)
        return True

    async def set(self, new: str) -> None:
        """Make `new` the password; `PasswordRefused` says why it cannot be."""
        require_fit(new)
        await self._keep(new)

    async def clear(self) -> None:
        """Have none. Whoever is signed in stays so."""
        await self._store.erase(statements.remove)
        self._hash = None

    async def _is(self, typed: str) -> bool:
        kept = self._hash
        if kept is None or not _fits(typed) or not await self._slowly(self._verify, kept, _bytes(typed)):
            return False
        if kept != self._hash:
            return False  # it was changed meanwhile
        if self._hasher.check_needs_rehash(kept):
            await self._keep(typed)
        return True

    async def _keep(self, new: str) -> None:
        hashed = await self._slowly(self._hasher.hash, _bytes(new))
        await self._store.erase(lambda db: statements.save(db, hashed))
        self._hash = hashed

    async def _slowly(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _verify(self, kept: str, typed: bytes) -> bool:
        try:
            return self._hasher.verify(kept, typed)
        except (VerificationError, InvalidHashError):
            return False


def require_fit(new: str) -> None:
    """Raise `PasswordRefused` if `new` is too short or too long for a password."""
    if len(_plain(new)) < SHORTEST:
        raise PasswordRefused(marked("Use at least %(number)d characters."), "new", number=SHORTEST)
    if not _fits(new):
        raise PasswordRefused(marked("That is too long. Use at most %(number)d bytes."), "new", number=LONGEST)


def _plain(typed: str) -> str:
    # Two keyboards may write the same letter in two ways.
    return unicodedata.normalize("NFKC", typed)


def _bytes(typed: str) -> bytes:
    return _plain(typed).encode(errors="surrogatepass")


def _fits(typed: str) -> bool:
    return len(typed) <= LONGEST and len(_bytes(typed)) <= LONGEST

"""Which of a provider's keys is used next.

Round-robin by weight for new conversations; one that has begun stays with its key, so that the provider's cache of its
prompt survives. A key that was refused or is over its limit rests for a while, with the reason.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

from msgspec import Struct, structs

from api.errors import SaidInWords
from api.providers.provider import Credential, Provider

NONE: Final = 0  # the number of the key of a provider that wants none
MOST_STUCK: Final = 4096  # conversations whose key is remembered
REFUSED_SECONDS: Final = 600.0  # a key that is not good does not become good by itself
EMPTY_SECONDS: Final = 3600.0  # an account without money waits for its owner
LIMITED_SECONDS: Final = 15.0  # doubled each time in a row, where the provider names no time
LONGEST_REST: Final = 3600.0


class Rest(Struct, frozen=True):
    """Why a key is not used until `until`; both times are in seconds since 1970. `times` counts rests in a row."""

    since: float
    until: float
    why: SaidInWords
    times: int = 1


class Pools:
    """The keys of every provider: who rests, whose turn it is, who stays with whom. `told` hears of a change."""

    def __init__(self, told: Callable[[], None], now: Callable[[], float] = time.time) -> None:
        self._told, self._now = told, now
        self._rests: dict[tuple[str, int], Rest] = {}
        self._credit: dict[tuple[str, int], int] = {}
        self._stuck: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._asked: dict[tuple[str, int], tuple[Provider, Provider]] = {}

    def choose(
        self, provider: Provider, conversation: Callable[[], bytes | None], tried: Collection[int] = ()
    ) -> tuple[Provider, int] | None:
        """`provider` as it is asked with the key whose turn it is, and that key's number; None where none is left.

        Keys that were `tried` are left out, and those that rest where another does not. `conversation` marks what is
        asked: the same mark gets the same key, for as long as that can be used.
        """
        left = [key for key in provider.credentials if key.enabled and key.number not in tried]
        if len(provider.credentials) < 2:  # by far the most: no conversation is looked at
            number = left[0].number if left else NONE
            return None if number in tried or (provider.credentials and not left) else (provider, number)
        if not left:
            return None
        ready = [key for key in left if not self.resting(provider, key.number)]
        key = (
            self._turn(provider, ready, conversation()) if ready else min(left, key=lambda k: self._until(provider, k))
        )
        return self._with(provider, key), key.number

    def is_ready(self, provider: Provider) -> bool:
        """Whether some key of it does not rest; one without keys always is."""
        pool = provider.credentials
        return not pool or any(key.enabled and not self.resting(provider, key.number) for key in pool)

    def resting(self, provider: Provider, number: int) -> Rest | None:
        """Why a key is not used now."""
        rest = self._rests.get((provider.id, number))
        return rest if rest and rest.until > self._now() else None

    def rest(self, provider: Provider, number: int, why: SaidInWords, seconds: float | None = None) -> None:
        """Let a key rest for `seconds`; where nobody said how long, twice as long as the last time in a row."""
        name, now = (provider.id, number), self._now()
        times = self._rests[name].times + 1 if name in self._rests else 1
        wait = LIMITED_SECONDS * 2 ** (times - 1) if seconds is None else seconds
        self._rests[name] = Rest(now, now + min(wait, LONGEST_REST), why, times)
        self._told()

    def wake(self, provider: Provider, number: int) -> None:
        """A key was used with success, or its owner wants it tried again."""
        if self._rests.pop((provider.id, number), None):
            self._told()

    def forget(self, provider: str) -> None:
        """Drop what is known of the keys of a provider that was changed or removed."""
        self._rests = {name: rest for name, rest in self._rests.items() if name[0] != provider}
        self._credit = {name: credit for name, credit in self._credit.items() if name[0] != provider}
        self._asked = {name: asked for name, asked in self._asked.items() if name[0] != provider}
        for name in [name for name in self._stuck if name[0] == provider]:
            del self._stuck[name]

    def _turn(self, provider: Provider, ready: list[Credential], mark: bytes | None) -> Credential:
        stuck = self._stuck.get((provider.id, mark)) if mark else None
        key = next((key for key in ready if key.number == stuck), None) or self._next(provider, ready)
        if mark:
            self._stuck[provider.id, mark] = key.number
            self._stuck.move_to_end((provider.id, mark))
            if len(self._stuck) > MOST_STUCK:
                self._stuck.popitem(last=False)
        return key

    def _next(self, provider: Provider, ready: list[Credential]) -> Credential:
        """Smooth weighted round-robin, as nginx has it: who has waited longest for their share."""
        for key in ready:
            self._credit[provider.id, key.number] = self._credit.get((provider.id, key.number), 0) + key.weight
        chosen = max(ready, key=lambda key: self._credit[provider.id, key.number])
        self._credit[provider.id, chosen.number] -= sum(key.weight for key in ready)
        return chosen

    def _until(self, provider: Provider, key: Credential) -> float:
        rest = self._rests.get((provider.id, key.number))
        return rest.until if rest else 0.0

    def _with(self, provider: Provider, key: Credential) -> Provider:
        """The same object each time, so that what is built for its calls is built once."""
        base, asked = self._asked.get((provider.id, key.number), (None, provider))
        if base is not provider:
            asked = provider if key.key == provider.key else structs.replace(provider, key=key.key)
            self._asked[provider.id, key.number] = provider, asked
        return asked

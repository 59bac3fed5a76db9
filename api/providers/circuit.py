"""Providers that keep failing: skipped for a while where others can be asked, then tried again."""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from api.errors import SaidInWords

FAILURES: Final = 5  # in a row
SECONDS: Final = 30.0  # doubled each time a trial fails too
LONGEST: Final = 600.0
TRIAL_SECONDS: Final = 60.0  # after which a trial that was never heard of again is no reason to wait


class Broken(Struct, frozen=True):
    """A provider that is skipped until `until` (in seconds since 1970), after `failures` in a row; why, at last."""

    since: float
    until: float
    failures: int
    why: SaidInWords


class Circuits:
    """Counts failures in a row, by provider. `told` hears when one is skipped from now on, or no more."""

    def __init__(self, told: Callable[[], None], now: Callable[[], float] = time.time) -> None:
        self._told, self._now = told, now
        self._failures: dict[str, int] = {}
        self._broken: dict[str, Broken] = {}
        self._trials: dict[str, float] = {}

    def broken(self, provider: str) -> Broken | None:
        """Why a provider is skipped, or would be; None where all is well."""
        return self._broken.get(provider)

    def skips(self, provider: str) -> bool:
        """Whether a provider is to be passed over now. When its time has come, one call may try it."""
        broken, now = self._broken.get(provider), self._now()
        if broken is None:
            return False
        if now < broken.until or now < self._trials.get(provider, 0.0):
            return True
        self._trials[provider] = now + TRIAL_SECONDS
        return False

    def failed(self, provider: str, why: SaidInWords) -> None:
        """A provider failed: not its key, and not the caller."""
        count = self._failures[provider] = self._failures.get(provider, 0) + 1
        self._trials.pop(provider, None)
        if count < FAILURES:
            return
        now, wait = self._now(), min(SECONDS * 2 ** min(count - FAILURES, 10), LONGEST)
        before = self._broken.get(provider)
        self._broken[provider] = Broken(before.since if before else now, now + wait, count, why)
        self._told()

    def answered(self, provider: str) -> None:
        """A provider answered, whatever it said."""
        if self._failures.pop(provider, None) and self._broken.pop(provider, None):
            self._trials.pop(provider, None)
            self._told()

    forget = answered

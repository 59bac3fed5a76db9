"""Who may ask: the key that opens /v1.

A key is 122 random bits, so guessing is hopeless and a slow hash would protect nothing; it must also be shown
again, which a hash cannot. So it is sealed at rest, and checked by a keyed hash in constant time.
"""

import hashlib
import hmac
import re
import secrets
import time
import uuid
from typing import Final

from api.store import Store
from api.store import keys as statements
from api.vault import Unreadable, Vault

PREFIX: Final = "cs-sk-"
PLACE: Final = "keys|main|secret"


class Keyring:
    """The main key: made at the first start, the same after every restart."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store, self._vault = store, vault
        self._pepper = secrets.token_bytes(32)
        self.was_unreadable = False
        sealed = store.load(statements.load)
        if sealed is None:
            self._begin()
        else:
            try:
                self._hold(vault.unseal(sealed, PLACE))
            except Unreadable:
                self.was_unreadable = True
                self._begin()

    def check(self, presented: bytes) -> bool:
        """Whether `presented` is the key. Every request asks, so memory answers, in constant time."""
        return hmac.compare_digest(self._digest(presented), self._expected)

    def main(self) -> str:
        """The key itself, for its owner's eyes."""
        return self._secret

    async def regenerate(self) -> str:
        """Make a new key, and forget the old one at once and for good."""
        key = _fresh()
        sealed = self._vault.seal(key, PLACE)
        await self._store.erase(lambda db: statements.save(db, sealed, time.time()))
        self._hold(key)
        return key

    def _begin(self) -> None:
        key = _fresh()
        sealed = self._vault.seal(key, PLACE)
        self._store.load(lambda db: statements.save(db, sealed, time.time()))
        self._hold(key)

    def _hold(self, key: str) -> None:
        self._secret, self._expected = key, self._digest(key.encode())

    def _digest(self, presented: bytes) -> bytes:
        # BLAKE2 is a keyed hash by itself (RFC 7693, 2.5); OpenSSL's HMAC takes ten times as long to set up.
        return hashlib.blake2b(presented, key=self._pepper, digest_size=32).digest()


def masked(key: str) -> str:
    """The key as it may stand on a screen: its form and its last four characters."""
    return PREFIX + re.sub("[0-9a-f]", "•", key[len(PREFIX) : -4]) + key[-4:]


def _fresh() -> str:
    return PREFIX + str(uuid.uuid4())

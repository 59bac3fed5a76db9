"""Secrets at rest: sealed with AES-256-GCM under a key file beside the database.

The database or a backup alone is then worth nothing; root and malware running as the owner are not kept out.
A sealed secret names the place it belongs to (table, row, column), so that it cannot be moved to another row,
for instance under another provider's base URL. What leaves the home is sealed under a passphrase instead.
"""

import os
import secrets
import unicodedata
from pathlib import Path
from typing import Annotated, Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

from api.errors import CannotRun
from api.home import refuse_others

FORMAT: Final = b"\x01"
KEY_BYTES: Final = 32
ID_BYTES: Final = 4
NONCE_BYTES: Final = 12  # the size NIST SP 800-38D names for GCM
SALT_BYTES: Final = 16


class Unreadable(Exception):
    """A sealed secret that this key file cannot open: another key file sealed it, or it was moved."""


class Lock(Struct, frozen=True):
    """How a passphrase becomes a key: argon2id, by default with RFC 9106's second recommendation.

    The bounds are for locks that come from elsewhere: whoever opens one pays for it.
    """

    salt: Annotated[bytes, Meta(min_length=8, max_length=64)]
    kibibytes: Annotated[int, Meta(ge=8 * 1024, le=512 * 1024)] = 64 * 1024
    passes: Annotated[int, Meta(ge=1, le=16)] = 3
    lanes: Annotated[int, Meta(ge=1, le=16)] = 4


class Sealed(Struct, frozen=True):
    """What opens under a passphrase: nonce, ciphertext and tag, and how the key is made."""

    lock: Lock
    content: bytes


def seal_under(passphrase: str, secret: bytes, place: str) -> Sealed:
    """Encrypt `secret` for `place` under a passphrase. Takes a fifth of a second and 64 MiB."""
    lock, nonce = Lock(secrets.token_bytes(SALT_BYTES)), secrets.token_bytes(NONCE_BYTES)
    return Sealed(lock, nonce + AESGCM(_stretched(passphrase, lock)).encrypt(nonce, secret, _bound(place)))


def unseal_under(passphrase: str, sealed: Sealed, place: str) -> bytes:
    """Decrypt what `seal_under` made for the same `place`; `Unreadable` with another passphrase."""
    nonce, body = sealed.content[:NONCE_BYTES], sealed.content[NONCE_BYTES:]
    try:
        return AESGCM(_stretched(passphrase, sealed.lock)).decrypt(nonce, body, _bound(place))
    except (InvalidTag, ValueError):
        raise Unreadable(place) from None


class Vault:
    """Seals and opens. A sealed secret is format (1) | key id (4) | nonce (12) | ciphertext and tag."""

    def __init__(self, key: bytes) -> None:
        self._id, self._cipher = key[KEY_BYTES:], AESGCM(key[:KEY_BYTES])

    @classmethod
    def open(cls, home: Path) -> "Vault":
        """Read `master.key` in `home`, or make it. It reaches the disk before the first secret can."""
        path = home / "master.key"
        if not path.exists():
            _make(path)
        refuse_others(path)
        key = path.read_bytes()
        if len(key) != KEY_BYTES + ID_BYTES:
            raise CannotRun(
                f"{path} is damaged. Restore it from where you keep it, or move it away: a new one is made "
                "then, and the secrets sealed with the old one must be entered again."
            )
        return cls(key)

    def seal(self, secret: str, place: str) -> bytes:
        """Encrypt `secret` for `place`, written `table|row|column`."""
        return self.seal_bytes(secret.encode(), place)

    def unseal(self, sealed: bytes, place: str) -> str:
        """Decrypt what `seal` made for the same `place`; `Unreadable` otherwise."""
        try:
            return self.unseal_bytes(sealed, place).decode()
        except UnicodeDecodeError:
            raise Unreadable(place) from None

    def seal_bytes(self, secret: bytes, place: str) -> bytes:
        """Encrypt bytes for `place`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return FORMAT + self._id + nonce + self._cipher.encrypt(nonce, secret, _bound(place))

    def unseal_bytes(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal_bytes` made for the same `place`; `Unreadable` otherwise."""
        head = len(FORMAT) + ID_BYTES
        if sealed[:head] != FORMAT + self._id:
            raise Unreadable(place)
        nonce, body = sealed[head : head + NONCE_BYTES], sealed[head + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, _bound(place))
        except (InvalidTag, ValueError):  # changed, or cut short
            raise Unreadable(place) from None


def _stretched(passphrase: str, lock: Lock) -> bytes:
    secret = unicodedata.normalize("NFKC", passphrase).encode()
    return hash_secret_raw(secret, lock.salt, lock.passes, lock.kibibytes, lock.lanes, KEY_BYTES, Type.ID)


def _bound(place: str) -> bytes:
    return b"morello1|" + place.encode()


def _make(path: Path) -> None:
    # Written under another name first: a kill in between must not leave half a key behind.
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(secrets.token_bytes(KEY_BYTES) + secrets.token_bytes(ID_BYTES))
        out.flush()
        os.fsync(out.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

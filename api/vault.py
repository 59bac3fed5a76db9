"""Secrets at rest: sealed with AES-256-GCM under a key file beside the database.

The database or a backup alone is then worth nothing; root and malware running as the owner are not kept out.
A sealed secret names the place it belongs to (table, row, column), so that it cannot be moved to another row,
for instance under another provider's base URL.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.errors import CannotRun
from api.home import refuse_others

FORMAT: Final = b"\x01"
KEY_BYTES: Final = 32
ID_BYTES: Final = 4
NONCE_BYTES: Final = 12  # the size NIST SP 800-38D names for GCM


class Unreadable(Exception):
    """A sealed secret that this key file cannot open: another key file sealed it, or it was moved."""


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

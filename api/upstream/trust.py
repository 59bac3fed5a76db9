"""Whom TLS may trust: the usual roots, with those of a file that the owner named.

The file is looked at for each new connection and read again when it has changed. Where it is gone, nobody is trusted:
whoever named it meant it. There is no way to trust everybody.
"""

import asyncio
import os
import ssl
import stat
from collections.abc import Callable
from typing import Final

import httpx

from api.errors import OwnerError

LARGEST: Final = 1024 * 1024
LONGEST_PATH: Final = 4096

Stamp = tuple[int, int, int, int]


class CaFileRefused(OwnerError):
    """Not a file of certificates."""


class NotTrusted(httpx.ConnectError):
    """Nobody is trusted: the owner's file was `refused`."""

    def __init__(self, refused: CaFileRefused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class Trust:
    """The TLS context in force. `ca_file` is asked each time; empty for none."""

    def __init__(self, ca_file: Callable[[], str] = str) -> None:
        self._ca_file = ca_file
        self._made: tuple[str, Stamp | None, ssl.SSLContext] | None = None
        self._making = asyncio.Lock()

    async def context(self) -> ssl.SSLContext:
        """What a new connection is opened with; `NotTrusted` where the owner's file cannot be read."""
        async with self._making:
            path = self._ca_file()
            if not path and self._made and not self._made[0]:
                return self._made[2]
            try:
                self._made = await asyncio.to_thread(_renewed, path, self._made)
            except CaFileRefused as error:
                raise NotTrusted(error) from error
            return self._made[2]


def checked_ca_file(path: str) -> str:
    """The path of a file of certificates, as it is kept; empty for none. `CaFileRefused` says why not. It blocks."""
    path = path.strip()
    if path:
        if not os.path.isabs(path) or len(path) > LONGEST_PATH or "\0" in path:
            raise CaFileRefused("Write the whole path of the CA file, from the root of the disk.")
        _add_to(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)
    return path


def default_tls() -> ssl.SSLContext:
    """httpx's own trust, blind to the environment."""
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _renewed(
    path: str, made: tuple[str, Stamp | None, ssl.SSLContext] | None
) -> tuple[str, Stamp | None, ssl.SSLContext]:
    stamp = _stamp(path) if path else None
    if made and made[:2] == (path, stamp):
        return made
    context = default_tls()
    if path:
        _add_to(context, path)
    return path, stamp, context


def _stamp(path: str) -> Stamp:
    try:
        seen = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size


def _add_to(context: ssl.SSLContext, path: str) -> None:
    text = _read(path)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise CaFileRefused("%(path)s holds no certificates in PEM form. Choose a CA file.", path=path) from None


def _read(path: str) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CaFileRefused("%(path)s is not a file. Choose a CA file in PEM form.", path=path)
        # Without waiting: a pipe that took the file's place just now would never answer.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > LARGEST:
        raise CaFileRefused("%(path)s is larger than 1 MiB. Choose a CA file in PEM form.", path=path)
    return content.decode("latin-1").encode("ascii", errors="replace").decode("ascii")  # only comments hold others


def _unreadable(path: str, error: OSError) -> CaFileRefused:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return CaFileRefused("The CA file %(path)s cannot be read: %(reason)s.", path=path, reason=reason)

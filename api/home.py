"""The folder where everything lives: owner only, and one program at a time."""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from api.errors import AnotherInstance, CannotRun


class Occupant(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who holds a home. Addresses are URLs; `dashboard` is None for `python -m api`."""

    pid: int
    dashboard: str | None = None
    api: str | None = None


class Home:
    """A data directory, 0700, whose lock the kernel frees when its holder dies (pid files lie)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None

    def prepare(self) -> None:
        """Make the folder, or refuse one that others can read. Sets this process's umask to 077."""
        os.umask(0o077)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CannotRun(
                f"The data directory {self.path} cannot be made: {error.strerror}. Choose another with --home."
            ) from error
        refuse_others(self.path)

    def lock(self) -> None:
        """Hold the home until `release`; `AnotherInstance` names who holds it already."""
        file = os.fdopen(os.open(self.path / "instance.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise AnotherInstance(self._taken()) from None
        file.truncate(0)  # who was here before is not who is here now
        self._lock = file

    def tell(self, occupant: Occupant) -> None:
        """Write into the lock who we are, for the commands and for the second instance's sentence."""
        assert self._lock is not None
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(msgspec.json.encode(occupant))
        self._lock.flush()

    def occupant(self) -> Occupant | None:
        """Who runs on this home now, read from its lock; None if nobody does."""
        try:
            with (self.path / "instance.lock").open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return _read(file)
        except OSError:
            return None
        return None

    def release(self) -> None:
        """Give the home back."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def _taken(self) -> str:
        holder = self.occupant()
        if holder is None or not holder.pid:
            return f"Another Morello is starting or ending on {self.path}. Wait a moment and try again."
        where = holder.dashboard or holder.api
        at = f" at {where}" if where else ""
        return f"Morello already runs on {self.path}: pid {holder.pid}{at}. Use that one, or stop it first."


def _read(file: IO[bytes]) -> Occupant:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(file.read(), type=Occupant)
    return Occupant(pid=0)


def refuse_others(path: Path) -> None:
    """Raise `CannotRun` where a file or folder of ours is a link, another user's, or open to others."""
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode) and not stat.S_ISDIR(path.stat().st_mode):
        raise CannotRun(f"{path} is a link. Morello keeps secrets there: replace it by a real file.")
    info = path.stat()
    if info.st_uid != os.geteuid():
        raise CannotRun(f"{path} belongs to another user. Run Morello as that user, or choose another --home.")
    if stat.S_IMODE(info.st_mode) & 0o077:
        raise CannotRun(f"{path} can be opened by other users. Close it with: chmod go-rwx '{path}'")

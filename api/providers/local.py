"""The built-in provider: llama.cpp's own server as a child of this process.

The child is started by the first call that needs it, costs nothing before, and ends with us, or when nobody has asked
it for ten minutes. It speaks OpenAI's and Anthropic's dialect itself, so the relay treats it as any other far end.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from msgspec import Raw

from api.errors import SaidInWords
from api.providers import local_files
from api.providers.local_files import EXTRA, MODEL, LocalModelFailed, Plan, assemble, chosen, unavailable
from api.providers.provider import Model

__all__ = ["EXTRA", "MODEL", "Endpoint", "LocalModel", "LocalModelFailed", "assemble", "chosen", "unavailable"]

CHILD = Path(__file__).with_name("local_child.py")
START_SECONDS = 60.0
OWN_START_SECONDS: Final = 300.0  # a large file comes slowly from a slow disk
TERMINATE_SECONDS: Final = 0.5  # then it is killed
IDLE_SECONDS: Final = 600.0
LOOKS: Final = 20  # within that time
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
# What the quiz of Gemma's chat would do to a plain completion: an empty grammar or list of stop words means the
# child's own, so there is a grammar that allows everything, and a stop word that no text holds.
_ANYTHING: Final = Raw(rb'"root ::= .*"')
_NEVER: Final = Raw(rb'["\uffff\uffff"]')
_SHAPES: Final = ("grammar", "json_schema", "response_format")


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


class Lines(Protocol):
    """Our connections, as far as the child's end depends on them."""

    def is_busy(self, base_url: str) -> bool:
        """Whether something is being asked or answered there."""

    def forget(self, base_url: str) -> None:
        """Close what is open there: nobody answers any more."""


class NoLines:
    """The `Lines` of whoever asks the child in their own way."""

    def is_busy(self, base_url: str) -> bool:
        """Never."""
        return False

    def forget(self, base_url: str) -> None:
        """Nothing is open."""


class LocalModel:
    """llama.cpp's own server as a child: started by the first call that needs it, ended when it is idle, or with us.

    It serves the owner's `own` file, or Gemma. `told` hears when the child has come or gone.
    """

    def __init__(
        self,
        cache: Path,
        own: Path | None = None,
        *,
        lines: Lines | None = None,
        idle_seconds: float = IDLE_SECONDS,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._cache, self._own = cache, own
        self._lines: Lines = lines or NoLines()
        self._look_seconds, self._told = idle_seconds / LOOKS, told
        self._child: Child | None = None
        self._starting: asyncio.Task[Child | LocalModelFailed] | None = None
        self._ending: set[asyncio.Task[Any]] = set()
        self._looking: asyncio.TimerHandle | None = None
        self._asked, self._quiet = False, 0

    @property
    def is_running(self) -> bool:
        """Whether the child is there and has said that it is ready."""
        return self._child is not None and self._child.process.returncode is None

    @property
    def model(self) -> Model:
        """The model that is served, as it is listed."""
        return local_files.listed(self._own)

    def fault(self) -> SaidInWords | None:
        """What is not installed here that the chosen file needs; None if everything is."""
        return unavailable(own=self._own is not None)

    def trouble(self) -> SaidInWords | None:
        """Why the next call would fail, as far as the file's first bytes say: it may have been moved away."""
        return local_files.trouble(self._own) if self._own else self.fault()

    async def endpoint(self) -> Endpoint:
        """Where the model answers; starts it if it is not running. Raises LocalModelFailed."""
        self._asked = True
        if self._child is not None and self.is_running:
            return self._child.endpoint
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
        return (await _outcome(self._starting)).endpoint

    def as_text(self, body: bytes) -> bytes:
        """A plain completion's body, said so that it is no answer in Gemma's quiz."""
        if self._own is not None:
            return body
        fields = _FIELDS.decode(body)
        if not any(shape in fields for shape in _SHAPES):
            fields["grammar"] = _ANYTHING
        if fields.get("stop") in (None, Raw(b"null"), Raw(b'""'), Raw(b"[]")):
            fields["stop"] = _NEVER
        return msgspec.json.encode(fields)

    def serve(self, own: Path | None) -> None:
        """Serve the owner's `own` file from the next call on, or Gemma again; the child that runs is ended."""
        self._own = own
        self._abandon()

    async def close(self) -> None:
        """End the child, also one that is still starting."""
        self._abandon()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _start(self) -> Child | LocalModelFailed:
        seconds = OWN_START_SECONDS if self._own else START_SECONDS
        try:
            async with asyncio.timeout(seconds):
                plan = await asyncio.to_thread(local_files.plan, self._cache, self._own)
                self._child = await _launch(plan)
        except TimeoutError:
            return LocalModelFailed(
                "The built-in model did not start within %(seconds)d seconds. Ask again when the machine is less busy.",
                seconds=round(seconds),
            )
        except LocalModelFailed as failure:
            return failure
        self._asked, self._quiet = True, 0
        self._watch()
        self._told()
        return self._child

    def _watch(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.get_running_loop().call_later(self._look_seconds, self._look)

    def _look(self) -> None:
        """Count how often in a row nobody asked. Nothing is awaited: no call can come between the look and the end."""
        child = self._child
        if child is None or not self.is_running:
            return
        busy = self._asked or self._lines.is_busy(child.endpoint.base_url)
        self._asked, self._quiet = False, 0 if busy else self._quiet + 1
        # One more than fit into the time: the first of them came some time after the last call.
        if self._quiet > LOOKS:
            self._let_go()
        else:
            self._watch()

    def _abandon(self) -> None:
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            self._remember(starting)
        self._let_go()

    def _let_go(self) -> None:
        """Have the child end; whoever asks from now on gets another one."""
        if self._looking is not None:
            self._looking.cancel()
        child, self._child, self._looking = self._child, None, None
        if child is None:
            return
        self._remember(asyncio.create_task(self._dismiss(child)))

    def _remember(self, ending: asyncio.Task[Any]) -> None:
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _dismiss(self, child: Child) -> None:
        await _end(child.process)
        self._lines.forget(child.endpoint.base_url)
        self._told()


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


async def _launch(plan: Plan) -> Child:
    spawning = asyncio.create_task(_spawn(plan))
    try:
        process = await asyncio.shield(spawning)
        return Child(process, await _greet(process, plan))
    except BaseException:
        # A process cut off while it is being made is left to asyncio, which warns, or leaves a zombie.
        await _end(await spawning)
        raise


async def _spawn(plan: Plan) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", CHILD, msgspec.json.encode(plan).decode(), str(_threads())),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # llama.cpp is chatty, and prompts are nobody's business
            start_new_session=True,  # Ctrl-C in the terminal is for us: we decide when the child ends
        )
    except OSError as error:
        raise LocalModelFailed(
            "The built-in model's process could not be started: %(why)s. Ask again later.", why=error.strerror
        ) from error


async def _greet(process: Process, plan: Plan) -> Endpoint:
    """Hand over a key and hear where the child answers."""
    assert process.stdin is not None and process.stdout is not None
    key = secrets.token_urlsafe(32)
    process.stdin.write(f"{key}\n".encode())
    report = (await process.stdout.readline()).decode().strip()
    match report.partition(" "):
        case "ready", _, base_url:
            return Endpoint(base_url, key)
        case "failed", _, reason:
            raise await _unloaded(plan, reason)
        case _:
            raise LocalModelFailed(
                "The built-in model ended while it was starting (%(fate)s). Ask again.",
                fate=_fate(await process.wait()),
            )


async def _unloaded(plan: Plan, reason: str) -> LocalModelFailed:
    """Why a file was not loaded. One that we made is made anew; the owner's own is not ours to touch."""
    if plan.own:
        return LocalModelFailed(
            "llama.cpp cannot load “%(path)s”: it is damaged, of a kind that it does not know, or too large for this "
            "computer's memory. Choose another file, or none for the built-in model.",
            path=plan.path,
        )
    await asyncio.to_thread(Path(plan.path).unlink, missing_ok=True)
    return LocalModelFailed(
        "The built-in model did not start (%(why)s). Ask again: its file is then made anew.", why=reason
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

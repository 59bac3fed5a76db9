"""What every dialect can do, whichever it is: the names that its package offers.

A dialect is a package of pure functions and small machines: no sockets, no clock but for the time a reply is stamped
with, no log. It is spoken from two sides: callers speak it to us (`read_request`, `Writer`, `write_reply`), and we
speak it to providers (`write_request`, `Reader`, `read_reply`). `Ear` listens where bytes pass between the two.
"""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from api.conversation import ChatRequest, Event, Reply, Usage
from api.dialects import sse
from api.dialects.quirks import Quirks
from api.errors import GatewayError


class Written(Struct, frozen=True):
    """A request in a provider's words. `dropped` names what could not be said, `renamed` what is said otherwise.

    Both name fields of the vocabulary (`logit_bias`, `messages.citations`) or of the caller's `extra`, sorted, once.
    `names` are the tools that the provider must know by other names: its name for each, to the caller's.
    """

    body: bytes
    dropped: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    names: dict[str, str] = {}


class Told(Struct, frozen=True):
    """An error in a provider's own words: its sentence, its type and its code."""

    words: str
    type: str | None = None
    code: str | None = None


class SaysEvents(Protocol):
    """Events to the bytes of a stream. The model is echoed as the caller wrote it."""

    def __init__(self, request: ChatRequest, request_id: str) -> None: ...

    def write(self, event: Event) -> bytes:
        """The frames that say `event`; nothing where the dialect has no word for it."""

    def fail(self, error: GatewayError) -> bytes:
        """The last frames of a stream that failed, no mark of success among them."""


class HearsEvents(Protocol):
    """The frames of a provider's stream to events: never an exception, whatever comes."""

    finished: bool  # whether the reply is complete, or the provider said that it failed

    def __init__(self) -> None: ...

    def feed(self, frames: Iterable[sse.Frame]) -> list[Event]:
        """What these frames say."""

    def end(self) -> list[Event]:
        """What is still to be said when the stream is over; nothing if it broke off, and `finished` says so."""


class Listens(Protocol):
    """Listens along while bytes pass: when the first token came, what was counted, whether it ended."""

    finished: bool
    has_spoken: bool
    usage: Usage | None

    def hear(self, frames: Iterable[sse.Frame]) -> None:
        """Take note of frames as they pass."""

    def hear_whole(self, body: bytes) -> None:
        """The same for a reply that is not a stream."""


class Dialect(Protocol):
    """One of the packages beside this file."""

    NAME: str
    HEARTBEAT: bytes  # what keeps a silent stream alive
    MEDIA_TYPE: str  # what a stream calls itself
    CALLED: dict[str, str]  # fields of the vocabulary that the dialect calls otherwise: {"stop": "stop_sequences"}

    # Read-only, so that a package's own class may stand for each.
    @property
    def Writer(self) -> type[SaysEvents]:
        """Writes a stream for a caller."""

    @property
    def Reader(self) -> type[HearsEvents]:
        """Reads a provider's stream."""

    @property
    def Ear(self) -> type[Listens]:
        """Listens to passing bytes."""

    def read_request(self, body: bytes, model: str = "", stream: bool = False) -> ChatRequest:
        """The caller's request; `InvalidRequest` names the field that is wrong.

        `model` and `stream` are for the dialect that says them in the URL.
        """

    def write_request(self, request: ChatRequest, quirks: Quirks, provider: str) -> Written:
        """`request` in this dialect, for the provider of that id. `InvalidRequest` where it cannot be said at all."""

    def read_reply(self, body: bytes) -> list[Event]:
        """A provider's whole reply, as events. `ValueError` if it is none."""

    def write_reply(self, reply: Reply, request: ChatRequest, request_id: str) -> bytes:
        """A whole reply as one JSON object."""

    def write_error(self, error: GatewayError, request_id: str) -> bytes:
        """An error's body."""

    def error_frame(self, error: GatewayError, request_id: str) -> bytes:
        """The last frame of a stream of passing bytes that failed."""

    def error_in(self, body: bytes) -> Told | None:
        """A provider's error. None if the body is not an error of this dialect."""

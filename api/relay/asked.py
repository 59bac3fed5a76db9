"""What the routes and the relay hand each other: a call as it came in, and its answer on the way out."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Protocol

from msgspec import Struct

from api.endpoints import Endpoint
from api.uploads import Upload


class Named(Struct, frozen=True):
    """What a URL says that other dialects say in the body."""

    model: str
    stream: bool


class Asked(Struct, frozen=True):
    """What came in. `provider` was named in the URL, if it was; `named` is what else the URL said.

    `endpoint` is what is asked for, where that is no conversation: in the caller's `form`, where the endpoint has
    several, with `method` at `below` its path and with `query`. A form with files comes as `upload`, with no `body`.
    """

    body: bytes
    headers: Mapping[str, str]
    request_id: str
    route: str
    provider: str | None = None
    named: Named | None = None
    endpoint: Endpoint | None = None
    form: ModuleType | None = None
    upload: Upload | None = None
    method: str = "POST"
    below: str = ""
    query: str = ""


class Answer(Struct, frozen=True):
    """A whole answer, to be sent at once."""

    body: bytes
    media_type: str
    headers: dict[str, str]
    status: int = 200


class Delivery(Protocol):
    """A stream on its way to the caller."""

    begun: bool

    async def begin(self, media_type: str, headers: dict[str, str]) -> None:
        """Send the head: from here on an error can only be a frame."""

    def write(self, data: bytes) -> None:
        """Send bytes now."""

    async def settle(self) -> None:
        """Wait while the caller reads more slowly than we write."""

    def obey(self, brake: Callable[[bool], None] | None) -> None:
        """Call `brake(True)` when the caller falls behind and `brake(False)` when they have caught up."""

    async def end(self) -> None:
        """Send the end of the stream."""

    def cut(self) -> None:
        """Break off, so that nobody takes what came for the whole."""

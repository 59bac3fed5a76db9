"""What the routes and the relay hand each other: a call as it came in, and its answer on the way out."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct


class Named(Struct, frozen=True):
    """What a URL says that other dialects say in the body."""

    model: str
    stream: bool


class Asked(Struct, frozen=True):
    """What came in. `provider` was named in the URL, if it was; `named` is what else the URL said."""

    body: bytes
    headers: Mapping[str, str]
    request_id: str
    route: str
    provider: str | None = None
    named: Named | None = None


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

"""What the OpenAPI document says of a route: written beside it, with the very Structs its code decodes with.

Only noted here; `docs.py` gives it to sanic-ext, whose import takes a third of a start.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec import Struct

Handler = TypeVar("Handler", bound=Callable[..., Any])
NOTE: Final = "__described__"
PASSED_ON: Final = (
    "Every field of the dialect is passed on to a provider that speaks it. For any other provider the request is "
    "translated; fields that cannot be said there are named in `x-morello-dropped`, or refused with 400 if "
    "`x-morello-strict: 1` was sent."
)


class Described(Struct, frozen=True):
    """A route in words. `query` holds a name, a type and a sentence for each parameter.

    `example` is a body, `answer` what comes of it. `upload`: the body is a form with files, which are the fields of
    type `bytes`. `binary` is the media type of an answer that is no JSON, `stream` that of an answer that comes in
    pieces.
    """

    summary: str
    description: str
    reply: type[Struct]
    error: type[Struct] | None = None
    body: type[Struct] | None = None
    example: dict[str, Any] | None = None
    streams: bool = False
    public: bool = False
    query: tuple[tuple[str, type, str], ...] = ()
    answer: dict[str, Any] | None = None
    upload: bool = False
    binary: str | None = None
    stream: str = "text/event-stream"

    @property
    def structs(self) -> list[type[Struct]]:
        """The shapes it speaks of."""
        return [struct for struct in (self.body, self.reply, self.error) if struct]


def documented(summary: str, description: str, **more: Any) -> Callable[[Handler], Handler]:
    """Describe the route below; the fields of `Described`."""
    note = Described(summary, description, **more)

    def describe(handler: Handler) -> Handler:
        setattr(handler, NOTE, note)
        return handler

    return describe

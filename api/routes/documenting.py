"""What the OpenAPI document says of a route: written beside it, with the very Structs its code decodes with.

Only noted here; `specification.py` puts the document together, and imports what takes a third of a start.
"""

import re
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
_PARAMETER: Final = re.compile(r"<(\w+):(?:\(\?P<\w+>.+?\)(:\w+)|[^<>]*)>")  # with what a pattern wants after it


class Described(Struct, frozen=True):
    """A route in words. `query` holds a name, a type and a sentence for each parameter.

    `reply` is None where no answer is JSON. `example` is a body, `answer` what comes of it. `upload`: the body is a
    form with files, which are the fields of type `bytes`. `binary` is the media type of an answer that is no JSON,
    `stream` that of an answer that comes in pieces, `listed` an answer that is an array of `reply`. `asks`: a provider
    is asked; if nothing is said, where there is a body. `rehearses`: that can be tried without asking anybody.
    """

    summary: str
    description: str
    reply: type[Struct] | None = None
    error: type[Struct] | None = None
    body: type[Struct] | None = None
    example: dict[str, Any] | None = None
    streams: bool = False
    public: bool = False
    query: tuple[tuple[str, type, str], ...] = ()
    answer: dict[str, Any] | list[dict[str, Any]] | None = None
    upload: bool = False
    binary: str | None = None
    stream: str = "text/event-stream"
    listed: bool = False
    asks: bool | None = None
    rehearses: bool = True

    @property
    def structs(self) -> list[type[Struct]]:
        """The shapes it speaks of."""
        return [struct for struct in (self.body, self.reply, self.error) if struct]

    @property
    def is_asked_on(self) -> bool:
        """Whether a provider's own status can be the answer."""
        return self.body is not None if self.asks is None else self.asks


def documented(summary: str, description: str, **more: Any) -> Callable[[Handler], Handler]:
    """Describe the route below; the fields of `Described`."""
    note = Described(summary, description, **more)

    def describe(handler: Handler) -> Handler:
        setattr(handler, NOTE, note)
        return handler

    return describe


def shown(path: str) -> str:
    """A route's path as a reader knows it."""
    return "/" + _PARAMETER.sub(r"{\1}\2", path)

"""What is said where words become pictures: the vocabulary between the forms of images."""

from msgspec import Struct

from api.conversation import Carried, Inline, Source, Usage


class ImageRequest(Struct, frozen=True):
    """A picture to be made of words, or of words and pictures.

    `images` are pictures to start from, `mask` says where they may change. `size` is `WIDTHxHEIGHT` or `auto`,
    `wants_url` that a link was asked for instead of data, `stream` that the picture is wanted as an event. `extra`
    holds every other field.
    """

    model: str
    prompt: str
    images: tuple[Source, ...] = ()
    mask: Source | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    wants_url: bool = False
    stream: bool = False
    user: str | None = None
    extra: Carried = {}


class Drawn(Struct, frozen=True):
    """The pictures. `revised` are the words that were really drawn, for each where that was told.

    `image_tokens_in` and `image_tokens_out` are what of `usage` was pictures.
    """

    images: tuple[Inline, ...]
    revised: tuple[str | None, ...] = ()
    usage: Usage | None = None
    image_tokens_in: int = 0
    image_tokens_out: int = 0

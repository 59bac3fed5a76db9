"""OpenAI's shapes of questions and answers about pictures, as they are checked and documented."""

from typing import Annotated

from msgspec import Meta, Struct

Model = Annotated[
    str,
    Meta(
        description="provider:model. Without it, the provider named in x-morello-provider, or the only one there is",
        examples=["openai:gpt-image-2", "google:gemini-3.1-flash-image"],
    ),
]
Prompt = Annotated[str, Meta(min_length=1, description="What to draw", examples=["A lighthouse in the fog"])]
Count = Annotated[int, Meta(ge=1, description="How many pictures. Gemini draws one at a time", examples=[1])]
Size = Annotated[
    str,
    Meta(
        description="WIDTHxHEIGHT or auto. Gemini is told the nearest of its own aspect ratios and sizes",
        examples=["1536x1024"],
    ),
]
Quality = Annotated[str, Meta(description="low, medium, high, xhigh, max or auto", examples=["auto"])]
Background = Annotated[str, Meta(description="transparent, opaque or auto", examples=["auto"])]
OutputFormat = Annotated[str, Meta(description="png, jpeg, webp, gif or svg", examples=["png"])]
ResponseFormat = Annotated[str, Meta(description="b64_json or url, of models that can do both", examples=["b64_json"])]
Streamed = Annotated[bool, Meta(description="Answer with events, the pictures in them", examples=[False])]
User = Annotated[str, Meta(description="Your own name for who asks", examples=["user-1234"])]


class ImageGenerationRequest(Struct, omit_defaults=True):
    """The fields Morello reads. Every other one is passed on to a provider that has OpenAI's images."""

    prompt: Prompt
    model: Model | None = None
    n: Count | None = None
    size: Size | None = None
    quality: Quality | None = None
    background: Background | None = None
    output_format: OutputFormat | None = None
    response_format: ResponseFormat | None = None
    stream: Streamed | None = None
    user: User | None = None


class ImageReference(Struct, omit_defaults=True):
    """A picture by where it is: an http(s) or data URL, or a file that the provider keeps."""

    image_url: str | None = None
    file_id: str | None = None


class ImageQuestion(ImageGenerationRequest, omit_defaults=True):
    """The same with pictures to start from, as an edit in JSON has them."""

    images: list[ImageReference] | None = None
    mask: ImageReference | None = None


class ImageEditForm(ImageGenerationRequest, omit_defaults=True, kw_only=True):
    """The same as a form with pictures to start from."""

    image: Annotated[bytes, Meta(description="The picture to start from. Several are sent as `image[]`, each one")]
    mask: Annotated[bytes, Meta(description="A PNG that is transparent where the first picture may change")] | None = (
        None
    )


class ImageVariationForm(Struct, omit_defaults=True):
    image: Annotated[bytes, Meta(description="The picture to vary")]
    model: Model | None = None
    n: Count | None = None
    size: Size | None = None
    response_format: ResponseFormat | None = None
    user: User | None = None


class ImageData(Struct, omit_defaults=True):
    """One picture, as data or as a link to it."""

    b64_json: Annotated[str, Meta(description="Base64")] | None = None
    url: str | None = None
    revised_prompt: Annotated[str, Meta(description="What was really drawn, where the provider tells")] | None = None


class TokenKinds(Struct):
    text_tokens: int
    image_tokens: int


class ImageUsage(Struct, omit_defaults=True):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: TokenKinds | None = None
    output_tokens_details: TokenKinds | None = None


class ImagesReply(Struct, omit_defaults=True):
    created: Annotated[int, Meta(description="Seconds since 1970")]
    data: list[ImageData] | None = None
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None
    usage: ImageUsage | None = None


class ImageCompleted(Struct, omit_defaults=True):
    """The event of a picture that is whole."""

    type: str
    b64_json: str
    created_at: int
    size: str
    quality: str
    background: str
    output_format: str
    usage: ImageUsage | None = None

"""What is said where texts become vectors: the vocabulary between the forms of embeddings."""

from enum import StrEnum

from msgspec import Struct

from api.conversation import Carried, Usage


class Purpose(StrEnum):
    """What vectors are for, as far as two forms have words for the same."""

    QUERY = "query"
    DOCUMENT = "document"
    CLASSIFICATION = "classification"
    CLUSTERING = "clustering"
    SIMILARITY = "similarity"
    QUESTION = "question"
    FACT = "fact"
    CODE = "code"


class EmbeddingRequest(Struct, frozen=True):
    """Texts, or texts as the tokens a model would read, to be turned into vectors.

    `single`: the caller sent one text, not a list of one. `dimensions` is how long a vector shall be, `as_base64`
    that it is wanted as the base64 of little-endian 32-bit floats. `truncate`: what is too long is cut instead of
    refused. `extra` holds every other field. `called` are the caller's own names for fields that have another here.
    """

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    single: bool = False
    dimensions: int | None = None
    as_base64: bool = False
    purpose: Purpose | None = None
    truncate: bool | None = None
    user: str | None = None
    extra: Carried = {}
    called: dict[str, str] = {}


class Embedded(Struct, frozen=True):
    """A vector for each input, in their order. `usage` is None where nobody counted."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None

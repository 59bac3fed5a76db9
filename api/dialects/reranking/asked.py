"""What is said where texts are ranked: the vocabulary between the forms of reranking."""

from typing import Any

from msgspec import Struct

from api.conversation import Carried, Usage


class RerankRequest(Struct, frozen=True):
    """Documents to be ranked by how well they answer `query`.

    `texts` are what is read of the documents, `documents` are these as they came: texts, or objects with more in them.
    `top` is how many are wanted, `returns`: the documents shall come back. `extra` holds every other field.
    """

    model: str
    query: str
    texts: tuple[str, ...]
    documents: tuple[Any, ...]
    top: int | None = None
    returns: bool = False
    extra: Carried = {}


class Ranked(Struct, frozen=True):
    """One document, by its place in the question, and how well it answers."""

    index: int
    score: float


class Reranked(Struct, frozen=True):
    """The documents that were ranked, in any order. `usage` is None where nobody counted tokens.

    `carried` is what else the provider told: its id, its bill.
    """

    results: tuple[Ranked, ...]
    usage: Usage | None = None
    carried: Carried = {}

"""The results of a ranking, wherever a provider puts them: the forms differ in names more than in what they say."""

from typing import Any, Final

import msgspec

from api.conversation import Carried
from api.dialects.counted import usage_in
from api.dialects.dialect import Written
from api.dialects.reranking.asked import Ranked, Reranked, RerankRequest

NO_RANKING: Final = "no ranking"
_LISTS: Final = ("results", "data")  # Jina's and Voyage's; TEI answers with the list alone
_SCORES: Final = ("relevance_score", "score")
_KEPT: Final = ("id", "meta")


def read_reply(body: bytes) -> Reranked:
    """A provider's answer. `ValueError` if it is none."""
    told: Any = msgspec.json.decode(body)
    fields: Carried = told if isinstance(told, dict) else {}
    carried = {name: fields[name] for name in _KEPT if fields.get(name) is not None}
    return Reranked(tuple(map(ranked, listed(told))), usage_in(body), carried)


def listed(told: Any) -> list[Any]:
    """The list in an answer."""
    if isinstance(told, dict):
        told = next((told[name] for name in _LISTS if name in told), None)
    if not isinstance(told, list):
        raise ValueError(NO_RANKING)
    return told


def ranked(result: Any) -> Ranked:
    """One result of it."""
    if not isinstance(result, dict):
        raise ValueError(NO_RANKING)
    index, score = result.get("index"), next((result[name] for name in _SCORES if name in result), None)
    if not isinstance(index, int) or isinstance(index, bool) or index < 0 or not isinstance(score, int | float):
        raise ValueError(NO_RANKING)
    return Ranked(index, score)


def fields_of(*said: tuple[str, object]) -> bytes:
    """A question's body: what was said, and nothing that was not."""
    return msgspec.json.encode({name: value for name, value in said if value is not None})


def written(request: RerankRequest, known: tuple[str, ...], *said: tuple[str, object]) -> Written:
    """The same with those other fields that a form knows; the rest cannot be said.

    What a document holds beside its text is not read there, but comes back to the caller who wants it.
    """
    kept = [(name, value) for name, value in request.extra.items() if name in known]
    return Written(fields_of(*said, *kept), tuple(sorted(request.extra.keys() - set(known))))

"""Small things that come in pieces beside the words: thoughts' details, sources, probabilities, sound."""

import base64
import binascii
from typing import Any

from api.conversation import Citation, Logprob


def gather(known: list[Any], details: list[Any]) -> None:
    """Put pieces of `reasoning_details` to those they belong to; their texts are joined when they are whole."""
    for detail in details:
        if not isinstance(detail, dict):
            continue
        last = known[-1] if known else {}
        same = all(last.get(name) == detail.get(name) for name in ("type", "index"))
        if not (known and same and ("text" in detail or "summary" in detail or "signature" in detail)):
            known.append(detail := dict(detail))
            last, detail = detail, dict(detail)
            for name in ("text", "summary"):
                last.pop(name, None)
        for name, value in detail.items():
            if name in ("text", "summary"):
                last.setdefault(name, []).append(value if isinstance(value, str) else "")
            elif value is not None:
                last[name] = value


def joined(detail: dict[str, Any]) -> dict[str, Any]:
    """A piece of reasoning as a whole."""
    return {name: "".join(value) if name in ("text", "summary") else value for name, value in detail.items()}


def read_citation(told: dict[str, Any]) -> Citation:
    """A source, as it is told of a text."""

    def said(name: str, kind: type[Any]) -> Any:
        return told[name] if type(told.get(name)) is kind else None

    return Citation(
        said("url", str), said("title", str), said("content", str), said("start_index", int), said("end_index", int)
    )


def read_logprobs(told: Any) -> tuple[Logprob, ...]:
    """The tokens of a piece of text; none if that is not what came."""
    content = told.get("content") if isinstance(told, dict) else None
    if not isinstance(content, list):
        return ()
    return tuple(logprob for logprob in map(_logprob, content) if logprob)


def _logprob(told: Any) -> Logprob | None:
    match told:
        case {"token": str(token), "logprob": float() | int() as value, **rest}:
            raw, top = rest.get("bytes"), rest.get("top_logprobs")
            octets = tuple(raw) if isinstance(raw, list) and all(type(octet) is int for octet in raw) else None
            others = tuple(other for other in map(_logprob, top) if other) if isinstance(top, list) else ()
            return Logprob(token, float(value), octets, others)
    return None


def concatenated(pieces: list[str]) -> str:
    """Base64 in pieces as one: each piece may carry its own padding."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)

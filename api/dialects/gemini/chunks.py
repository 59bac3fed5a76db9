"""The shape of a provider's reply as it is heard: every chunk of a stream is one, and so is a whole reply."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

NOTHING: Final = Raw(b"null")


class Blob(Struct, rename="camel"):
    mime_type: str | None = None
    data: str | None = None


class Call(Struct, rename="camel"):
    name: str | None = None
    id: str | None = None
    args: Raw = NOTHING
    partial_args: list[dict[str, Any]] | None = None
    will_continue: bool | None = None


class Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: Call | None = None
    inline_data: Blob | None = None
    file_data: dict[str, Any] | None = None
    executable_code: dict[str, Any] | None = None
    code_execution_result: dict[str, Any] | None = None
    tool_call: dict[str, Any] | None = None
    tool_response: dict[str, Any] | None = None


class Content(Struct):
    parts: list[Part] | None = None


class Web(Struct):
    uri: str | None = None
    title: str | None = None


class Ground(Struct, rename="camel"):
    web: Web | None = None
    maps: Web | None = None
    retrieved_context: Web | None = None


class Segment(Struct, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class Support(Struct, rename="camel"):
    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class Grounding(Struct, rename="camel"):
    grounding_chunks: list[Ground] | None = None
    grounding_supports: list[Support] | None = None


class Quoted(Struct, rename="camel"):
    uri: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Quotations(Struct, rename="camel"):
    citations: list[Quoted] | None = None
    citation_sources: list[Quoted] | None = None


class Token(Struct, rename="camel"):
    token: str | None = None
    log_probability: float | None = None


class Likeliest(Struct):
    candidates: list[Token] | None = None


class Likely(Struct, rename="camel"):
    chosen_candidates: list[Token] | None = None
    top_candidates: list[Likeliest] | None = None


class Candidate(Struct, rename="camel"):
    content: Content | None = None
    index: int | None = None
    finish_reason: str | None = None
    grounding_metadata: Raw = NOTHING
    citation_metadata: Raw = NOTHING
    logprobs_result: Raw = NOTHING


class Feedback(Struct, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None


class Chunk(Struct, rename="camel"):
    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Raw = NOTHING
    response_id: str | None = None
    error: Raw = NOTHING


CHUNK: Final = msgspec.json.Decoder(Chunk)
CHUNKS: Final = msgspec.json.Decoder(list[Raw])
GROUNDING: Final = msgspec.json.Decoder(Grounding | None)
QUOTATIONS: Final = msgspec.json.Decoder(Quotations | None)
LIKELY: Final = msgspec.json.Decoder(Likely | None)

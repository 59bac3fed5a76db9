"""What is peculiar to one provider within its dialect: flags of its row, where others have classes.

Every default is what most servers of the dialect do. A row keeps only what differs.
"""

from typing import Literal

from msgspec import Struct


class Quirks(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a provider wants to be asked.

    `max_tokens_field` is its name for the limit (Chat Completions). `stream_options`: it takes them. `developer_role`:
    it knows that role, beside `system`. `streams` and `streams_tools`: it can stream at all, and with tools offered.
    `reasoning_field`: thoughts go back to it under this name in turns that called tools. `call_signatures`: its calls
    come with a signature that goes back with them (Gemini's OpenAI-compatible endpoint). `image_urls`: it fetches
    images itself; else it takes data only. `content_lists`: system and tool messages may be lists of parts.
    `cache_control`: it knows Anthropic's cache markers in its own dialect. `schema_refused` are JSON Schema keywords
    it refuses. `strict_schemas`: it takes `strict`. `api_version` and `deployments` are Azure's.
    `thinking_field` is where it is told how much to think (Chat Completions): OpenAI's, OpenRouter's, DeepSeek's or
    Qwen's way. `embeddings_form` is how it is asked for vectors, where its dialect does not say it, `rerank_form` how
    it is asked to rank texts, where it is not Jina's way; `embeddings_path` and `rerank_path` are where these lie, from
    the root of its host.
    """

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
    developer_role: bool = False
    streams: bool = True
    streams_tools: bool = True
    reasoning_field: Literal["", "reasoning_content", "reasoning"] = ""
    call_signatures: bool = False
    image_urls: bool = True
    content_lists: bool = True
    cache_control: bool = False
    strict_schemas: bool = True
    schema_refused: tuple[str, ...] = ()
    api_version: str = ""
    deployments: bool = False
    thinking_field: Literal["reasoning_effort", "reasoning", "thinking", "enable_thinking"] = "reasoning_effort"
    embeddings_form: Literal["", "openai", "cohere", "ollama"] = ""
    embeddings_path: str = ""
    rerank_form: Literal["", "cohere", "voyage", "tei"] = ""
    rerank_path: str = ""

    @property
    def wants_back(self) -> bool:
        """Whether turns that called tools must come back with what was thought, which many callers forget."""
        return bool(self.reasoning_field or self.call_signatures)


NONE = Quirks()

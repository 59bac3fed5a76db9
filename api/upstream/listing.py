"""What a provider's model list says: in the shape of OpenAI, which Anthropic's resembles, of Cohere or of Gemini."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct, UnsetType

from api.dialects import anthropic, gemini
from api.errors import BadReply
from api.providers.provider import Model, Provider
from api.upstream.paths import versioned

MOST_MODELS: Final = 5000
MOST_PAGES: Final = 20
LONGEST_MODEL: Final = 256
LONGEST_OWNER: Final = 64
LARGEST: Final = 2**53  # of a number of tokens
PREFIX: Final = "models/"  # what Gemini puts before the names of its own models; tuned ones have another
ANSWERS: Final = "generateContent"
_LISTS: Final = {anthropic.NAME: "/models?limit=1000", gemini.NAME: "/models?pageSize=1000"}


class Page(Struct, frozen=True):
    """Some of a provider's models, and the path of the next page, if there is one."""

    models: tuple[Model, ...]
    next: str | None = None


class _Listed(Struct):
    """A model in a list of OpenAI's shape. How much it can read is told under as many names as there are servers."""

    id: str
    created: object = None
    display_name: str | None = None
    name: str | None = None
    owned_by: object = None
    context_length: object = None  # OpenRouter, Kimi
    context_window: object = None  # Groq
    max_context_length: object = None  # Mistral
    max_model_len: object = None  # vLLM
    max_input_tokens: object = None  # Anthropic
    max_tokens: object = None  # Anthropic: the longest answer
    max_completion_tokens: object = None  # Groq
    top_provider: object = None  # OpenRouter
    meta: object = None  # llama.cpp


class _Named(Struct):
    """A model as Cohere lists it, also where the rest of its API is OpenAI's."""

    name: str
    context_length: object = None


class _List(Struct):
    data: list[_Listed] | UnsetType | None = UNSET  # Ollama without a model says null
    models: list[_Named] | UnsetType = UNSET
    next_page_token: object = None


class _GeminiListed(Struct, rename="camel"):
    name: str
    display_name: str | None = None
    input_token_limit: object = None
    output_token_limit: object = None
    supported_generation_methods: list[str] | None = None


class _GeminiList(Struct, rename="camel"):
    models: list[_GeminiListed] = []
    next_page_token: str = ""


_LIST: Final = msgspec.json.Decoder(_List)
_GEMINI: Final = msgspec.json.Decoder(_GeminiList)


def first_page(provider: Provider) -> str:
    """Where a provider lists its models, below its base URL."""
    return _LISTS.get(provider.dialect) or versioned("/models", provider.quirks)


def read_page(provider: Provider, body: bytes) -> Page:
    """What a page of a list says; `BadReply` if it is none."""
    try:
        return _gemini(body) if provider.dialect == gemini.NAME else _usual(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(
            "The provider “%(id)s” sent no model list: %(reason)s", id=provider.id, reason=str(error)
        ) from error


def _usual(body: bytes) -> Page:
    listed = _LIST.decode(body)
    if listed.data is UNSET:
        return _cohere(listed)
    models = (listed.data or [])[:MOST_MODELS]
    return Page(tuple(_model(one) for one in models if 0 < len(one.id) <= LONGEST_MODEL))


def _cohere(listed: _List) -> Page:
    if listed.models is UNSET:
        raise msgspec.ValidationError("Object missing required field `data`")
    models = tuple(
        Model(one.name, context=_first(one.context_length))
        for one in listed.models[:MOST_MODELS]
        if 0 < len(one.name) <= LONGEST_MODEL
    )
    token = listed.next_page_token
    return Page(models, f"/models?page_token={quote(token, safe='')}" if token and isinstance(token, str) else None)


def _model(one: _Listed) -> Model:
    meta, top = _within(one.meta), _within(one.top_provider)
    context = (one.context_length, one.context_window, one.max_context_length, one.max_model_len, one.max_input_tokens)
    return Model(
        one.id,
        int(one.created) if isinstance(one.created, int | float) and 0 < one.created <= LARGEST else 0,
        one.display_name or one.name,
        one.owned_by if isinstance(one.owned_by, str) and 0 < len(one.owned_by) <= LONGEST_OWNER else None,
        _first(*context, top.get("context_length"), meta.get("n_ctx"), meta.get("n_ctx_train")),
        _first(one.max_tokens, one.max_completion_tokens, top.get("max_completion_tokens")),
    )


def _gemini(body: bytes) -> Page:
    page = _GEMINI.decode(body)
    models = tuple(
        Model(
            one.name.removeprefix(PREFIX),
            name=one.display_name,
            context=_first(one.input_token_limit),
            max_output=_first(one.output_token_limit),
        )
        for one in page.models[:MOST_MODELS]
        if 0 < len(one.name.removeprefix(PREFIX)) <= LONGEST_MODEL and _answers(one)
    )
    token = quote(page.next_page_token, safe="")
    return Page(models, f"{_LISTS[gemini.NAME]}&pageToken={token}" if token else None)


def _answers(one: _GeminiListed) -> bool:
    """Whether a model holds conversations, as far as its provider says what it does."""
    return one.supported_generation_methods is None or ANSWERS in one.supported_generation_methods


def _within(told: object) -> dict[str, Any]:
    return told if isinstance(told, dict) else {}


def _first(*told: object) -> int | None:
    """The first that is a number of tokens."""
    return next((one for one in told if type(one) is int and 0 < one <= LARGEST), None)

"""A caller's request, read into the vocabulary: a conversation, or one prompt."""

import time
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.conversation import ChatRequest, Format, Image, Message, Part, Role, Text, Thinking, Tool
from api.dialects.decoding import decode, not_too_deep
from api.dialects.ollama.names import NAME
from api.dialects.ollama.shapes import OllamaChatRequest, OllamaGenerateRequest, OllamaOptions, OllamaTool
from api.dialects.ollama.turns import read_messages, read_picture

_CHAT: Final = msgspec.json.Decoder(OllamaChatRequest)
_GENERATE: Final = msgspec.json.Decoder(OllamaGenerateRequest)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])
_OPTIONS: Final = frozenset(OllamaOptions.__struct_fields__)
_CHAT_READ: Final = frozenset(OllamaChatRequest.__struct_fields__)
# What a prompt says that no conversation can: the text after it, a template, the tokens of what was said before.
_GENERATE_READ: Final = frozenset(OllamaGenerateRequest.__struct_fields__) - {"suffix", "template", "context", "raw"}


class Timed(ChatRequest, frozen=True):
    """A request that knows when it came (in nanoseconds of a steady clock): its reply tells how long it took."""

    came: int = 0


@not_too_deep()
def read_chat(body: bytes, model: str = "", stream: bool = True) -> Timed:
    """A conversation; `InvalidRequest` names the field that is wrong."""
    asked = decode(_CHAT, body)
    messages = read_messages(asked.messages or ())
    return _request(asked, body, messages, tuple(map(_tool, asked.tools or ())), stream, _CHAT_READ)


@not_too_deep()
def read_generate(body: bytes, model: str = "", stream: bool = True) -> Timed:
    """One prompt, as a conversation of it; `InvalidRequest` names the field that is wrong."""
    asked = decode(_GENERATE, body)
    parts: list[Part] = [Text(asked.prompt)] if asked.prompt else []
    parts += [Image(read_picture(picture, "images")) for picture in asked.images or ()]
    told = (Message(Role.SYSTEM, (Text(asked.system),)),) if asked.system else ()
    return _request(asked, body, (*told, Message(Role.USER, tuple(parts))), (), stream, _GENERATE_READ)


def _request(
    asked: OllamaChatRequest | OllamaGenerateRequest,
    body: bytes,
    messages: tuple[Message, ...],
    tools: tuple[Tool, ...],
    stream: bool,
    read: frozenset[str],
) -> Timed:
    options = asked.options or OllamaOptions()
    limit = options.num_predict
    return Timed(
        asked.model,
        messages,
        tools,
        limit if limit and limit > 0 else None,  # -1 is no limit, -2 what the model can hold
        stream,
        format=_format(asked.format),
        thinking=_thinking(asked.think),
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        stop=(options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ()),
        seed=options.seed,
        presence_penalty=options.presence_penalty,
        frequency_penalty=options.frequency_penalty,
        logprobs=asked.logprobs or None,
        top_logprobs=asked.top_logprobs or None,
        dialect=NAME,
        extra=_unread(_FIELDS.decode(body), read),
        came=time.monotonic_ns(),
    )


def _tool(offered: OllamaTool) -> Tool:
    function = offered.function
    return Tool(function.name, function.parameters or {}, function.description)


def _format(wish: str | dict[str, Any] | None) -> Format | None:
    if not wish:
        return None
    return Format(wish) if isinstance(wish, dict) else Format()


def _thinking(wish: bool | str | None) -> Thinking | None:
    match wish:
        case None | "":
            return None
        case bool():
            return Thinking(enabled=wish)
        case _:
            return Thinking(effort=wish)


def _unread(fields: dict[str, Any], read: frozenset[str]) -> dict[str, Any]:
    """What the vocabulary has no word for, by the place it stands at; what says nothing is left out."""
    options = fields.get("options") or {}
    extra = {name: value for name, value in fields.items() if name not in read}
    extra |= {f"options.{name}": value for name, value in options.items() if name not in _OPTIONS}
    return {name: value for name, value in extra.items() if _says(value)}


def _says(value: Any) -> bool:
    return value not in (None, "", False, []) or (value == 0 and not isinstance(value, bool))


class Head(Struct):
    """What a route must know of a body before it is relayed."""

    model: str = ""
    stream: bool | None = None
    keep_alive: int | float | str | None = None
    messages: list[msgspec.Raw] | None = None
    prompt: str | None = None
    images: list[msgspec.Raw] | None = None

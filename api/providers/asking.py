"""How a provider wants to be asked: the quirks of its row, as they are kept and as they may be typed."""

import re
from collections.abc import Mapping
from typing import Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import structs

from api.dialects.quirks import NONE, Quirks
from api.errors import ProviderRefused

NAMES: Final = Quirks.__struct_fields__
KINDS: Final = get_type_hints(Quirks)
FLAG: Final = ("true", "false")
MOST_KEYWORDS: Final = 64
_WORD: Final = re.compile(r"[A-Za-z0-9$._-]{1,64}")  # a keyword of JSON Schema, or a version of an API
_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9$._~-]{1,64}){1,16}/?")
_PATHS: Final = ("embeddings_path", "rerank_path")


def choices(name: str) -> tuple[str, ...]:
    """What a quirk may be, where it is one of a few; nothing where it is a text."""
    if KINDS[name] is bool:
        return FLAG
    return get_args(KINDS[name]) if get_origin(KINDS[name]) is Literal else ()


def changed(quirks: Quirks, given: Mapping[str, object]) -> Quirks:
    """`quirks` with those that are given: typed values, or texts. An empty text is the usual value.

    `ProviderRefused` says which one cannot be, and what can.
    """
    fields = structs.asdict(quirks)
    for name, value in given.items():
        if name not in NAMES:
            raise ProviderRefused(
                "There is no quirk “%(name)s”. There are: %(names)s.", "quirks", name=name[:40], names=", ".join(NAMES)
            )
        fields[name] = getattr(NONE, name) if value == "" else _typed(name, value)
    return Quirks(**fields)


def kept(text: str) -> Quirks:
    """The quirks in a row's JSON. What a newer Morello wrote and this one cannot read is as usual."""
    try:
        fields = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError:
        return NONE
    quirks = NONE
    for name, value in fields.items():
        try:
            quirks = changed(quirks, {name: value})
        except ProviderRefused:
            continue
    return quirks


def written(quirks: Quirks) -> dict[str, object]:
    """Those that are not as usual."""
    told: dict[str, object] = msgspec.to_builtins(quirks)
    return told


def _typed(name: str, value: object) -> object:
    if isinstance(value, str) and KINDS[name] == tuple[str, ...]:
        value = [word.strip() for word in value.split(",") if word.strip()]
    try:
        typed = getattr(msgspec.convert({name: value}, Quirks, strict=False), name)
    except msgspec.ValidationError:
        raise _unfit(name, value) from None
    words = typed if isinstance(typed, tuple) else (typed,) if KINDS[name] is str else ()
    shape = _PATH if name in _PATHS else _WORD
    if len(words) > MOST_KEYWORDS or not all(shape.fullmatch(word) for word in words if word):
        raise _unfit(name, value)
    return typed


def _unfit(name: str, value: object) -> ProviderRefused:
    if known := [choice or "(empty)" for choice in choices(name)]:
        return ProviderRefused(
            "“%(value)s” is no value of the quirk “%(name)s”. Use one of: %(choices)s.",
            "quirks",
            name=name,
            value=str(value)[:40],
            choices=", ".join(known),
        )
    if name in _PATHS:
        return ProviderRefused(
            "“%(value)s” is no value of the quirk “%(name)s”. Use a path from the root of the host, like /v2/rerank.",
            "quirks",
            name=name,
            value=str(value)[:40],
        )
    return ProviderRefused(
        "“%(value)s” is no value of the quirk “%(name)s”. Use letters, digits, dots and dashes; a comma between words.",
        "quirks",
        name=name,
        value=str(value)[:40],
    )

"""The fields of a caller's JSON object, however they are spelt: Google's servers take camelCase and snake_case."""

import re
from typing import Any, TypeVar

import msgspec

from api.errors import InvalidRequest

T = TypeVar("T")


def fields_of(value: object, where: str) -> dict[str, Any]:
    """The fields of an object in camelCase, those that are null left out."""
    if not isinstance(value, dict):
        raise wrong("an object", where)
    return {(camel(name) if "_" in name else name): field for name, field in value.items() if field is not None}


def camel(name: str) -> str:
    """`max_output_tokens` as `maxOutputTokens`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if first else name


def take(fields: dict[str, Any], name: str, kind: type[T], where: str = "") -> T | None:
    """Take a field out; a number may come as a string, as Protobuf's JSON has it."""
    value = fields.pop(name, None)
    if value is None:
        return None
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        place = f"{where}.{name}" if where else name
        reason = re.sub(r"`([^`]*)`", r"“\1”", str(error).split(" - at ")[0])
        raise InvalidRequest(f"{reason}, in the field “{place}”.", place) from error


def listed(value: object, where: str) -> list[Any]:
    """A list; a single thing is a list of it."""
    if isinstance(value, dict | str):
        return [value]
    if not isinstance(value, list):
        raise wrong("a list", where)
    return value


def wrong(kind: str, where: str) -> InvalidRequest:
    """The error of a field that is not of its `kind`."""
    return InvalidRequest(f"“{where or 'body'}” must be {kind}.", where or None)

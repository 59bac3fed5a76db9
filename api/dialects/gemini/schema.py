"""Schemas of arguments and answers: from Google's own spelling to JSON Schema, and JSON Schema as Google takes it."""

from collections.abc import Iterable
from typing import Any, Final

from api.dialects.gemini.fields import camel
from api.dialects.schemas import Schema, below, pruned, without

_COUNTS: Final = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
_LISTS: Final = {"anyOf", "oneOf", "allOf", "prefixItems"}
_SINGLE: Final = {"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"}
# Google takes a part of JSON Schema: these two say nothing, and a constant is a choice of one.
_REFUSED: Final = frozenset({"$schema", "$comment", "const"})


def plain(schema: object) -> Any:
    """Google's schema (types in capitals, `nullable`, an order of its own) as JSON Schema."""
    if not isinstance(schema, dict):
        return schema
    said = {camel(name) if "_" in name else name: value for name, value in schema.items() if value is not None}
    order, nullable = said.pop("propertyOrdering", None), said.pop("nullable", False)
    told = {_keyword(name): _plain_value(name, value) for name, value in said.items()}
    if told.get("format") == "enum" and "enum" in told:
        del told["format"]
    if isinstance(order, list) and isinstance(told.get("properties"), dict):
        told["properties"] = _ordered(told["properties"], order)
    if nullable is True and isinstance(told.get("type"), str):
        told["type"] = [told["type"], "null"]
    return told


def _keyword(name: str) -> str:
    return {"defs": "$defs", "ref": "$ref"}.get(name, name)


def _plain_value(name: str, value: Any) -> Any:
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name in ("properties", "defs", "$defs") and isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [plain(inner) for inner in value]
    if name in _SINGLE:
        return plain(value)
    if name in _COUNTS and isinstance(value, str) and value.isdigit():
        return int(value)
    return value


def _ordered(properties: dict[str, Any], order: list[Any]) -> dict[str, Any]:
    first = [name for name in order if isinstance(name, str) and name in properties]
    return {name: properties[name] for name in dict.fromkeys((*first, *properties))}


def cleaned(schema: Schema, refused: Iterable[str] = ()) -> Schema:
    """JSON Schema without what Google refuses, and nothing beside a `$ref` but what begins with $."""
    return _lone(pruned(without(schema, _REFUSED.union(refused))))


def _lone(schema: Schema) -> Schema:
    if "$ref" in schema:
        schema = {name: value for name, value in schema.items() if name.startswith("$")}
    return below(schema, _lone)

"""JSON Schemas as the next provider takes them: what it refuses removed, the original never changed.

Every function walks the places where a schema may stand and no others, so that a property that is named like a
keyword stays what it is.
"""

from collections.abc import Callable, Collection
from typing import Any, Final

from api.errors import InvalidRequest

Schema = dict[str, Any]

NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
PLACES: Final = frozenset(
    {
        *("items", "prefixItems", "additionalItems", "unevaluatedItems", "contains"),
        *("additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema"),
        *("anyOf", "allOf", "oneOf", "not", "if", "then", "else"),
    }
)
NEVER_STRICT: Final = frozenset(
    {
        *("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties"),
        *("propertyNames", "unevaluatedProperties", "unevaluatedItems", "contains"),
    }
)
MOST: Final = 20_000  # schemas that one may unfold into; real ones have a few hundred
TOO_DEEP: Final = "A JSON Schema is nested too deeply. Send one with fewer levels."
TOO_MANY: Final = "A JSON Schema refers to itself so often that it unfolds into too many. Send a smaller one."


def without(schema: Schema, keywords: Collection[str]) -> Schema:
    """`schema` without these keywords, wherever they stand; `const` and `oneOf` are said otherwise where they can."""

    def cleaned(place: Schema) -> Schema:
        kept = {name: value for name, value in place.items() if name not in keywords}
        if "const" in place and "const" in keywords and "enum" not in keywords:
            kept["enum"] = [place["const"]]
        if "oneOf" in place and "oneOf" in keywords and "anyOf" not in keywords and "anyOf" not in place:
            kept["anyOf"] = place["oneOf"]
        return below(kept, cleaned)

    return _walked(cleaned, schema)


def pruned(schema: Schema) -> Schema:
    """`schema` whose `required` names only properties that it defines."""

    def cleaned(place: Schema) -> Schema:
        kept, required = dict(place), place.get("required")
        if isinstance(required, list):
            defined = place.get("properties")
            names = [
                name for name in required if isinstance(name, str) and isinstance(defined, dict) and name in defined
            ]
            kept["required"] = names
            if not names:
                del kept["required"]
        return below(kept, cleaned)

    return _walked(cleaned, schema)


def for_strict(schema: Schema) -> Schema | None:
    """`schema` as OpenAI's strict mode demands it; None if it cannot be said so.

    Every object is closed and every property required: whatever fits the result fits the original too. Objects with
    free keys, and conditions, have no such form.
    """
    if "anyOf" in schema or "oneOf" in schema or schema.get("type", "object") != "object":
        return None
    try:
        return _walked(_strict, {"type": "object", "properties": {}, **schema})
    except _NotStrict:
        return None


def inlined(schema: Schema) -> Schema:
    """`schema` with every `$ref` into itself replaced by what it means; one that leads back to itself is cut."""
    count = 0

    def unfolded(place: Schema, above: tuple[str, ...]) -> Schema:
        nonlocal count
        count += 1
        if count > MOST:
            raise InvalidRequest(TOO_MANY)
        reference = place.get("$ref")
        kept = {name: value for name, value in place.items() if name not in ("$ref", "$defs", "definitions")}
        if isinstance(reference, str):
            meant = None if reference in above else _found(schema, reference)
            if meant is not None:
                return unfolded({**meant, **kept}, (*above, reference))
        return below(kept, lambda inner: unfolded(inner, above))

    return _walked(lambda root: unfolded(root, ("#",)), schema)


def below(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """A copy of `schema` with `change` done to each schema that stands directly in it."""
    return {name: _place(name, value, change) for name, value in schema.items()}


def _place(name: str, value: Any, change: Callable[[Schema], Schema]) -> Any:
    if name in NAMED and isinstance(value, dict):
        return {key: change(inner) if isinstance(inner, dict) else inner for key, inner in value.items()}
    if name in PLACES:
        if isinstance(value, dict):
            return change(value)
        if isinstance(value, list):
            return [change(inner) if isinstance(inner, dict) else inner for inner in value]
    return value


def _walked(walk: Callable[[Schema], Schema], schema: Schema) -> Schema:
    try:
        return walk(schema)
    except RecursionError as error:
        raise InvalidRequest(TOO_DEEP) from error


class _NotStrict(Exception):
    pass


def _strict(place: Schema) -> Schema:
    if not NEVER_STRICT.isdisjoint(place):
        raise _NotStrict
    if "$ref" in place and len(place) > 1:
        # Strict mode takes nothing beside a `$ref`; beside `anyOf` it does.
        beside = {name: value for name, value in place.items() if name != "$ref"}
        return _strict({**beside, "anyOf": [{"$ref": place["$ref"]}]} if "anyOf" not in beside else beside)
    kept = _closed(_one_of_many(place)) if _is_object(place) else _one_of_many(place)
    return below(kept, _strict)


def _one_of_many(place: Schema) -> Schema:
    """`oneOf` as `anyOf`; `allOf` of one thing as that thing."""
    kept = dict(place)
    if "oneOf" in kept:
        if "anyOf" in kept:
            raise _NotStrict
        kept["anyOf"] = kept.pop("oneOf")
    if "allOf" in kept:
        both = kept.pop("allOf")
        if (
            not isinstance(both, list)
            or len(both) != 1
            or not isinstance(both[0], dict)
            or not both[0].keys() <= {"$ref"}
        ):
            raise _NotStrict
        kept.setdefault("anyOf", both)
    return kept


def _is_object(place: Schema) -> bool:
    kind = place.get("type")
    return "properties" in place or kind == "object" or (isinstance(kind, list) and "object" in kind)


def _closed(place: Schema) -> Schema:
    properties = place.get("properties")
    if place.get("additionalProperties") not in (None, False) or not isinstance(properties, dict):
        raise _NotStrict
    return {**place, "additionalProperties": False, "required": list(properties)}


def _found(root: Schema, reference: str) -> Schema | None:
    """What a reference within the same document points at (RFC 6901)."""
    if not reference.startswith("#/"):
        return None
    at: Any = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        at = at.get(name) if isinstance(at, dict) else None
    return at if isinstance(at, dict) else None

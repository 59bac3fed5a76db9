"""JSON Schemas as the next provider takes them."""

import copy
from typing import Any

import pytest

from api.dialects import schemas
from api.errors import InvalidRequest

TREE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "format": {"type": "string", "format": "date"},
        "pattern": {"type": "array", "items": {"type": "string", "pattern": "x"}},
        "kind": {"const": "a"},
        "one": {"oneOf": [{"type": "string", "format": "uri"}, {"type": "null"}]},
        "leaf": {"$ref": "#/$defs/Leaf", "description": "a leaf"},
    },
    "required": ["format", "ghost"],
    "$defs": {
        "Leaf": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Leaf"}, "size": {"format": "int32"}}}
    },
}


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: schemas.without(schema, ("format", "const", "oneOf", "$ref")),
        schemas.pruned,
        schemas.for_strict,
        schemas.inlined,
    ],
)
def test_the_original_never_changes(change):
    schema = copy.deepcopy(TREE)
    change(schema)
    assert schema == TREE


def test_keywords_go_and_properties_of_their_name_stay():
    cleaned = schemas.without(TREE, ("format", "pattern"))
    assert cleaned["properties"]["format"] == {"type": "string"}
    assert cleaned["properties"]["pattern"] == {"type": "array", "items": {"type": "string"}}
    assert cleaned["properties"]["one"]["oneOf"][0] == {"type": "string"}
    assert cleaned["$defs"]["Leaf"]["properties"]["size"] == {}


def test_what_can_be_said_otherwise_is():
    cleaned = schemas.without(TREE, ("const", "oneOf"))
    assert cleaned["properties"]["kind"] == {"enum": ["a"]}
    assert cleaned["properties"]["one"] == {"anyOf": TREE["properties"]["one"]["oneOf"]}


def test_values_are_not_taken_for_schemas():
    schema = {"enum": [{"format": 1}], "default": {"format": 2}, "const": {"format": 3}}
    assert schemas.without(schema, ("format",)) == schema


def test_required_names_only_properties_that_are_defined():
    assert schemas.pruned(TREE)["required"] == ["format"]
    assert schemas.pruned({"anyOf": [{"required": ["a"]}], "required": ["b"]}) == {"anyOf": [{}]}


def test_a_strict_schema_is_closed_and_requires_everything():
    strict = schemas.for_strict(TREE)
    assert strict
    assert strict["additionalProperties"] is False
    assert strict["required"] == ["format", "pattern", "kind", "one", "leaf"]
    assert "oneOf" not in strict["properties"]["one"]
    assert strict["properties"]["leaf"] == {"description": "a leaf", "anyOf": [{"$ref": "#/$defs/Leaf"}]}
    assert strict["$defs"]["Leaf"]["required"] == ["next", "size"]


def test_no_arguments_are_strict_too():
    assert schemas.for_strict({}) == {"type": "object", "properties": {}, "additionalProperties": False, "required": []}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}, {"minLength": 1}]}}},
        {"type": "object", "properties": {"a": {"not": {"type": "string"}}}},
        {"type": "object", "properties": {}, "if": {}, "then": {}},
        {"type": "array", "items": {}},
        {"anyOf": [{"type": "object", "properties": {}}]},
    ],
    ids=str,
)
def test_what_cannot_be_strict_is_none(schema):
    assert schemas.for_strict(schema) is None


def test_references_are_replaced_by_what_they_mean_and_circles_cut():
    leaf = schemas.inlined(TREE)["properties"]["leaf"]
    assert leaf == {
        "type": "object",
        "description": "a leaf",
        "properties": {"next": {}, "size": {"format": "int32"}},
    }
    assert "$defs" not in schemas.inlined(TREE)


def test_a_reference_is_a_pointer_with_its_escapes():
    schema = {"items": {"$ref": "#/$defs/a~1b~0c"}, "$defs": {"a/b~c": {"type": "string"}}}
    assert schemas.inlined(schema) == {"items": {"type": "string"}}


@pytest.mark.parametrize("reference", ["https://h/s.json", "#/$defs/ghost", "#", "#/type/x"])
def test_a_reference_to_nothing_is_anything(reference):
    assert schemas.inlined({"type": "object", "items": {"$ref": reference}}) == {"type": "object", "items": {}}


def test_what_unfolds_without_end_is_refused_in_words():
    doubling = {f"d{n}": {"items": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    with pytest.raises(InvalidRequest, match="smaller"):
        schemas.inlined({"$ref": "#/$defs/d0", "$defs": doubling})


def test_what_is_nested_too_deeply_is_refused_in_words():
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest, match="fewer levels"):
        schemas.without(schema, ("format",))

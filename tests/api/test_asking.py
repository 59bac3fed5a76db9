"""The quirks of a row: as they may be typed, and as they are kept."""

import pytest

from api.dialects.quirks import NONE, Quirks
from api.errors import ProviderRefused
from api.providers.asking import NAMES, changed, choices, kept, written


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("stream_options", "false", False),
        ("developer_role", "true", True),
        ("developer_role", True, True),
        ("max_tokens_field", "max_completion_tokens", "max_completion_tokens"),
        ("reasoning_field", "reasoning", "reasoning"),
        ("schema_refused", "pattern, minLength,", ("pattern", "minLength")),
        ("schema_refused", ["$ref"], ("$ref",)),
        ("api_version", "2024-10-21", "2024-10-21"),
    ],
)
def test_a_quirk_may_be_typed_as_text_or_as_what_it_is(name, text, value):
    assert getattr(changed(NONE, {name: text}), name) == value


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_text_is_the_usual_value(name):
    odd = Quirks(max_tokens_field="max_completion_tokens", stream_options=False, schema_refused=("a",), api_version="1")
    assert getattr(changed(odd, {name: ""}), name) == getattr(NONE, name)


def test_what_is_not_given_stays():
    assert changed(Quirks(streams=False), {"api_version": "1"}) == Quirks(streams=False, api_version="1")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("nonsense", "1", "There is no quirk “nonsense”. There are: max_tokens_field"),
        ("streams", "maybe", "Use one of: true, false."),
        ("reasoning_field", "thoughts", "Use one of: (empty), reasoning_content, reasoning."),
        ("api_version", "1&key=2", "Use letters, digits"),
        ("api_version", "v" * 65, "Use letters, digits"),
        ("schema_refused", "a b", "Use letters, digits"),
        ("schema_refused", ",".join(["x"] * 65), "Use letters, digits"),
        ("schema_refused", 7, "Use letters, digits"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(name, value, sentence):
    with pytest.raises(ProviderRefused) as refused:
        changed(NONE, {name: value})
    assert refused.value.field == "quirks"
    assert sentence in str(refused.value)


def test_only_what_is_not_as_usual_is_written():
    assert written(NONE) == {}
    assert written(Quirks(streams=False, schema_refused=("a",))) == {"streams": False, "schema_refused": ("a",)}


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '"x"', '{"of_a_later_time":true}', '{"streams":"perhaps"}'])
def test_what_cannot_be_read_in_a_row_is_as_usual(text):
    assert kept(text) == NONE


def test_what_a_newer_program_wrote_hides_nothing_that_is_known():
    assert kept('{"of_a_later_time":[1],"streams":false,"reasoning_field":"new"}') == Quirks(streams=False)


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_of_a_quirk_can_be_chosen(name):
    for choice in choices(name):
        assert kept(f'{{"{name}": "{choice}"}}') == changed(NONE, {name: choice})

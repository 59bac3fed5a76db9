"""A wrong body is refused with a sentence that names the field."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dialects import anthropic, openai_chat
from api.dialects.decoding import decode
from api.errors import InvalidRequest


class Leaf(msgspec.Struct):
    name: str


class Tree(msgspec.Struct):
    leaves: list[Leaf]
    size: int = 0


TREE = msgspec.json.Decoder(Tree)


def refusal(body, decoder=TREE):
    with pytest.raises(InvalidRequest) as refused:
        decode(decoder, body)
    return refused.value


def test_a_good_body_becomes_its_value():
    assert decode(TREE, b'{"leaves":[{"name":"\xc3\xbc"}]}') == Tree([Leaf("ü")])


@pytest.mark.parametrize("body", [b"", b"  ", b"\n"])
def test_an_empty_body_is_called_empty(body):
    assert str(refusal(body)) == "The body is empty. Send a JSON object."


@pytest.mark.parametrize("body", [b'{"leaves":[{"name":"\xff"}]}', b"\xff\xfe{\x00}\x00", b"\xed\xa0\x80"])
def test_what_is_not_utf_8_is_called_so(body):
    assert "UTF-8" in str(refusal(body))


def test_too_many_levels_are_called_so():
    assert "nested too deeply" in str(refusal(b'{"other":' * 50_000))


@pytest.mark.parametrize("body", [b"{", b"hello", b'{"leaves":[]} x', b'{"leaves":NaN}', b'{"leaves":["\\x"]}'])
def test_what_is_not_json_is_called_so(body):
    assert str(refusal(body)).startswith("The body is not valid JSON: ")


def test_a_field_of_the_wrong_type_is_named_by_its_path():
    error = refusal(b'{"leaves":[{"name":"a"},{"name":7}]}')
    assert error.param == "leaves[1].name"
    assert str(error) == "Expected “str”, got “int”, in the field “leaves[1].name”."


def test_a_missing_field_is_named():
    error = refusal(b'{"leaves":[{}]}')
    assert "“name”" in str(error)
    assert "“leaves[0]”" in str(error)


def test_a_missing_field_at_the_top_is_named():
    assert str(refusal(b"{}")) == "Object missing required field “leaves”."


def test_where_the_names_are_free_the_place_is_still_told():
    error = refusal(b'{"a":{"b":7}}', msgspec.json.Decoder(dict[str, dict[str, str]]))
    assert error.param == "[][]"
    assert "`" not in str(error)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"true"])
def test_anything_but_an_object_is_refused_in_words(body):
    assert str(refusal(body)).startswith("Expected “object”, got ")


@pytest.mark.parametrize("dialect", [openai_chat, anthropic])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["model", "messages", "role", "content", "tools", "function", "name", "type"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_makes_a_dialect_fail_in_another_way(dialect, value):
    body = msgspec.json.encode(value)
    sentence = "."
    try:
        dialect.read_request(body)
    except InvalidRequest as refused:
        sentence = str(refused)
    assert sentence.endswith(".")

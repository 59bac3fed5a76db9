"""A body seen from outside: one scan finds the model's name, and renaming touches nothing else."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.dialects.envelope import LONGEST_MODEL, named_envelope, open_envelope
from api.errors import InvalidRequest

HELLO = b'"messages":[{"role":"user","content":"Hello"}]'
MODEL = b'"model":"morello:echo"'
GOOD = b"{%b,%b}" % (MODEL, HELLO)

names = st.text(min_size=1, max_size=40).filter(str.strip)
spaces = st.sampled_from(["", "", " ", "\n  ", "\t", "\r\n"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "messages", 'a"b', "\\", "ü", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


def written(draw, value, indent=None):
    """A value as some client's JSON library might write it."""
    return json.dumps(value, ensure_ascii=draw(st.booleans()), indent=indent)


@st.composite
def bodies(draw):
    """A good body in three pieces: what stands before the model's name, the name, what stands after it."""
    fields = draw(st.dictionaries(st.text(max_size=6), values, max_size=5))
    fields |= {"model": draw(names), "messages": draw(st.lists(values, min_size=1, max_size=3))}
    fields |= draw(st.sampled_from([{}, {"stream": True}, {"stream": False}, {"stream": None}]))
    before, after, seen = "{", "", False
    for number, name in enumerate(draw(st.permutations(list(fields)))):
        key = written(draw, name)
        if name.isascii() and name.isalpha() and draw(st.booleans()):
            key = '"' + "".join(f"\\u{ord(letter):04x}" for letter in name) + '"'
        head = f"{',' if number else ''}{draw(spaces)}{key}{draw(spaces)}:{draw(spaces)}"
        if name == "model":
            before, after, seen = before + after + head, "", True
            continue
        value = written(draw, fields[name], draw(st.sampled_from([None, 2])))
        if seen:
            after += head + value + draw(spaces)
        else:
            before += head + value + draw(spaces)
    return before.encode(), written(draw, fields["model"]).encode(), (after + "}").encode()


@settings(max_examples=60)
@given(bodies(), names)
def test_renaming_changes_the_name_of_the_model_and_no_other_byte(pieces, name):
    before, model, after = pieces
    renamed = open_envelope(before + model + after).renamed(name)
    assert renamed.startswith(before)
    assert renamed.endswith(after)
    assert json.loads(renamed[len(before) : len(renamed) - len(after)]) == name


@settings(max_examples=60)
@given(bodies(), names)
def test_a_renamed_body_says_the_same_with_another_model(pieces, name):
    body = b"".join(pieces)
    renamed = open_envelope(body).renamed(name)
    assert json.loads(renamed) == {**json.loads(body), "model": name}
    assert list(json.loads(renamed)) == list(json.loads(body))


@settings(max_examples=60)
@given(bodies())
def test_the_model_and_the_wish_for_a_stream_are_read(pieces):
    body = b"".join(pieces)
    envelope, said = open_envelope(body), json.loads(body)
    assert envelope.model == said["model"]
    assert envelope.stream is bool(said.get("stream"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["model", "messages", "a", "b"]),
            st.sampled_from(['"x"', '"y"', "[1]", "1", "12"]),
        ),
        max_size=5,
    )
)
def test_a_body_that_says_a_field_twice_is_refused_or_renamed_as_a_whole(pairs):
    pairs = [("messages", "[1]"), *pairs]
    body = "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"
    try:
        renamed = open_envelope(body.encode()).renamed("other")
    except InvalidRequest:
        return
    said = json.loads(renamed, object_pairs_hook=list)
    expected = json.loads(body, object_pairs_hook=list)
    assert said == [(name, "other" if name == "model" else value) for name, value in expected]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"x","a":"x","model":"x",%b}' % HELLO,
        b'{"model":"x",%b,"model":"x"}' % HELLO,
        b'{"model":"x","model":"y",%b}' % HELLO,
        b'{"model":"x",%b,"\\u006dodel":"x"}' % HELLO,
    ],
)
def test_a_field_that_comes_twice_before_or_as_the_model_is_refused_in_words(body):
    with pytest.raises(InvalidRequest, match="names a field twice"):
        open_envelope(body)


DEEP = 100_000
BAD = {
    "1 empty": b"",
    "2 blank": b" \r\n\t ",
    "3 half": b"{",
    "4 text": b"hello",
    "5 trailing": GOOD + b" x",
    "5 two documents": GOOD + GOOD,
    "6 array": b"[%b]" % GOOD,
    "6 string": b'"model"',
    "6 number": b"12",
    "6 null": b"null",
    "6 true": b"true",
    "7 deep array": b"[" * DEEP,
    "7 deep object": b'{"a":' * 20_000,
    "8 balanced": b"{%b,%b,%b}" % (MODEL, HELLO, b'"x":' + b"[" * 5000 + b"]" * 5000),
    "8 deep model": b'{"model":%b,%b}' % (b"[" * 5000 + b"]" * 5000, HELLO),
    "9 long integer as the model": b'{"model":%b,%b}' % (b"9" * 5000, HELLO),
    "9 long integer as the stream": b'{%b,%b,"stream":%b}' % (MODEL, HELLO, b"9" * 5000),
    "10 NaN": b'{%b,%b,"x":NaN}' % (MODEL, HELLO),
    "10 -Infinity": b'{%b,%b,"x":-Infinity}' % (MODEL, HELLO),
    "11 1e999 as the model": b'{"model":1e999,%b}' % HELLO,
    "11 1e999 as the stream": b'{%b,%b,"stream":1e999}' % (MODEL, HELLO),
    "13 invalid UTF-8": b'{"model":"a\xff",%b}' % HELLO,
    "13 invalid UTF-8 elsewhere": b'{%b,%b,"x":"\xff"}' % (MODEL, HELLO),
    "13 overlong": b'{"model":"a\xc0\x80",%b}' % HELLO,
    "13 UTF-16": GOOD.decode().encode("utf-16"),
    "13 UTF-16 without a mark": GOOD.decode().encode("utf-16-le"),
    "15 lone surrogate": b'{"model":"\\ud800",%b}' % HELLO,
    "15 lone surrogate in a message": b'{%b,"messages":["\\ud800"]}' % MODEL,
    "15 lone surrogate in a name": b'{%b,%b,"\\udc00":1}' % (MODEL, HELLO),
    "18 control character": b'{"model":"a\x01",%b}' % HELLO,
    "18 control character in a message": b'{%b,"messages":["a\nb"]}' % MODEL,
    "25 no model": b"{%b}" % HELLO,
    "25 null": b'{"model":null,%b}' % HELLO,
    "25 integer": b'{"model":1,%b}' % HELLO,
    "25 list": b'{"model":["a"],%b}' % HELLO,
    "25 object": b'{"model":{"a":1},%b}' % HELLO,
    "25 empty": b'{"model":"",%b}' % HELLO,
    "25 blank": b'{"model":" \\t",%b}' % HELLO,
    "26 100 kB": b'{"model":"%b",%b}' % (b"m" * 100_000, HELLO),
    "30 no messages": b"{%b}" % MODEL,
    "30 null": b'{%b,"messages":null}' % MODEL,
    "30 string": b'{%b,"messages":"hi"}' % MODEL,
    "30 object": b'{%b,"messages":{"role":"user"}}' % MODEL,
    "30 empty": b'{%b,"messages":[]}' % MODEL,
    "30 empty with a space": b'{%b,"messages":[ ]}' % MODEL,
    "30 empty with many spaces": b'{%b,"messages":[%b]}' % (MODEL, b" " * 1000),
    "34 stream": b'{%b,%b,"stream":"yes"}' % (MODEL, HELLO),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_a_bad_body_is_refused_in_a_sentence(body):
    with pytest.raises(InvalidRequest) as refused:
        open_envelope(body)
    sentence = str(refused.value)
    assert sentence[0].isupper() or sentence.startswith("“")
    assert sentence.endswith(".")
    assert len(sentence) < 300


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{%b}" % HELLO, "model"),
        (b'{"model":7,%b}' % HELLO, "model"),
        (b"{%b}" % MODEL, "messages"),
        (b'{%b,"messages":[]}' % MODEL, "messages"),
        (b'{%b,%b,"stream":1}' % (MODEL, HELLO), "stream"),
    ],
)
def test_a_refusal_names_the_field(body, field):
    with pytest.raises(InvalidRequest) as refused:
        open_envelope(body)
    assert refused.value.param == field
    assert field in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["\u2028\u2029\x85", "\\u0000", "\U0001f98a", "\\ud83e\\udd8a", '\\"model\\":\\"x\\"'],
    ids=["17 separators", "16 NUL", "fox", "escaped fox", "a quoted model"],
)
def test_odd_but_legal_text_passes_as_it_came(text):
    body = b'{"messages":["%b"],%b}' % (text.encode(), MODEL)
    assert open_envelope(body).renamed("other") == body.replace(b"morello:echo", b"other")


def test_numbers_no_machine_can_hold_pass_as_they_came():
    extra = b'"x":%b,"y":1e999' % (b"9" * 5000)
    body = b"{%b,%b,%b}" % (extra, HELLO, MODEL)
    assert extra in open_envelope(body).renamed("other")


def test_a_name_of_the_longest_length_is_taken():
    body = b'{"model":"%b",%b}' % (b"m" * LONGEST_MODEL, HELLO)
    assert len(open_envelope(body).model) == LONGEST_MODEL


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":["%b"],%b}' % (b"x" * 400_000, MODEL),
        b'{"messages":["%b"],%b}' % (b'\\"' * 200_000, MODEL),
        b'{"%b":1,%b,%b}' % (b"k" * 400_000, MODEL, HELLO),
        b'{"%b":1,%b,%b}' % (b"\\n" * 200_000, MODEL, HELLO),
        b"{%b,%b,%b}" % (b",".join(b'"f%d":%d' % (n, n) for n in range(30_000)), HELLO, MODEL),
        b'{"messages":[%b],%b}' % (b",".join([b"1"] * 200_000), MODEL),
        b"{%b%b,%b}" % (b" " * 400_000, MODEL, HELLO),
        b"{%b,%b%b}" % (MODEL, HELLO, b" " * 400_000),
    ],
    ids=["text", "quotes", "key", "escaped key", "fields", "items", "space before", "space after"],
)
def test_a_body_of_400_kb_is_opened_in_time_that_grows_with_its_length(body):
    began = time.perf_counter()
    assert open_envelope(body).renamed("other").count(b"other") == 1
    assert time.perf_counter() - began < 3  # a walk that looks back at each step takes minutes here


SAID = b'{"model":"m",%b}'


@pytest.mark.parametrize("said", [b'"input":"Hi"', b'"input":[{}]', b'"input":"","x":1', b'"previous_response_id":"r"'])
def test_the_responses_dialect_says_it_in_input(said):
    envelope = open_envelope(SAID % said, "input")
    assert envelope.renamed("new") == (SAID % said).replace(b'"m"', b'"new"')


@pytest.mark.parametrize(
    "said", [b'"a":1', b'"input":null', b'"input":[]', b'"input":5', b'"input":{}', b'"previous_response_id":null']
)
def test_an_input_that_says_nothing_is_refused_by_name(said):
    with pytest.raises(InvalidRequest) as refused:
        open_envelope(SAID % said, "input")
    assert refused.value.param == "input"


def test_a_model_named_by_the_url_leaves_the_body_as_it_is():
    body = b'{ "contents": [{}], "model": "x" }'
    envelope = named_envelope(body, "far:m", True)
    assert (envelope.model, envelope.stream) == ("far:m", True)
    assert envelope.renamed("m") is body


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"contents":[]}', b'{"contents":"x"}', b'{"contents":["\xff"]}'])
def test_a_bad_body_beside_a_named_model_is_refused(body):
    with pytest.raises(InvalidRequest):
        named_envelope(body, "far:m", False)


@pytest.mark.parametrize("model", ["", " ", "m" * (LONGEST_MODEL + 1)])
def test_a_url_must_name_a_model(model):
    with pytest.raises(InvalidRequest) as refused:
        named_envelope(b'{"contents":[{}]}', model, False)
    assert refused.value.param == "model"

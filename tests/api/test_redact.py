"""No secret gets into a provider's error or into the log."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.redact import HIDDEN, RedactingFormatter, Redactor

MAIN = "cs-sk-0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER = "sk-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAA"
PLAIN = "gsk_qwertyuiopasdfgh"  # of no shape that is known


def struck(text, *known):
    return Redactor(lambda: known or (MAIN, OTHER, PLAIN))(text)


@pytest.mark.parametrize("secret", [MAIN, OTHER, PLAIN])
@pytest.mark.parametrize("around", ["{}", "key={},", '"{}"', "a{}b", "{0} and {0}", "https://host/?x={}&y=1"])
def test_a_known_secret_is_struck_out_wherever_it_stands(secret, around):
    text = struck(around.format(secret))
    assert secret not in text
    assert secret[-8:] not in text
    assert HIDDEN in text


@given(st.text(), st.text(), st.sampled_from([MAIN, OTHER, PLAIN]))
def test_a_known_secret_is_struck_out_of_any_text(before, after, secret):
    assert secret not in struck(before + secret + after)


def test_the_beginning_of_a_known_secret_is_struck_out():
    assert PLAIN[:12] not in struck(f"Incorrect API key provided: {PLAIN[:12]}****dfgh.")


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefgh12345678",
        "sk-or-v1-0123456789abcdef",
        "cs-sk-ffffffff-0000-4000-8000-000000000000",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    ],
)
def test_what_has_the_shape_of_a_secret_is_struck_out(secret):
    assert struck(f"<{secret}>") == f"<{HIDDEN}>"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {HIDDEN}"),
        ("authorization: bearer abc", f"authorization: bearer {HIDDEN}"),
        ("GET /v1?key=abc&x=1", f"GET /v1?key={HIDDEN}&x=1"),
        ("GET /v1?x=1&api_key=abc", f"GET /v1?x=1&api_key={HIDDEN}"),
        ("/login?token=abc HTTP", f"/login?token={HIDDEN} HTTP"),
    ],
)
def test_what_stands_where_a_secret_stands_is_struck_out(text, left):
    assert struck(text) == left


def test_another_key_of_the_same_vendor_is_struck_out_whole():
    theirs = OTHER[:13] + "BBBBBBBBBBBBBBBBBBBBBBBB"
    assert "BBBB" not in struck(f"The key {theirs} is not known.")


def test_a_secret_that_begins_with_another_is_struck_out_whole():
    longer = PLAIN + "zxcvbnm"
    for known in ((PLAIN, longer), (longer, PLAIN)):
        assert "zxcvbnm" not in struck(longer, *known)


@pytest.mark.parametrize("dummy", ["none", "ollama", "x", "EMPTY"])
def test_a_dummy_key_strikes_out_no_ordinary_words(dummy):
    text = f"There is {dummy} at all: the box said {dummy}."
    assert struck(text, dummy) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The model is overloaded.",
        "task-management",
        "risk-averse-strategy",
        "ask-me-anything-now",
        "key=1",
    ],
)
def test_ordinary_text_stays(text):
    assert struck(text) == text


def test_what_is_secret_is_asked_each_time():
    known: list[str] = []
    redact = Redactor(lambda: known)
    assert redact(PLAIN) == PLAIN
    known.append(PLAIN)
    assert redact(PLAIN) == HIDDEN


# The log


def logged(message, *arguments, error=None):
    formatter = RedactingFormatter("%(levelname)s %(message)s", Redactor(lambda: (MAIN, PLAIN)))
    info = (type(error), error, error.__traceback__) if error else None
    return formatter.format(logging.LogRecord("x", logging.ERROR, __file__, 1, message, arguments, info))


def test_secrets_in_arguments_and_messages_are_struck_out_of_the_log():
    line = logged(f"asked with {MAIN} at %s", f"https://host/?key={PLAIN}")
    assert line == f"ERROR asked with {HIDDEN} at https://host/?key={HIDDEN}"


def test_secrets_in_a_traceback_are_struck_out_of_the_log():
    try:
        raise ValueError(f"bad header {PLAIN}")
    except ValueError as error:
        text = logged("failed", error=error)
    assert PLAIN not in text
    assert "ValueError: bad header" in text
    assert text.count("\n") > 1


@pytest.mark.parametrize("control", ["\r", "\x1b", "\x00", "\x08", "\x7f", "\x0b", "\x85", "\x9b", "\u2028"])
def test_control_characters_do_not_reach_the_log(control):
    assert control not in logged(f"a{control}b")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_message_cannot_forge_a_line_of_the_log(end):
    assert len(logged("asked for %s", f"x{end}2030-01-01 INFO all is well").splitlines()) == 1


def test_a_google_key_of_the_new_form_is_known_by_its_shape():
    assert "AQ." not in struck("refused AQ." + "Ab8RN6" * 8)


@pytest.mark.parametrize(
    "spelled",
    ["ab/cd+ef=gh/ij", r"ab\/cd+ef=gh\/ij", r"ab/cd\u002bef\u003dgh/ij", r"ab\/cd\u002Bef\u003Dgh\/ij"],
)
def test_a_secret_is_struck_out_however_json_spells_it(spelled):
    assert struck(f'{{"told":"{spelled}"}}', "ab/cd+ef=gh/ij") == f'{{"told":"{HIDDEN}"}}'


def test_a_secret_that_was_cut_off_is_struck_out_to_its_end():
    secret = "gsk_qwertyuiopasdfghjklzxcvbnm"
    assert struck(f"the key is {secret[:-4]}", secret) == f"the key is {HIDDEN}"

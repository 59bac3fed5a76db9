"""What is learned from refusals: which words teach something, and when it is forgotten."""

import gc

import pytest
from msgspec import structs

from api.dialects.quirks import NONE, Quirks
from api.lessons import LESSONS, MOST_MODELS, Lessons, concerns
from api.providers.provider import Provider, Route

PROVIDER = Provider(id="far", name="Far", dialects=("openai_chat",), base_url="https://far.example/v1")
ROUTE = Route(PROVIDER, "m")

REFUSALS = [
    ("stream_options", 400, "Unrecognized request argument supplied: stream_options"),
    ("stream_options", 422, '{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"]}]}'),
    ("stream_options", 400, "include_usage is not supported"),
    (
        "max_tokens",
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    ("max_completion_tokens", 422, "max_completion_tokens: Extra inputs are not permitted, unknown field"),
    ("developer", 400, "messages[0].role: unknown variant `developer`, expected `system` or `user`"),
]


def body(name):
    return b'{"model":"m",%b:1}' % LESSONS[name].about


@pytest.mark.parametrize(("name", "status", "words"), REFUSALS)
def test_a_refusal_that_names_what_was_sent_teaches(name, status, words):
    lessons = Lessons()
    assert lessons.learn(ROUTE, status, words, body(name)) == name
    assert lessons.learned(ROUTE) == LESSONS[name].changes


@pytest.mark.parametrize(("name", "status", "words"), REFUSALS)
def test_what_was_not_sent_was_not_refused(name, status, words):
    assert Lessons().learn(ROUTE, status, words, b'{"model":"m"}') is None


@pytest.mark.parametrize("status", [401, 404, 429, 500, 502])
def test_other_failures_teach_nothing(status):
    assert Lessons().learn(ROUTE, status, "stream_options", body("stream_options")) is None


def test_a_limit_that_is_too_high_is_no_refusal_of_the_field():
    words = "max_tokens is too large: 128000. This model supports at most 16384 completion tokens."
    assert Lessons().learn(ROUTE, 400, words, body("max_tokens")) is None


def test_two_lessons_add_up():
    lessons = Lessons()
    lessons.learn(ROUTE, 400, "stream_options", body("stream_options"))
    lessons.learn(ROUTE, 400, "role 'developer' is unknown", body("developer"))
    assert lessons.learned(ROUTE) == {"stream_options": False, "developer_role": False}


def test_another_model_of_the_provider_learns_for_itself():
    lessons = Lessons()
    lessons.learn(ROUTE, 400, "stream_options", body("stream_options"))
    assert lessons.learned(Route(PROVIDER, "other")) == {}


def test_a_row_that_was_edited_is_asked_as_it_says():
    lessons = Lessons()
    lessons.learn(ROUTE, 400, "stream_options", body("stream_options"))
    edited = structs.replace(PROVIDER, base_url="https://near.example/v1")
    assert lessons.learned(Route(edited, "m")) == {}


def test_nothing_is_held_of_a_provider_that_is_gone():
    lessons = Lessons()
    lessons.learn(Route(structs.replace(PROVIDER, id="gone"), "m"), 400, "stream_options", body("stream_options"))
    gc.collect()
    assert not lessons._learned


def test_it_does_not_grow_with_names_that_callers_invent():
    lessons = Lessons()
    for number in range(MOST_MODELS + 10):
        lessons.learn(Route(PROVIDER, f"m{number}"), 400, "stream_options", body("stream_options"))
    assert lessons.learned(Route(PROVIDER, "m0")) == {}
    assert lessons.learned(Route(PROVIDER, f"m{MOST_MODELS + 9}")) == {"stream_options": False}


def test_a_body_concerns_a_lesson_that_was_learned_or_that_the_row_knows():
    says = body("stream_options")
    assert not concerns(NONE, {}, says)
    assert concerns(NONE, {"stream_options": False}, says)
    assert concerns(Quirks(stream_options=False), {}, says)
    assert not concerns(NONE, {"stream_options": False}, body("developer"))

"""Where below a base URL a conversation and a count go, in each dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dialects.quirks import NONE, Quirks
from api.errors import InvalidRequest
from api.upstream.paths import conversation_path, count_path

AZURE = Quirks(deployments=True, api_version="2024-10-21")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("dialect", "path"),
    [("openai_chat", "/chat/completions"), ("openai_responses", "/responses"), ("anthropic", "/messages")],
)
def test_most_dialects_have_one_path_whatever_the_model(dialect, path, stream):
    assert conversation_path(dialect, NONE, "any/model:1", stream) == path


def test_gemini_says_the_model_and_the_stream_in_the_path():
    assert (
        conversation_path("gemini", NONE, "gemini-3-pro", True) == "/models/gemini-3-pro:streamGenerateContent?alt=sse"
    )
    assert conversation_path("gemini", NONE, "gemini-3-pro", False) == "/models/gemini-3-pro:generateContent"


@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("models/gemini-3-pro", "models/gemini-3-pro"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("a/b:free", "models/a%2Fb%3Afree"),
        ("../../../v1/files", "models/..%2F..%2F..%2Fv1%2Ffiles"),
        ("x?key=1#y", "models/x%3Fkey%3D1%23y"),
        ("{model}", "models/%7Bmodel%7D"),
        ("模型", "models/%E6%A8%A1%E5%9E%8B"),
    ],
)
def test_a_models_name_stays_one_segment(model, segment):
    assert conversation_path("gemini", NONE, model, False) == f"/{segment}:generateContent"


@pytest.mark.parametrize(
    ("dialect", "quirks", "model"),
    [
        *(("openai_chat", AZURE, model) for model in ("", ".", "..", "\ud800")),
        *(("gemini", NONE, model) for model in ("", ".", "..", "models/", "models/..", "\ud800")),
    ],
)
def test_a_name_that_no_path_can_hold_is_refused(dialect, quirks, model):
    with pytest.raises(InvalidRequest) as refused:
        conversation_path(dialect, quirks, model, True)
    assert refused.value.param == "model"


@given(st.text(min_size=1))
def test_no_name_leaves_its_place(model):
    try:
        path = conversation_path("openai_chat", AZURE, model, True)
    except InvalidRequest:
        return
    assert path.startswith("/deployments/")
    assert path.count("/") == 4
    assert path.count("?") == 1


def test_azure_has_the_deployment_in_the_path_of_chats_and_its_version_everywhere():
    version = "?api-version=2024-10-21"
    assert conversation_path("openai_chat", AZURE, "gpt 5", True) == f"/deployments/gpt%205/chat/completions{version}"
    assert conversation_path("openai_responses", AZURE, "gpt 5", True) == f"/responses{version}"
    assert count_path("openai_responses", AZURE, "gpt 5") == f"/responses/input_tokens{version}"


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("openai_chat", None),
        ("openai_responses", "/responses/input_tokens"),
        ("anthropic", "/messages/count_tokens"),
        ("gemini", "/models/m%2Fx:countTokens"),
    ],
)
def test_tokens_are_counted_where_the_dialect_counts_them(dialect, path):
    assert count_path(dialect, NONE, "m/x") == path

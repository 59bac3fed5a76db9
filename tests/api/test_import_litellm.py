"""LiteLLM's config.yaml: models become names, entries at one address one provider."""

import textwrap

import pytest

from api.importing import Import, read
from tests.importable import CONFIG

SET = {"OPENAI_API_KEY": "sk-made-up-openai-0001"}


def taken(config: str, environment: dict[str, str] | None = None) -> Import:
    return read(config.encode(), SET if environment is None else environment)


def entry(model: str, name: str = "one", **params: str) -> str:
    """A configuration of one model."""
    lines = [f"model: {model}", *(f"{key}: {value}" for key, value in params.items())]
    return f"model_list:\n- model_name: {name}\n  litellm_params:\n" + textwrap.indent("\n".join(lines), "    ")


def only(model: str, **params: str):
    (draft,) = taken(entry(model, **params)).found
    return draft


def names(imported: Import) -> dict[str, tuple[str, ...]]:
    return {name.name: name.models for name in imported.names}


def reasons(imported: Import) -> dict[str, str]:
    return {left.what: left.why.message for left in imported.left}


def test_models_of_one_name_are_asked_in_order_and_its_fallback_after_them():
    assert names(taken(CONFIG)) == {
        "gpt-4o": ("openai:gpt-4o", "azure:gpt-4o-eu", "anthropic:claude-sonnet-4-5"),
        "claude": ("anthropic:claude-sonnet-4-5",),
        "fast": ("anthropic:claude-sonnet-4-5",),
    }


def test_each_address_is_a_provider():
    found = {draft.id: draft for draft in taken(CONFIG).found}
    assert found["openai"].base_url == "https://api.openai.com/v1"
    assert found["azure"].base_url == "https://my-resource.openai.azure.com/openai/v1"
    assert found["anthropic"].dialect == "anthropic"


def test_entries_at_one_address_share_their_keys():
    config = (
        entry("openai/a", "a", api_key="sk-made-up-0001") + "\n" + entry("openai/b", "b", api_key="sk-made-up-0002")
    )
    (draft,) = taken(config.replace("\nmodel_list:", "")).found
    assert [key.key for key in draft.keys] == ["sk-made-up-0001", "sk-made-up-0002"]
    assert draft.models == 2


def test_a_key_in_the_environment_is_looked_up_and_labelled():
    (key,) = only("openai/gpt-4o", api_key="os.environ/OPENAI_API_KEY").keys
    assert (key.key, key.label) == (SET["OPENAI_API_KEY"], "OPENAI_API_KEY")


def test_a_key_that_is_nowhere_is_said_and_the_provider_comes_without():
    (draft,) = taken(entry("openai/gpt-4o", api_key="os.environ/MISSING"), {}).found
    assert draft.keys == ()
    assert "MISSING" in str(draft.note)


def test_the_files_own_environment_and_credentials_count():
    config = entry("openai/gpt-4o", api_key="os.environ/MINE", litellm_credential_name="eu")
    config += "\nenvironment_variables: {MINE: sk-made-up-mine-01}"
    config += "\ncredential_list: [{credential_name: eu, credential_values: {api_base: https://eu.example/v1}}]"
    (draft,) = taken(config, {}).found
    assert (draft.base_url, draft.keys[0].key) == ("https://eu.example/v1", "sk-made-up-mine-01")


@pytest.mark.parametrize(
    ("model", "params", "id", "base_url", "dialect"),
    [
        ("openai/gpt-4o", {}, "openai", "https://api.openai.com/v1", "openai_chat+openai_responses"),
        ("gpt-4o", {}, "openai", "https://api.openai.com/v1", "openai_chat+openai_responses"),
        ("claude-sonnet-4-5", {}, "anthropic", "https://api.anthropic.com/v1", "anthropic"),
        ("gemini/gemini-2.5-pro", {}, "gemini", "https://generativelanguage.googleapis.com/v1beta", "gemini"),
        ("groq/llama-3.3-70b", {}, "groq", "https://api.groq.com/openai/v1", "openai_chat+openai_responses"),
        ("moonshot/kimi-k2", {}, "kimi", "https://api.moonshot.ai/v1", "openai_chat+openai_responses"),
        ("ollama_chat/llama3.1", {}, "ollama", "http://127.0.0.1:11434/v1", "openai_chat"),
        ("ollama/a", {"api_base": "http://10.0.0.5:11434"}, "ollama", "http://10.0.0.5:11434/v1", "openai_chat"),
        (
            "openai/a",
            {"api_base": "http://10.0.0.5:8000/v1"},
            "10.0.0.5-8000",
            "http://10.0.0.5:8000/v1",
            "openai_chat",
        ),
        ("anthropic/a", {"api_base": "https://relay.example"}, "relay.example", "https://relay.example", "anthropic"),
        (
            "a",
            {"custom_llm_provider": "groq"},
            "groq",
            "https://api.groq.com/openai/v1",
            "openai_chat+openai_responses",
        ),
    ],
)
def test_a_models_first_word_says_whom_to_ask(model, params, id, base_url, dialect):
    draft = only(model, **params)
    assert (draft.id, draft.base_url, draft.dialect) == (id, base_url, dialect)


@pytest.mark.parametrize("model", ["bedrock/anthropic.claude", "vertex_ai/gemini-2.5-pro", "unheard_of/model"])
def test_what_is_asked_in_another_way_is_left_with_its_reason(model):
    imported = taken(entry(model))
    assert (imported.found, imported.names) == ((), ())
    assert reasons(imported)["one"]


def test_all_of_a_providers_models_need_no_name():
    imported = taken(entry('"anthropic/*"', '"anthropic/*"', api_key="sk-made-up-0001"))
    assert [draft.id for draft in imported.found] == ["anthropic"]
    assert imported.names == ()
    assert "anthropic:…" in reasons(imported)["anthropic/*"]


def test_a_name_that_cannot_be_one_here_is_spelled_anew_and_says_so():
    (name,) = taken(entry("openai/gpt-4o", "OpenAI/GPT 4o")).names
    assert name.name == "openai-gpt-4o"
    assert "OpenAI/GPT 4o" in str(name.note)


def test_a_name_gives_way_to_a_provider_of_the_same():
    imported = taken(entry("openai/gpt-4o", "openai"))
    assert [name.name for name in imported.names] == ["openai-2"]


def test_what_is_litellms_own_is_named_and_its_master_key_is_not_shown():
    said = reasons(taken(CONFIG))
    assert "routing_strategy" in said["router_settings"]
    assert "litellm_params.rpm" in said
    assert "general_settings.master_key" in said
    assert not any("made-up" in text for text in said.values())


@pytest.mark.parametrize("wrong", ["- 7", "- {model_name: x}", "- {model_name: x, litellm_params: {api_key: a}}"])
def test_an_entry_that_is_none_leaves_the_others(wrong):
    imported = taken(entry("openai/gpt-4o") + f"\n{wrong}")
    assert [draft.id for draft in imported.found] == ["openai"]
    assert imported.left

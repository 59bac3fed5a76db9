"""The table of providers that are known by name: every row could be saved, and calls what its documentation says."""

from urllib.parse import urlsplit

import pytest

from api.providers.presets import ENVIRONMENT, PRESETS, key_check, preset
from api.providers.provider import DIALECTS, Provider, checked_base_url, checked_id, checked_name, what_is_called

# As each provider's own documentation gives them.
CHATS = {
    "anthropic": "https://api.anthropic.com/v1/messages",
    "openai": "https://api.openai.com/v1/chat/completions",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    "deepseek": "https://api.deepseek.com/chat/completions",
    "openrouter": "https://openrouter.ai/api/v1/chat/completions",
    "qwen": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
    "qwen-cn": "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
    "kimi": "https://api.moonshot.ai/v1/chat/completions",
    "kimi-cn": "https://api.moonshot.cn/v1/chat/completions",
    "glm": "https://open.bigmodel.cn/api/paas/v4/chat/completions",
    "zai": "https://api.z.ai/api/paas/v4/chat/completions",
    "mistral": "https://api.mistral.ai/v1/chat/completions",
    "groq": "https://api.groq.com/openai/v1/chat/completions",
    "xai": "https://api.x.ai/v1/chat/completions",
    "siliconflow": "https://api.siliconflow.com/v1/chat/completions",
    "siliconflow-cn": "https://api.siliconflow.cn/v1/chat/completions",
    "ollama": "http://127.0.0.1:11434/v1/chat/completions",
    "lmstudio": "http://127.0.0.1:1234/v1/chat/completions",
    "llamacpp": "http://127.0.0.1:8080/v1/chat/completions",
    "vllm": "http://127.0.0.1:8000/v1/chat/completions",
}
EACH = pytest.mark.parametrize("row", PRESETS, ids=lambda row: row.id)


@EACH
def test_a_preset_fills_in_what_can_be_saved(row):
    assert checked_id(row.id) == row.id
    assert checked_name(row.name) == row.name
    assert row.dialect in DIALECTS
    assert checked_base_url(row.base_url, row.dialect, frozenset({23333, 23300})) == row.base_url
    assert 1 <= len(row.mark) <= 2


@EACH
def test_a_preset_calls_the_documented_address(row):
    provider = Provider(id=row.id, name=row.name, dialects=(row.dialect,), base_url=row.base_url)
    assert what_is_called(provider) == CHATS[row.id]


@EACH
def test_a_key_is_had_from_a_page_and_a_program_on_this_computer_wants_none(row):
    if row.is_local:
        assert urlsplit(row.base_url).hostname == "127.0.0.1"
        assert row.env == row.env_url == ()
    else:
        assert row.key_page.startswith("https://")
        assert row.base_url.startswith("https://")


@EACH
def test_what_only_a_good_key_may_read_lies_below_the_base_url(row):
    assert row.key_check.startswith("/")
    assert key_check(row.base_url) == row.key_check


def test_openrouter_shows_its_models_to_everybody_so_another_path_proves_the_key():
    assert key_check("https://openrouter.ai/api/v1") == "/key"
    assert key_check("https://unknown.example/v1") == "/models"


def test_ids_and_variables_are_each_of_one_preset():
    ids = [row.id for row in PRESETS]
    variables = [name for row in PRESETS for name in (*row.env, *row.env_url)]
    assert len(set(ids)) == len(ids) == len(CHATS)
    assert len(set(variables)) == len(variables)
    assert set(variables) == ENVIRONMENT


@pytest.mark.parametrize(
    "provider",
    [
        *("OPENAI", "ANTHROPIC", "DEEPSEEK", "GEMINI", "OPENROUTER", "GROQ"),
        *("MISTRAL", "XAI", "MOONSHOT", "DASHSCOPE", "SILICONFLOW"),
    ],
)
def test_the_usual_variables_are_known(provider):
    assert f"{provider}_API_KEY" in ENVIRONMENT


def test_a_preset_is_found_by_its_id():
    assert [preset(row.id) for row in PRESETS] == list(PRESETS)
    assert preset("nobody") is None

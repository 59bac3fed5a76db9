"""The table of providers that are known by name: every row could be saved, and calls what its documentation says."""

from urllib.parse import urlsplit

import pytest

from api.dialects.quirks import NONE
from api.endpoints import Endpoint
from api.errors import ProviderRefused
from api.providers.abilities import known
from api.providers.asking import changed, written
from api.providers.presets import ENVIRONMENT, PRESETS, documented, key_check, preset
from api.providers.provider import (
    Provider,
    checked_base_url,
    checked_dialects,
    checked_id,
    checked_name,
    what_is_called,
)
from api.upstream.paths import endpoint_url

# As each provider's own documentation gives them.
CHATS = {
    "anthropic": "https://api.anthropic.com/v1/messages",
    "openai": "https://api.openai.com/v1/chat/completions",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models/{model}:streamGenerateContent?alt=sse",
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
    "azure": "https://{resource}.openai.azure.com/openai/v1/chat/completions",
    "perplexity": "https://api.perplexity.ai/chat/completions",
    "siliconflow": "https://api.siliconflow.com/v1/chat/completions",
    "siliconflow-cn": "https://api.siliconflow.cn/v1/chat/completions",
    "cohere": "https://api.cohere.ai/compatibility/v1/chat/completions",
    "ollama": "http://127.0.0.1:11434/v1/chat/completions",
    "lmstudio": "http://127.0.0.1:1234/v1/chat/completions",
    "llamacpp": "http://127.0.0.1:8080/v1/chat/completions",
    "vllm": "http://127.0.0.1:8000/v1/chat/completions",
    "bedrock": "https://bedrock-runtime.{region}.amazonaws.com/openai/v1/chat/completions",
    "together": "https://api.together.xyz/v1/chat/completions",
    "fireworks": "https://api.fireworks.ai/inference/v1/chat/completions",
    "cerebras": "https://api.cerebras.ai/v1/chat/completions",
    "nvidia": "https://integrate.api.nvidia.com/v1/chat/completions",
    "huggingface": "https://router.huggingface.co/v1/chat/completions",
    "github": "https://models.github.ai/inference/chat/completions",
    "sambanova": "https://api.sambanova.ai/v1/chat/completions",
    "deepinfra": "https://api.deepinfra.com/v1/openai/chat/completions",
    "novita": "https://api.novita.ai/v3/openai/chat/completions",
    "hyperbolic": "https://api.hyperbolic.xyz/v1/chat/completions",
    "nebius": "https://api.studio.nebius.ai/v1/chat/completions",
    "vercel": "https://ai-gateway.vercel.sh/v1/chat/completions",
    "poe": "https://api.poe.com/v1/chat/completions",
    "jina": "https://api.jina.ai/v1/chat/completions",
    "voyage": "https://api.voyageai.com/v1/chat/completions",
    "upstage": "https://api.upstage.ai/v1/chat/completions",
    "ai21": "https://api.ai21.com/studio/v1/chat/completions",
    "inception": "https://api.inceptionlabs.ai/v1/chat/completions",
    "reka": "https://api.reka.ai/v1/chat/completions",
    "featherless": "https://api.featherless.ai/v1/chat/completions",
    "chutes": "https://llm.chutes.ai/v1/chat/completions",
    "baseten": "https://inference.baseten.co/v1/chat/completions",
    "friendli": "https://api.friendli.ai/serverless/v1/chat/completions",
    "venice": "https://api.venice.ai/api/v1/chat/completions",
    "nanogpt": "https://nano-gpt.com/api/v1/chat/completions",
    "scaleway": "https://api.scaleway.ai/v1/chat/completions",
    "wandb": "https://api.inference.wandb.ai/v1/chat/completions",
    "llama-api": "https://api.llama.com/compat/v1/chat/completions",
    "minimax": "https://api.minimax.io/v1/chat/completions",
    "minimax-cn": "https://api.minimaxi.com/v1/chat/completions",
    "volcengine": "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
    "byteplus": "https://ark.ap-southeast.bytepluses.com/api/v3/chat/completions",
    "baidu": "https://qianfan.baidubce.com/v2/chat/completions",
    "hunyuan": "https://api.hunyuan.cloud.tencent.com/v1/chat/completions",
    "stepfun": "https://api.stepfun.com/v1/chat/completions",
    "yi": "https://api.lingyiwanwu.com/v1/chat/completions",
    "baichuan": "https://api.baichuan-ai.com/v1/chat/completions",
    "modelscope": "https://api-inference.modelscope.cn/v1/chat/completions",
    "aihubmix": "https://aihubmix.com/v1/chat/completions",
    "302ai": "https://api.302.ai/v1/chat/completions",
    "ppio": "https://api.ppinfra.com/v3/openai/chat/completions",
    "mimo": "https://api.xiaomimimo.com/v1/chat/completions",
    "sglang": "http://127.0.0.1:30000/v1/chat/completions",
    "localai": "http://127.0.0.1:8080/v1/chat/completions",
    "jan": "http://127.0.0.1:1337/v1/chat/completions",
    "textgen": "http://127.0.0.1:5000/v1/chat/completions",
    "litellm": "http://127.0.0.1:4000/v1/chat/completions",
    "newapi": "http://127.0.0.1:3000/v1/chat/completions",
}
ROWS = {row.id: row for row in PRESETS}
EACH = pytest.mark.parametrize("row", PRESETS, ids=lambda row: row.id)


@EACH
def test_a_preset_fills_in_what_can_be_saved(row):
    assert checked_id(row.id) == row.id
    assert checked_name(row.name) == row.name
    assert checked_dialects(row.dialect) == row.dialects
    base_url = row.base_url.replace("{resource}", "mine").replace("{region}", "us-east-1")
    assert checked_base_url(base_url, row.dialects[0], frozenset({23333, 23300})) == base_url
    assert changed(NONE, written(row.quirks)) == row.quirks
    assert 1 <= len(row.mark) <= 2


def test_a_preset_that_leaves_a_name_open_calls_nobody_before_it_is_written():
    with pytest.raises(ProviderRefused, match=r"in the place of “\{resource\}”"):
        checked_base_url(ROWS["azure"].base_url, "openai_chat", frozenset())


@EACH
def test_a_preset_calls_the_documented_address(row):
    provider = Provider(id=row.id, name=row.name, dialects=row.dialects, base_url=row.base_url)
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


@EACH
def test_what_a_preset_has_is_what_its_providers_are_known_to_have(row):
    base_url = row.base_url.replace("{resource}", "mine").replace("{region}", "us-east-1")
    provider = Provider(id="mine", name="Mine", dialects=row.dialects, base_url=base_url, quirks=row.quirks)
    if row.endpoints is not None:
        assert known(provider) == row.endpoints
    assert documented("https://another.example/v1") is None


# As each provider's own documentation lists them beside its chats.
@pytest.mark.parametrize(
    ("id", "endpoints"),
    [
        ("openai", set(Endpoint) - {"rerank"}),
        ("deepseek", set()),
        ("perplexity", set()),
        ("groq", {"speech", "transcriptions", "translations", "files"}),
        ("mistral", {"embeddings", "transcriptions", "moderations", "files"}),
        ("cohere", {"embeddings", "rerank"}),
        ("qwen", {"completions", "embeddings", "rerank", "files"}),
        ("kimi", {"files"}),
        ("glm", {"embeddings", "rerank", "images", "speech", "transcriptions", "files"}),
        ("zai", {"images", "transcriptions", "files"}),
        ("xai", {"completions", "images", "files"}),
        ("siliconflow", {"completions", "embeddings", "rerank", "images", "speech", "transcriptions", "files"}),
        ("lmstudio", {"completions", "embeddings"}),
    ],
)
def test_who_documents_an_endpoint_has_it(id, endpoints):
    assert ROWS[id].endpoints == endpoints


@pytest.mark.parametrize("id", ["ollama", "llamacpp", "vllm", "openrouter", "azure"])
def test_of_whom_nothing_is_certain_anything_may_be_asked(id):
    assert ROWS[id].endpoints is None


@pytest.mark.parametrize(
    ("id", "url"),
    [
        ("cohere", "https://api.cohere.ai/v2/rerank"),
        ("qwen", "https://dashscope-intl.aliyuncs.com/compatible-api/v1/reranks"),
        ("siliconflow", "https://api.siliconflow.com/v1/rerank"),
        ("glm", "https://open.bigmodel.cn/api/paas/v4/rerank"),
    ],
)
def test_reranking_is_asked_at_the_documented_address(id, url):
    assert endpoint_url(ROWS[id].base_url, Endpoint.RERANK, ROWS[id].quirks, "m") == url


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


# What the providers' documentation promises and refuses


@pytest.mark.parametrize("id", ["openai", "kimi", "groq", "xai", "azure", "lmstudio", "openrouter"])
def test_who_documents_responses_is_asked_in_them_too(id):
    assert ROWS[id].dialects[:2] == ("openai_chat", "openai_responses")


def test_gemini_is_asked_in_its_own_dialect():
    assert ROWS["gemini"].dialects == ("gemini",)


def test_openai_wants_the_new_name_of_the_limit_and_knows_developers():
    quirks = ROWS["openai"].quirks
    assert (quirks.max_tokens_field, quirks.developer_role) == ("max_completion_tokens", True)


def test_mistral_is_not_sent_stream_options():
    assert not ROWS["mistral"].quirks.stream_options


@pytest.mark.parametrize("id", ["deepseek", "kimi", "kimi-cn", "glm", "zai"])
def test_who_wants_thoughts_back_gets_them(id):
    assert ROWS[id].quirks.reasoning_field == "reasoning_content"
    assert ROWS[id].quirks.wants_back


@pytest.mark.parametrize("id", ["kimi", "ollama", "lmstudio"])
def test_who_fetches_no_images_is_sent_none_by_their_address(id):
    assert not ROWS[id].quirks.image_urls


@pytest.mark.parametrize(
    ("id", "field"),
    [
        ("openrouter", "reasoning"),
        ("deepseek", "thinking"),
        ("qwen", "enable_thinking"),
        ("openai", "reasoning_effort"),
    ],
)
def test_how_much_to_think_is_said_in_the_providers_own_way(id, field):
    assert ROWS[id].quirks.thinking_field == field


def test_there_are_sixty_at_least_and_none_twice():
    assert len(ROWS) == len(PRESETS) >= 60


@EACH
def test_a_preset_names_its_documents_and_how_its_key_travels(row):
    assert row.docs.startswith("https://")
    expected = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}.get(row.dialects[0], "bearer")
    assert row.auth == ("none" if row.is_local else expected)

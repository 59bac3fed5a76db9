"""The best known, in the order in which they are offered."""

from typing import Final

from api.dialects import anthropic, gemini
from api.dialects.quirks import Quirks
from api.endpoints import EVERYTHING, Endpoint
from api.providers.presets.preset import BOTH, OPENAI, QWEN, THOUGHTFUL, Preset

DATA: Final = Quirks(image_urls=False)
# https://platform.kimi.ai/docs/guide/use-kimi-vision-model knows data and files kept there, no addresses.
KIMI: Final = Quirks(reasoning_field="reasoning_content", thinking_field="thinking", image_urls=False)
# Alibaba's own reranking lies beside its compatible mode: https://www.alibabacloud.com/help/en/model-studio/rerank
DASHSCOPE: Final = Quirks(thinking_field="enable_thinking", rerank_path="/compatible-api/v1/reranks")
# Cohere's compatible address knows no dimensions: https://docs.cohere.com/docs/compatibility-api
COHERE: Final = Quirks(
    embeddings_form="cohere", embeddings_path="/v2/embed", rerank_form="cohere", rerank_path="/v2/rerank"
)

# What each documents beside its chats, as of November 2026.
CONVERSATIONS_ONLY: Final = frozenset[Endpoint]()
OF_OPENAI: Final = EVERYTHING - {Endpoint.RERANK}
OF_DASHSCOPE: Final = frozenset((Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS, Endpoint.RERANK, Endpoint.FILES))
OF_KIMI: Final = frozenset((Endpoint.FILES,))
OF_GLM: Final = frozenset(
    (
        *(Endpoint.EMBEDDINGS, Endpoint.RERANK, Endpoint.IMAGES),
        *(Endpoint.SPEECH, Endpoint.TRANSCRIPTIONS, Endpoint.FILES),
    )
)
OF_ZAI: Final = frozenset((Endpoint.IMAGES, Endpoint.TRANSCRIPTIONS, Endpoint.FILES))
OF_MISTRAL: Final = frozenset((Endpoint.EMBEDDINGS, Endpoint.TRANSCRIPTIONS, Endpoint.MODERATIONS, Endpoint.FILES))
OF_GROQ: Final = frozenset((Endpoint.SPEECH, Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS, Endpoint.FILES))
OF_XAI: Final = frozenset((Endpoint.COMPLETIONS, Endpoint.IMAGES, Endpoint.FILES))
OF_SILICONFLOW: Final = OF_GLM | {Endpoint.COMPLETIONS}
OF_COHERE: Final = frozenset((Endpoint.EMBEDDINGS, Endpoint.RERANK))
# It answers 200 to what it has not, so that asking would teach nothing.
OF_LM_STUDIO: Final = frozenset((Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS))

FIRST: Final = (
    Preset(
        id="anthropic",
        name="Anthropic",
        mark="A",
        dialect=anthropic.NAME,
        base_url="https://api.anthropic.com/v1",
        docs="https://platform.claude.com/docs/en/api/overview",
        key_page="https://platform.claude.com/settings/keys",
        env=("ANTHROPIC_API_KEY",),
        env_url=("ANTHROPIC_BASE_URL",),
    ),
    Preset(
        id="openai",
        name="OpenAI",
        mark="OA",
        base_url="https://api.openai.com/v1",
        docs="https://platform.openai.com/docs/api-reference",
        key_page="https://platform.openai.com/api-keys",
        env=("OPENAI_API_KEY",),
        env_url=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        dialect=BOTH,
        quirks=OPENAI,
        endpoints=OF_OPENAI,
    ),
    Preset(
        id="gemini",
        name="Gemini",
        mark="G",
        dialect=gemini.NAME,
        base_url="https://generativelanguage.googleapis.com/v1beta",
        docs="https://ai.google.dev/api",
        key_page="https://aistudio.google.com/apikey",
        env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        env_url=("GOOGLE_GEMINI_BASE_URL",),
    ),
    Preset(
        id="deepseek",
        name="DeepSeek",
        mark="D",
        base_url="https://api.deepseek.com",
        docs="https://api-docs.deepseek.com/",
        key_page="https://platform.deepseek.com/api_keys",
        env=("DEEPSEEK_API_KEY",),
        quirks=THOUGHTFUL,
        endpoints=CONVERSATIONS_ONLY,
    ),
    Preset(
        id="openrouter",
        name="OpenRouter",
        mark="OR",
        base_url="https://openrouter.ai/api/v1",
        docs="https://openrouter.ai/docs/api/reference/overview",
        key_page="https://openrouter.ai/settings/keys",
        env=("OPENROUTER_API_KEY",),
        key_check="/key",
        dialect=f"{BOTH}+{anthropic.NAME}",
        quirks=Quirks(cache_control=True, reasoning_field="reasoning", thinking_field="reasoning"),
    ),
    Preset(
        id="qwen",
        name="Qwen",
        mark="Q",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        docs="https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
        key_page="https://modelstudio.console.alibabacloud.com/?tab=playground#/api-key",
        env=("DASHSCOPE_API_KEY",),
        env_url=("DASHSCOPE_BASE_URL",),
        quirks=DASHSCOPE,
        endpoints=OF_DASHSCOPE,
    ),
    Preset(
        id="qwen-cn",
        name="Qwen (China)",
        mark="Q",
        base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
        docs="https://help.aliyun.com/zh/model-studio/compatibility-of-openai-with-dashscope",
        key_page="https://bailian.console.aliyun.com/?tab=model#/api-key",
        quirks=DASHSCOPE,
        endpoints=OF_DASHSCOPE,
    ),
    Preset(
        id="kimi",
        name="Kimi",
        mark="K",
        base_url="https://api.moonshot.ai/v1",
        docs="https://platform.kimi.ai/docs/api/chat",
        key_page="https://platform.kimi.ai/console/api-keys",
        env=("MOONSHOT_API_KEY",),
        env_url=("MOONSHOT_BASE_URL",),
        dialect=BOTH,
        quirks=KIMI,
        endpoints=OF_KIMI,
    ),
    Preset(
        id="kimi-cn",
        name="Kimi (China)",
        mark="K",
        base_url="https://api.moonshot.cn/v1",
        docs="https://platform.kimi.com/docs/api/chat",
        key_page="https://platform.kimi.com/console/api-keys",
        dialect=BOTH,
        quirks=KIMI,
        endpoints=OF_KIMI,
    ),
    Preset(
        id="glm",
        name="Zhipu GLM",
        mark="Z",
        base_url="https://open.bigmodel.cn/api/paas/v4",
        docs="https://docs.bigmodel.cn/cn/guide/develop/openai/introduction",
        key_page="https://open.bigmodel.cn/usercenter/apikeys",
        env=("ZHIPUAI_API_KEY", "ZHIPU_API_KEY"),
        quirks=THOUGHTFUL,
        endpoints=OF_GLM,
    ),
    Preset(
        id="zai",
        name="Z.ai",
        mark="Z",
        base_url="https://api.z.ai/api/paas/v4",
        docs="https://docs.z.ai/guides/develop/openai/python",
        key_page="https://z.ai/manage-apikey/apikey-list",
        env=("ZAI_API_KEY",),
        quirks=THOUGHTFUL,
        endpoints=OF_ZAI,
    ),
    Preset(
        id="mistral",
        name="Mistral",
        mark="M",
        base_url="https://api.mistral.ai/v1",
        docs="https://docs.mistral.ai/api",
        key_page="https://console.mistral.ai/api-keys",
        env=("MISTRAL_API_KEY",),
        quirks=Quirks(stream_options=False),
        endpoints=OF_MISTRAL,
    ),
    Preset(
        id="groq",
        name="Groq",
        mark="Gr",
        base_url="https://api.groq.com/openai/v1",
        docs="https://console.groq.com/docs/openai",
        key_page="https://console.groq.com/keys",
        env=("GROQ_API_KEY",),
        dialect=BOTH,
        endpoints=OF_GROQ,
    ),
    Preset(
        id="xai",
        name="xAI",
        mark="X",
        base_url="https://api.x.ai/v1",
        docs="https://docs.x.ai/docs/api-reference",
        key_page="https://console.x.ai/team/default/api-keys",
        env=("XAI_API_KEY",),
        dialect=BOTH,
        endpoints=OF_XAI,
    ),
    Preset(
        id="azure",
        name="Azure OpenAI",
        mark="Az",
        dialect=BOTH,
        base_url="https://{resource}.openai.azure.com/openai/v1",
        docs="https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle",
        key_page="https://ai.azure.com/",
        quirks=OPENAI,
    ),
    Preset(
        id="perplexity",
        name="Perplexity",
        mark="P",
        base_url="https://api.perplexity.ai",
        docs="https://docs.perplexity.ai/",
        key_page="https://www.perplexity.ai/account/api/keys",
        env=("PERPLEXITY_API_KEY",),
        endpoints=CONVERSATIONS_ONLY,
    ),
    Preset(
        id="siliconflow",
        name="SiliconFlow",
        mark="S",
        base_url="https://api.siliconflow.com/v1",
        docs="https://docs.siliconflow.com/",
        key_page="https://cloud.siliconflow.com/account/ak",
        env=("SILICONFLOW_API_KEY",),
        quirks=QWEN,
        endpoints=OF_SILICONFLOW,
    ),
    Preset(
        id="siliconflow-cn",
        name="SiliconFlow (China)",
        mark="S",
        base_url="https://api.siliconflow.cn/v1",
        docs="https://docs.siliconflow.cn/",
        key_page="https://cloud.siliconflow.cn/account/ak",
        env=("SILICONFLOW_CN_API_KEY",),
        quirks=QWEN,
        endpoints=OF_SILICONFLOW,
    ),
    Preset(
        id="cohere",
        name="Cohere",
        mark="Co",
        base_url="https://api.cohere.ai/compatibility/v1",
        docs="https://docs.cohere.com/docs/compatibility-api",
        key_page="https://dashboard.cohere.com/api-keys",
        env=("COHERE_API_KEY", "CO_API_KEY"),
        quirks=COHERE,
        endpoints=OF_COHERE,
    ),
    Preset(
        id="ollama",
        name="Ollama",
        mark="O",
        base_url="http://127.0.0.1:11434/v1",
        docs="https://docs.ollama.com/api/openai-compatibility",
        quirks=DATA,
    ),
    Preset(
        id="lmstudio",
        name="LM Studio",
        mark="LM",
        base_url="http://127.0.0.1:1234/v1",
        docs="https://lmstudio.ai/docs/developer/openai-compat",
        dialect=BOTH,
        quirks=DATA,
        endpoints=OF_LM_STUDIO,
    ),
    Preset(
        id="llamacpp",
        name="llama.cpp",
        mark="Lc",
        base_url="http://127.0.0.1:8080/v1",
        docs="https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
    ),
    Preset(
        id="vllm",
        name="vLLM",
        mark="vL",
        base_url="http://127.0.0.1:8000/v1",
        docs="https://docs.vllm.ai/en/latest/serving/openai_compatible_server/",
    ),
)

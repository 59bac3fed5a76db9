"""Programs on this computer beside the best known, where they answer if nobody moved them."""

from typing import Final

from api.providers.presets.preset import Preset

RUNNING: Final = (
    Preset(
        id="sglang",
        name="SGLang",
        mark="SG",
        base_url="http://127.0.0.1:30000/v1",
        docs="https://docs.sglang.io/",
    ),
    Preset(
        id="localai",
        name="LocalAI",
        mark="LA",
        base_url="http://127.0.0.1:8080/v1",
        docs="https://localai.io/",
    ),
    Preset(
        id="jan",
        name="Jan",
        mark="Ja",
        base_url="http://127.0.0.1:1337/v1",
        docs="https://www.jan.ai/docs/desktop/api-server",
    ),
    Preset(
        id="textgen",
        name="text-generation-webui",
        mark="Tg",
        base_url="http://127.0.0.1:5000/v1",
        docs="https://github.com/oobabooga/text-generation-webui/wiki/12-%E2%80%90-OpenAI-API",
    ),
    Preset(
        id="litellm",
        name="LiteLLM",
        mark="LL",
        base_url="http://127.0.0.1:4000/v1",
        docs="https://docs.litellm.ai/docs/proxy/user_keys",
    ),
    Preset(
        id="newapi",
        name="new-api / one-api",
        mark="NA",
        base_url="http://127.0.0.1:3000/v1",
        docs="https://docs.newapi.pro/",
    ),
)

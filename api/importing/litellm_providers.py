"""Whom an entry of LiteLLM's model list asks: the first word of a model's name is a provider's, in its own spelling.

https://docs.litellm.ai/docs/providers
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.errors import SaidInWords
from api.importing.addresses import Address, first_preset, of_preset, recognised
from api.importing.drafts import AMAZON, GOOGLE, SIGNED_IN, Draft, Key, shown, slug
from api.providers.presets import BOTH, OPENAI, Preset, preset
from api.providers.provider import Secret

NAMED: Final = "os.environ/"
# Those that a preset stands for under another name; where the names are the same none is needed.
PRESET_OF: Final = {
    "azure_ai": ("azure",),
    "cohere_chat": ("cohere",),
    "dashscope": ("qwen",),
    "fireworks_ai": ("fireworks",),
    "github": ("github-models",),
    "hosted_vllm": ("vllm",),
    "lm_studio": ("lmstudio",),
    "moonshot": ("kimi",),
    "nvidia_nim": ("nvidia",),
    "ollama_chat": ("ollama",),
    "text-completion-openai": ("openai",),
    "together_ai": ("together",),
    "vercel_ai_gateway": ("vercel",),
}
# Any server of that dialect, at the address the entry gives.
ANYWHERE: Final = {
    "openai": openai_chat.NAME,
    "custom_openai": openai_chat.NAME,
    "openai_like": openai_chat.NAME,
    "litellm_proxy": openai_chat.NAME,
    "llamafile": openai_chat.NAME,
    "vllm": openai_chat.NAME,
    "anthropic": anthropic.NAME,
    "gemini": gemini.NAME,
}
OF_OLLAMA: Final = ("ollama", "ollama_chat")
# They are asked with more than a key, or in a dialect that Morello does not speak.
SIGNED: Final = {
    **dict.fromkeys(("bedrock", "bedrock_converse", "sagemaker", "sagemaker_chat"), AMAZON),
    **dict.fromkeys(("vertex_ai", "vertex_ai_beta"), GOOGLE),
    **dict.fromkeys(("watsonx", "oci", "snowflake", "github_copilot", "chatgpt"), SIGNED_IN),
}
# Of a name without a provider's: LiteLLM knows whose these are.
FAMILIES: Final = (
    (re.compile(r"(gpt-|o\d|chatgpt-|text-embedding-|dall-e|whisper|tts-|omni-moderation)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"command"), "cohere"),
)


class Deployment(Struct, frozen=True):
    """A model at a provider; “*” for all that it has."""

    draft: Draft
    model: str


def reached(params: Mapping[str, Any], environment: Mapping[str, str]) -> Deployment | SaidInWords:
    """Whom an entry asks and for what, or why Morello cannot."""
    provider, model = _parted(str(params["model"]), params.get("custom_llm_provider"))
    if provider in SIGNED:
        return SIGNED[provider]
    base = _told(params.get("api_base") or params.get("base_url"), environment)
    address = _address(provider, base)
    if address is None:
        return SaidInWords(
            "Morello has no preset for LiteLLM's “%(provider)s”. Add the provider by its address.",
            provider=shown(provider or params["model"]),
        )
    return Deployment(_draft(provider, address, params, environment), model)


def _parted(model: str, said: object) -> tuple[str, str]:
    """The provider that a model's name begins with, and the rest."""
    provider, slash, rest = model.partition("/")
    if isinstance(said, str) and said:
        return said, rest if slash and provider == said else model
    known = provider in ANYWHERE or provider in SIGNED or provider in PRESET_OF or preset(slug(provider))
    if slash and (known or provider == "azure"):
        # openai/responses/… and the like say which of a provider's endpoints is meant
        return provider, rest.removeprefix("responses/")
    family = next((name for shape, name in FAMILIES if shape.match(model)), None)
    return (family, model) if family else (provider if slash else "", rest)


def _address(provider: str, base: str | None) -> Address | None:
    if base is None:
        return of_preset(*PRESET_OF.get(provider, ()), slug(provider))
    if provider in ("azure", "azure_ai") and ".azure.com" in base:
        root = base.split("/openai")[0].rstrip("/")
        return Address(f"{root}/openai/v1", BOTH, OPENAI)
    if provider in OF_OLLAMA:
        base = base.rstrip("/").removesuffix("/v1").removesuffix("/api") + "/v1"
    dialect = ANYWHERE.get(provider, openai_chat.NAME)
    known = _preset_of(provider)
    if known and provider not in ANYWHERE and openai_responses.NAME not in known.dialects[:1]:
        dialect = known.dialects[0]
    return recognised(base, dialect)


def _preset_of(provider: str) -> Preset | None:
    return first_preset(*PRESET_OF.get(provider, ()), slug(provider))


def _draft(provider: str, address: Address, params: Mapping[str, Any], environment: Mapping[str, str]) -> Draft:
    known = preset(address.preset) if address.preset else None
    key, note = _key(params.get("api_key"), known.env if known else (), environment)
    if known and known.is_local:
        note = None
    place = shown(urlsplit(address.base_url).netloc)
    # “openai/” is what any server is called that speaks like it.
    called = known or (None if provider in ANYWHERE else _preset_of(provider))
    return Draft(
        id=called.id if called else slug(place),
        name=called.name if called else place,
        dialect=address.dialect,
        base_url=address.base_url,
        keys=(key,) if key else (),
        models=1,
        quirks=address.quirks,
        preset=address.preset,
        note=note,
    )


def _key(said: object, usual: tuple[str, ...], environment: Mapping[str, str]) -> tuple[Key | None, SaidInWords | None]:
    """The key, or what the owner has to know where there is none."""
    if isinstance(said, str) and said.startswith(NAMED):
        name = said.removeprefix(NAMED)
        if text := environment.get(name, "").strip():
            return Key(Secret(text), shown(name)[:64]), None
        return None, SaidInWords("Its key is in %(name)s, which is not set here. Give the key afterwards.", name=name)
    if isinstance(said, str) and said.strip():
        return Key(Secret(said.strip())), None
    found = next((name for name in usual if environment.get(name, "").strip()), None)
    if found:
        return Key(Secret(environment[found].strip()), found), None
    return None, SaidInWords("The file has no key for it. Give one afterwards, if it wants one.")


def _told(value: object, environment: Mapping[str, str]) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    if value.startswith(NAMED):
        return environment.get(value.removeprefix(NAMED), "").strip() or None
    return value.strip()

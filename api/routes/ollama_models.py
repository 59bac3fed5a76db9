"""Models as Ollama tells of them: what is listed, what one can do, what is in memory here.

Most of what Ollama says of a model nobody tells us of a provider's: sizes, digests, families. What is not known is
empty or left out; the digest is that of the name, so that it stays the same. What a model can do is read from its
name where nothing else tells: a program that hears too little of it offers its user no pictures and no tools.
"""

import hashlib
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from api.gateway import Gateway
from api.providers.local import IDLE_SECONDS
from api.providers.local_files import MODEL
from api.providers.offers import described, offers
from api.providers.provider import LOCAL, TESTING, Model, Provider, Route
from api.providers.registry import Providers

VERSION: Final = "0.34.0"  # the newest Ollama whose chat, generate, embed and show are answered in full
LATEST: Final = ":latest"
STAYS: Final = timedelta(seconds=IDLE_SECONDS)
_CANNOT_CHAT: Final = re.compile(r"embed|rerank|whisper|tts|dall-e|gpt-image|moderation|imagen|stable-diffusion|flux")
_EMBEDS: Final = re.compile(r"embed|bge-|e5-|gte-|minilm")
_SEES: Final = re.compile(
    r"gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-[5-9]|chatgpt|\bo[1-9]\b|claude|gemini|gemma-?[3-9]|pixtral|llava|vision|-vl\b|vl-"
    r"|llama-?4|grok-[4-9]|mistral-(small|medium)|minicpm-v|kimi-k2\.|qwen3\.[5-9]"
)
_THINKS: Final = re.compile(
    r"gpt-[5-9]|gpt-oss|\bo[1-9]\b|claude-(3-7|sonnet|opus|haiku|fable|mythos)|gemini-(2\.5|[3-9])|deepseek-(r|v3\.[1-9]|v[4-9])"
    r"|reason|think|qwq|qwen-?3|magistral|grok-[3-9]|glm-(4\.[5-9]|[5-9])|kimi-k2|minimax-m"
)


class OllamaDetails(Struct):
    """What is not known is empty."""

    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: list[str] = []
    parameter_size: str = ""
    quantization_level: str = ""


# What Ollama itself says of the same weights.
_LOCAL_DETAILS: Final = OllamaDetails("", "gguf", "gemma3", ["gemma3"], "268.10M", "Q4_K_M")


class OllamaTag(Struct):
    """A model of the list."""

    name: Annotated[str, Meta(examples=["morello:echo"])]
    model: str
    modified_at: str
    size: Annotated[int, Meta(description="0: it lies at its provider")]
    digest: Annotated[str, Meta(description="SHA-256 of the name")]
    details: OllamaDetails


class OllamaTags(Struct):
    models: list[OllamaTag]


class OllamaRunning(Struct):
    """A model that is in this machine's memory because of Morello."""

    name: str
    model: str
    size: int
    digest: str
    details: OllamaDetails
    expires_at: str
    size_vram: int


class OllamaProcesses(Struct):
    models: list[OllamaRunning]


class OllamaShowRequest(Struct, omit_defaults=True):
    model: Annotated[str, Meta(description="provider:model", examples=["morello:echo"])] = ""
    name: Annotated[str, Meta(description="The same, as older programs call it")] = ""
    verbose: bool | None = None


class OllamaShown(Struct):
    """What is known of a model."""

    modelfile: str
    parameters: str
    template: str
    details: OllamaDetails
    model_info: Annotated[
        dict[str, Any], Meta(description="general.architecture, general.basename and, where it is known, the context")
    ]
    capabilities: Annotated[list[str], Meta(description="completion, tools, vision, thinking, embedding")]
    modified_at: str


class OllamaVersion(Struct):
    version: Annotated[str, Meta(description="The version of Ollama that this matches", examples=[VERSION])]


def meant(providers: Providers, asked: str) -> str:
    """The model that `asked` means: programs add Ollama's `:latest` to a name, or cut it off."""
    if asked.endswith(LATEST):
        # Ollama takes either for the same; to everybody else the added one is another model.
        return asked if asked in _names(providers) else asked.removesuffix(LATEST)
    if not re.search("[:/]", asked):
        names = _names(providers)
        return asked + LATEST if asked not in names and asked + LATEST in names else asked
    return asked


def tags(providers: Providers) -> OllamaTags:
    """Every model of every provider."""
    return OllamaTags([_tag(offer.id, offer.provider, offer.model) for offer in offers(providers)])


def running(gateway: Gateway) -> OllamaProcesses:
    """What is in memory here."""
    if not gateway.local.is_running:
        return OllamaProcesses([])
    provider = gateway.providers.known(LOCAL)
    ends = (datetime.now(UTC) + STAYS).strftime("%Y-%m-%dT%H:%M:%SZ")
    tagged = [_tag(f"{LOCAL}:{model.id}", provider, model) for model in gateway.providers.models(provider)]
    return OllamaProcesses(
        [OllamaRunning(tag.name, tag.model, tag.size, tag.digest, tag.details, ends, 0) for tag in tagged]
    )


def shown(providers: Providers, route: Route) -> OllamaShown:
    """What is known of the model of a route."""
    provider, model = route.provider, described(providers, route)
    details = _details(provider, model)
    family = details.family or provider.id  # programs look for the context below whatever stands here
    about: dict[str, Any] = {"general.architecture": family, "general.basename": model.name or model.id}
    if model.context:
        about[f"{family}.context_length"] = model.context
    source = f"# Asked of the provider {provider.id} by Morello\nFROM {provider.id}:{model.id}\n"
    can = capabilities(provider, model.id)
    return OllamaShown(source, "", "{{ .Prompt }}", details, about, can, _modified(provider, model))


def capabilities(provider: Provider, model: str) -> list[str]:
    """What a model can do, as far as its name tells."""
    if provider.id == TESTING:
        return ["completion", "tools"]
    if provider.id == LOCAL:
        return ["completion", "embedding"]
    name = model.lower()
    if _EMBEDS.search(name):
        return ["embedding"]
    if _CANNOT_CHAT.search(name):
        return []
    told = {"vision": _SEES, "thinking": _THINKS}
    return ["completion", "tools", *(ability for ability, names in told.items() if names.search(name))]


def encoded(value: Struct) -> bytes:
    """An answer as JSON."""
    return msgspec.json.encode(value)


def _names(providers: Providers) -> set[str]:
    """Every model by its full name and by its own."""
    return {name for offer in offers(providers) for name in (offer.id, offer.model.id)}


def _tag(name: str, provider: Provider, model: Model) -> OllamaTag:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return OllamaTag(name, name, _modified(provider, model), 0, digest, _details(provider, model))


def _details(provider: Provider, model: Model) -> OllamaDetails:
    if provider.id != LOCAL:
        return OllamaDetails()
    return _LOCAL_DETAILS if model.id == MODEL else OllamaDetails(format="gguf")


def _modified(provider: Provider, model: Model) -> str:
    created = model.created if 0 < model.created < time.time() else provider.created
    return datetime.fromtimestamp(int(created), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

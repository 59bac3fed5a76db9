"""What is already there: model servers that answer on this computer, and keys in the environment.

Nobody outside is called: a key that is found stays where it is until the owner adds it. A server says itself who it
is (`owned_by`); on 11434 and 1234, which nobody else is known to use, one that does not is taken for Ollama and LM
Studio. 8080 and 8000 are anybody's: whoever lists models there without saying who they are is offered by its
address, not by a name that may be another's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct, structs

from api.errors import GatewayError, ProviderRefused
from api.providers.presets import PRESETS, Preset, preset
from api.providers.provider import Model, Provider, Secret, checked_base_url, checked_key, origin

PATIENCE: Final = 1.0  # seconds for each port; one that nobody holds refuses at once
OWN_KEY: Final = "cs-sk-"  # Morello's own keys, which its clients are told to keep in these very variables
OWNERS: Final = {"llamacpp": "llamacpp", "vllm": "vllm", "organization_owner": "lmstudio", "library": "ollama"}
ALONE: Final = frozenset(("ollama", "lmstudio"))

ListModels = Callable[[Provider], Awaitable[tuple[Model, ...]]]


class Found(Struct, frozen=True, kw_only=True):
    """Something that can be added with one click: a server with its models, or a key (`env` says where it lies).

    `base_url` is where it would be called: the preset's own, but where another was found.
    """

    preset: Preset
    base_url: str
    models: tuple[str, ...] = ()
    key: Secret | None = None
    env: str | None = None


async def look_around(
    list_models: ListModels, environment: Mapping[str, str], own_ports: frozenset[int]
) -> tuple[Found, ...]:
    """What there is on this computer, servers first, within about a second."""
    # Of several programs that usually answer at one address the first is meant.
    near = {usual.base_url: usual for usual in reversed(PRESETS) if usual.is_local}
    asked = [usual for usual in reversed(near.values()) if urlsplit(usual.base_url).port not in own_ports]
    answered = await asyncio.gather(*(_probe(list_models, usual) for usual in asked))
    return (*(found for found in answered if found), *found_keys(environment, own_ports))


def found_keys(environment: Mapping[str, str], own_ports: frozenset[int]) -> tuple[Found, ...]:
    """The keys that lie in `environment`; nobody is asked."""
    keys = (_key(known, environment, own_ports) for known in PRESETS)
    return tuple(found for found in keys if found)


async def _probe(list_models: ListModels, usual: Preset) -> Found | None:
    provider = Provider(id=usual.id, name=usual.name, dialects=usual.dialects, base_url=usual.base_url)
    try:
        async with asyncio.timeout(PATIENCE):
            models = await list_models(provider)
    except (GatewayError, TimeoutError):
        return None
    who = _who_answers(usual, models)
    return Found(preset=who, base_url=usual.base_url, models=tuple(model.id for model in models))


def _who_answers(usual: Preset, models: tuple[Model, ...]) -> Preset:
    said = next((OWNERS[model.owner] for model in models if model.owner in OWNERS), None)
    if said or usual.id in ALONE:
        return preset(said or usual.id) or usual
    port = urlsplit(usual.base_url).port
    return structs.replace(usual, id=f"local-{port}", name=f"127.0.0.1:{port}", mark="?")


def _key(known: Preset, environment: Mapping[str, str], own_ports: frozenset[int]) -> Found | None:
    base_url = _meant_for(known, environment, own_ports)
    if base_url is None:
        return None
    for name in known.env:
        if key := _readable(environment.get(name, "")):
            return Found(preset=known, base_url=base_url, key=key, env=name)
    return None


def _meant_for(known: Preset, environment: Mapping[str, str], own_ports: frozenset[int]) -> str | None:
    """Where the preset's keys belong; None if that is Morello itself or nowhere."""
    for name in known.env_url:
        if told := environment.get(name, "").strip():
            try:
                told = checked_base_url(told, known.dialects[0], own_ports)
            except ProviderRefused:
                return None
            return known.base_url if origin(told) == origin(known.base_url) else told
    return known.base_url


def _readable(text: str) -> Secret | None:
    try:
        key = checked_key(text)
    except ProviderRefused:
        return None
    return None if key.startswith(OWN_KEY) else key

"""Who has an endpoint: as its dialect and its documentation say, and as was learned by asking."""

import re
from typing import Final

from api.endpoints import Endpoint
from api.errors import Incapable, InvalidRequest, UpstreamRefused
from api.gateway import Gateway
from api.lacks import Lack
from api.providers.abilities import known
from api.providers.provider import Provider, Route

NAMES: Final = {
    Endpoint.COMPLETIONS: "text completions",
    Endpoint.EMBEDDINGS: "embeddings",
    Endpoint.RERANK: "reranking",
    Endpoint.IMAGES: "image generation",
    Endpoint.IMAGE_EDITS: "image edits",
    Endpoint.IMAGE_VARIATIONS: "image variations",
    Endpoint.SPEECH: "speech",
    Endpoint.TRANSCRIPTIONS: "transcription",
    Endpoint.TRANSLATIONS: "translation of speech",
    Endpoint.MODERATIONS: "moderation",
    Endpoint.FILES: "files",
}
# What models that do nothing else have in their names: one of them is named as an example.
_IN_NAMES: Final = {
    Endpoint.EMBEDDINGS: re.compile(r"embed|\bbge-|\bgte-|minilm", re.IGNORECASE),
    Endpoint.RERANK: re.compile(r"rerank", re.IGNORECASE),
    Endpoint.IMAGES: re.compile(r"image|dall-e|imagen|flux|cogview|kolors|seedream", re.IGNORECASE),
    Endpoint.IMAGE_EDITS: re.compile(r"image", re.IGNORECASE),
    Endpoint.IMAGE_VARIATIONS: re.compile(r"dall-e-2", re.IGNORECASE),
    Endpoint.SPEECH: re.compile(r"\btts|-tts|orpheus|speech", re.IGNORECASE),
    Endpoint.TRANSCRIPTIONS: re.compile(r"whisper|transcribe|-asr\b|voxtral|sensevoice", re.IGNORECASE),
    Endpoint.TRANSLATIONS: re.compile(r"whisper", re.IGNORECASE),
    Endpoint.MODERATIONS: re.compile(r"moderation", re.IGNORECASE),
}
MOST_NAMED: Final = 8
LONGEST_SAID: Final = 160


def require(gateway: Gateway, route: Route, endpoint: Endpoint) -> None:
    """`Incapable` says that the provider has no such endpoint, or its model cannot do it, and who can."""
    has = known(route.provider)
    lack = gateway.lacks.find(route.provider, endpoint, route.model)
    if lack or (has is not None and endpoint not in has):
        raise _incapable(gateway, route, endpoint, lack)


def learn(gateway: Gateway, route: Route, endpoint: Endpoint, refused: UpstreamRefused) -> None:
    """Remember a refusal that says the endpoint is not there, and raise `Incapable` with it."""
    if gateway.lacks.learn(route.provider, endpoint, route.model, refused.status, str(refused)):
        gateway.news.tell()
        lack = gateway.lacks.find(route.provider, endpoint, route.model)
        raise _incapable(gateway, route, endpoint, lack) from refused


def only(gateway: Gateway, dialect: str, endpoint: Endpoint, named: str | None) -> Provider:
    """The provider that is asked where no model says which: the one that is named, or the only one there is."""
    if named:
        if provider := gateway.providers.find(named):
            return provider
        raise InvalidRequest(f"There is no provider “{named[:40]}”.", "x-morello-provider")
    sure, may = _able(gateway, endpoint)
    can = [provider for provider in sure or may if dialect in provider.dialects]
    if len(can) == 1:
        return can[0]
    if not can:
        raise Incapable(f"No provider that is set up has {NAMES[endpoint]}. Add one that has.")
    has = "has" if sure else "may have"
    raise InvalidRequest(
        f"More than one provider {has} {NAMES[endpoint]}: {_listed(can, 'and')}. Say which in the header "
        "x-morello-provider."
    )


def _incapable(gateway: Gateway, route: Route, endpoint: Endpoint, lack: Lack | None) -> Incapable:
    who = f"The provider “{route.provider.id}”"
    if lack and lack.model:
        who = f"The model “{lack.model}” of the provider “{route.provider.id}”"
    said = f": when it was asked, it said “{_cut(lack.words)}”" if lack else ""
    ending = "" if said.endswith((".”", "!”")) else "."
    return Incapable(f"{who} has no {NAMES[endpoint]}{said}{ending} {_who_can(gateway, endpoint)}", "model")


def _who_can(gateway: Gateway, endpoint: Endpoint) -> str:
    sure, may = _able(gateway, endpoint)
    if not sure and not may:
        return "No other provider that is set up has that. Add one that has."
    example = _example(gateway, sure or may, endpoint)
    as_in = f", for example “{example}”" if example else ""
    return f"Name a model of {_listed(sure or may, 'or')}, which {'can' if sure else 'may be able to'}{as_in}."


def _able(gateway: Gateway, endpoint: Endpoint) -> tuple[list[Provider], list[Provider]]:
    """Those that are known to have an endpoint, and those that may."""
    usable = [
        provider
        for provider in (*gateway.providers.all(), *gateway.providers.built_in())
        if provider.enabled and not provider.fault and not gateway.lacks.find(provider, endpoint)
    ]
    sure = [provider for provider in usable if endpoint in (known(provider) or ())]
    return sure, [provider for provider in usable if known(provider) is None]


def _example(gateway: Gateway, providers: list[Provider], endpoint: Endpoint) -> str | None:
    """The full name of a model that says by its name what it is for, and was not found to be wrong."""
    shape = _IN_NAMES.get(endpoint)
    return next(
        (
            f"{provider.id}:{model.id}"
            for provider in providers
            for model in gateway.providers.models(provider)
            if shape and shape.search(model.id) and not gateway.lacks.find(provider, endpoint, model.id)
        ),
        None,
    )


def _listed(providers: list[Provider], joint: str) -> str:
    names = [f"“{provider.id}”" for provider in providers[:MOST_NAMED]]
    return " ".join(filter(None, (", ".join(names[:-1]), joint if names[1:] else "", names[-1])))


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_SAID else words[: LONGEST_SAID - 1] + "…"

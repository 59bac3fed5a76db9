"""Conformance runs: a provider is asked each question in turn, through the very relay that answers callers.

So a run is what a caller would meet: pools, limits, proxies and the ledger count for it too, and Stop cuts it. What a
model was found to do, or not to do, is kept; what came of a bad network says nothing of a model.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct, structs

from api.calls import Calls
from api.conformance.probes import PROBES, Probe
from api.dialects import openai_chat
from api.dialects.embeddings import openai as embedding
from api.endpoints import Endpoint
from api.errors import GatewayError, OwnerError, ProviderRefused, SaidInWords, UpstreamTimeout
from api.facts import Capability
from api.gateway import Gateway
from api.providers.provider import Provider
from api.relay import Asked, relay
from api.relay.blame import Blame, blame

ROUTE: Final = "conformance"
PATIENCE: Final = 120.0  # seconds for one question: a local engine may load its model first
# What is no model to converse with, as far as its capabilities tell.
_ELSE: Final = frozenset((Capability.EMBEDDINGS, Capability.RERANK, Capability.IMAGES))

# llama.cpp says so with status 500.
_SAYS_NO: Final = re.compile(r"not support|unsupported|不支持", re.IGNORECASE)


class Stage(StrEnum):
    """How far a question is. ABSENT: it was answered, but not with what was asked for, or refused as impossible."""

    WAITING = "waiting"
    RUNNING = "running"
    WORKS = "works"
    ABSENT = "absent"
    FAILED = "failed"
    SKIPPED = "skipped"


class Result(Struct, frozen=True):
    """What came of one question. `ms` is how long it took; `words` say why it is not well."""

    name: str
    model: str
    stage: Stage = Stage.WAITING
    ms: float | None = None
    words: SaidInWords | None = None


class Run(Struct, frozen=True):
    """One run. `at` is when it began, in seconds since 1970; `ended` tells whether it did, `cancelled` how."""

    provider: str
    at: float
    results: tuple[Result, ...]
    ended: bool = False
    cancelled: bool = False

    @property
    def done(self) -> int:
        """How many questions are over."""
        return sum(one.stage not in (Stage.WAITING, Stage.RUNNING) for one in self.results)


class Conformance:
    """The last run at each provider, in memory. `calls` gives the calls in progress, among which a run's are."""

    def __init__(self, gateway: Gateway, calls: Callable[[], Calls]) -> None:
        self._gateway, self._calls = gateway, calls
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def of(self, provider: str) -> Run | None:
        """The run that goes on at a provider, or the last one."""
        return self._runs.get(provider)

    def proposed(self, provider: Provider) -> tuple[str, str]:
        """The models a run would ask, to converse and to embed; empty where none is known."""
        providers = self._gateway.providers
        kinds = [
            (model.id, providers.facts(provider, model).facts.capabilities) for model in providers.models(provider)
        ]
        converses = next((id for id, can in kinds if not (can and can & _ELSE)), "")
        return converses, next((id for id, can in kinds if can and Capability.EMBEDDINGS in can), "")

    def start(self, id: str, model: str = "", embedder: str = "") -> Run:
        """Begin a run; models that are not named are proposed. `OwnerError` says why none can begin."""
        provider = self._gateway.providers.known(id)
        if id in self._tasks:
            raise OwnerError("A run at “%(id)s” goes on already. Wait for its end, or cancel it.", id=id)
        first, other = self.proposed(provider)
        model, embedder = model or first, embedder or other
        if not model and not embedder:
            raise ProviderRefused(
                "No model of “%(id)s” is known. Name one, or refresh the lists of models first.", "model", id=id
            )
        results = tuple(_waiting(probe, embedder if probe.embeds else model) for probe in PROBES)
        run = self._runs[id] = Run(id, time.time(), results)
        task = self._tasks[id] = asyncio.create_task(self._run(id))
        task.add_done_callback(lambda _task: self._tasks.pop(id, None))
        self._gateway.news.tell()
        return run

    async def cancel(self, id: str) -> None:
        """End the run at a provider, if one goes on."""
        if task := self._tasks.get(id):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def finished(self, id: str) -> Run:
        """The run at a provider, when it has ended."""
        if task := self._tasks.get(id):
            with suppress(asyncio.CancelledError):
                await asyncio.shield(task)
        return self._runs[id]

    async def close(self) -> None:
        """End every run."""
        for id in list(self._tasks):
            await self.cancel(id)

    async def _run(self, id: str) -> None:
        cancelled = True
        try:
            for place, probe in enumerate(PROBES):
                await self._one(id, place, probe)
            cancelled = False
        finally:
            run = self._runs[id]
            results = tuple(
                structs.replace(one, stage=Stage.SKIPPED) if one.stage in (Stage.WAITING, Stage.RUNNING) else one
                for one in run.results
            )
            self._put(structs.replace(run, results=results, ended=True, cancelled=cancelled))

    async def _one(self, id: str, place: int, probe: Probe) -> None:
        result = self._runs[id].results[place]
        chat = self._runs[id].results[0]
        if result.stage is Stage.SKIPPED:
            return
        if place and not probe.embeds and chat.stage is not Stage.WORKS:
            why = SaidInWords("Not asked: the first question failed already.")
            self._note(id, place, structs.replace(result, stage=Stage.SKIPPED, words=why))
            return
        self._note(id, place, structs.replace(result, stage=Stage.RUNNING))
        provider = self._gateway.providers.find(id)
        began = time.monotonic()
        stage, words = await self._outcome(f"{id}:{result.model}", probe)
        ms = (time.monotonic() - began) * 1000
        if probe.capability and stage in (Stage.WORKS, Stage.ABSENT) and self._is_as(provider):
            found = {probe.capability: stage is Stage.WORKS}
            await self._gateway.providers.measure(id, result.model, found)
        self._note(id, place, structs.replace(result, stage=stage, ms=ms, words=words))

    def _is_as(self, asked: Provider | None) -> bool:
        """Whether a provider is still there, and where it was when it was asked."""
        now = self._gateway.providers.find(asked.id) if asked else None
        return bool(asked and now and (now.base_url, now.dialects) == (asked.base_url, asked.dialects))

    async def _outcome(self, model: str, probe: Probe) -> tuple[Stage, SaidInWords | None]:
        try:
            async with asyncio.timeout(PATIENCE):
                body = await self._ask(model, probe)
        except TimeoutError:
            return Stage.FAILED, UpstreamTimeout("It did not answer within %(seconds).0f s.", seconds=PATIENCE)
        except GatewayError as error:
            cannot = blame(error) in (Blame.CALLER, Blame.UNABLE) or _SAYS_NO.search(str(error))
            return (Stage.ABSENT if cannot else Stage.FAILED), error
        missing = probe.judge(body)
        return (Stage.ABSENT, SaidInWords(missing)) if missing else (Stage.WORKS, None)

    async def _ask(self, model: str, probe: Probe) -> bytes:
        body = msgspec.json.encode({"model": model, **probe.body})
        asked = Asked(body, {}, f"req_{uuid.uuid4().hex}", ROUTE)
        if probe.embeds:
            asked = structs.replace(asked, endpoint=Endpoint.EMBEDDINGS, form=embedding)
        delivery = _Collected()
        answer = await relay(asked, self._gateway, self._calls(), openai_chat, delivery)
        return answer.body if answer else bytes(delivery.body)

    def _note(self, id: str, place: int, result: Result) -> None:
        run = self._runs[id]
        results = (*run.results[:place], result, *run.results[place + 1 :])
        self._put(structs.replace(run, results=results))

    def _put(self, run: Run) -> None:
        self._runs[run.provider] = run
        self._gateway.news.tell()


class _Collected:
    """A stream that is kept in memory."""

    def __init__(self) -> None:
        self.begun, self.body = False, bytearray()

    async def begin(self, media_type: str, headers: dict[str, str]) -> None:
        """Nothing has a head here."""
        self.begun = True

    def write(self, data: bytes) -> None:
        """Keep bytes."""
        self.body += data

    async def settle(self) -> None:
        """Memory is never behind."""

    def obey(self, brake: Callable[[bool], None] | None) -> None:
        """Memory is never behind."""

    async def end(self) -> None:
        """All is there."""

    def cut(self) -> None:
        """What is there does not end as a whole stream does, and is judged so."""


def _waiting(probe: Probe, model: str) -> Result:
    if model:
        return Result(probe.name, model)
    why = SaidInWords("No model is known that embeds.") if probe.embeds else SaidInWords("No model is known for it.")
    return Result(probe.name, "", Stage.SKIPPED, words=why)

"""A table of facts by provider and model: the one that comes with Morello, or a newer one that the owner took over.

A price is a provider's own: one of another provider is never taken for it. What a model can do, and how much it reads,
is the same wherever it runs.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from api.facts.known import NOTHING, Capability, Facts

FILE: Final = Path(__file__).with_name("known.json")
# What a model's name has added to it by the day it was made, who serves it, or how it is sold.
_ADDED: Final = re.compile(r"(-20\d{6}|-20\d\d-\d\d-\d\d|@20\d{6}|-latest|-preview|:free|:latest|-v\d+:\d+)$")
# Who made a model, where another provider serves it too: the first that knows it is believed.
MAKERS: Final = (
    *("openai", "anthropic", "gemini", "deepseek", "mistral", "xai", "qwen", "kimi", "zai", "minimax", "cohere"),
    *("perplexity", "voyage", "jina", "meta", "openrouter", "groq", "together", "fireworks", "deepinfra", "novita"),
)
# What is told by a name alone, where nothing else is known.
_BY_NAME: Final = (
    (re.compile(r"rerank", re.IGNORECASE), Capability.RERANK),
    (re.compile(r"embed|\bbge-|\bgte-|minilm", re.IGNORECASE), Capability.EMBEDDINGS),
    (re.compile(r"dall-e|imagen|gpt-image|flux|seedream|cogview|kolors|stable-diffusion", re.I), Capability.IMAGES),
    (re.compile(r"whisper|transcribe|-tts|tts-|\basr\b|voxtral", re.IGNORECASE), Capability.AUDIO),
)
Rows = Mapping[str, Mapping[str, Facts]]


class Table(Struct, frozen=True, dict=True):
    """Facts by provider's preset and model. `date` is when they were gathered, `source` where from."""

    date: str
    source: str
    models: dict[str, dict[str, Facts]]

    def find(self, preset: str | None, model: str) -> Facts:
        """What is known of a model at the provider of `preset`; at a provider that is not known, whoever made it."""
        key = (preset, model)
        found: dict[tuple[str | None, str], Facts] = self.__dict__.setdefault("_found", {})
        if key not in found:
            if len(found) > 20_000:
                found.clear()
            found[key] = self._find(preset, model)
        return found[key]

    def _find(self, preset: str | None, model: str) -> Facts:
        own = self.models.get(preset or "", {})
        if exact := own.get(model) or own.get(_plain(model)):
            return exact
        return structs.replace(self._elsewhere(model), prices=None)

    def _elsewhere(self, model: str) -> Facts:
        names = dict.fromkeys((model, _plain(model), _plain(model.rpartition("/")[2]).lower()))
        for maker in MAKERS:
            for name in names:
                if facts := self.models.get(maker, {}).get(name):
                    return facts
        return _by_name(model)


@cache
def bundled() -> Table:
    """The table that comes with Morello."""
    return read(FILE.read_bytes())


def read(text: bytes) -> Table:
    """A table in our own format; `msgspec.DecodeError` says what is wrong with it."""
    return msgspec.json.decode(text, type=Table)


def written(table: Table) -> bytes:
    """The table in our own format, a model a line, in the order of their names."""
    lines = [f'{{"date":{_json(table.date)},"source":{_json(table.source)},"models":{{']
    for preset, models in sorted(table.models.items()):
        rows = ",\n".join(f"  {_json(model)}:{_json(facts)}" for model, facts in sorted(models.items()))
        lines.append(f"{',' if len(lines) > 1 else ''}{_json(preset)}:{{\n{rows}\n}}")
    return ("\n".join([*lines, "}}"]) + "\n").encode()


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _plain(model: str) -> str:
    """A model's name without its day and how it is sold."""
    while (shorter := _ADDED.sub("", model)) != model:
        model = shorter
    return model


def _by_name(model: str) -> Facts:
    for shape, capability in _BY_NAME:
        if shape.search(model):
            return Facts(frozenset((capability,)))
    return NOTHING

"""A newer table: read in our own format or LiteLLM's, and compared with the one in use, field by field."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from api.errors import OwnerError
from api.facts.known import Capability, Facts, Prices, Tier
from api.facts.table import Table, read

LARGEST: Final = 32 * 1024 * 1024
MILLION: Final = Decimal(1_000_000)
# The providers of LiteLLM's table by our presets.
PRESETS: Final = {
    **{name: name for name in ("openai", "anthropic", "gemini", "deepseek", "mistral", "xai", "cohere", "groq")},
    **{name: name for name in ("perplexity", "minimax", "voyage", "novita", "deepinfra", "hyperbolic", "sambanova")},
    **{name: name for name in ("zai", "cerebras", "openrouter", "nebius", "aihubmix", "scaleway", "ovhcloud", "ai21")},
    "moonshot": "kimi",
    "dashscope": "qwen",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "cohere_chat": "cohere",
    "jina_ai": "jina",
    "vercel_ai_gateway": "vercel",
    "tencent": "hunyuan",
    "volcengine": "volcengine",
    "azure": "azure",
    "bedrock_mantle": "bedrock",
    "nvidia_nim": "nvidia",
}
_CAN: Final = {
    "supports_function_calling": Capability.TOOLS,
    "supports_vision": Capability.VISION,
    "supports_audio_input": Capability.AUDIO,
    "supports_audio_output": Capability.AUDIO,
    "supports_reasoning": Capability.REASONING,
    "supports_response_schema": Capability.STRUCTURED,
}
_MODES: Final = {
    "embedding": Capability.EMBEDDINGS,
    "image_generation": Capability.IMAGES,
    "image_edit": Capability.IMAGES,
    "audio_transcription": Capability.AUDIO,
    "audio_speech": Capability.AUDIO,
    "rerank": Capability.RERANK,
}
_TALKS: Final = ("chat", "completion", "responses")
_PRICES: Final = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_written": "cache_creation_input_token_cost",
    "cache_written_long": "cache_creation_input_token_cost_above_1hr",
    "reasoning": "output_cost_per_reasoning_token",
    "audio_in": "input_cost_per_audio_token",
    "audio_out": "output_cost_per_audio_token",
    "image_in": "input_cost_per_image_token",
    "image_out": "output_cost_per_image_token",
}
_TIERS: Final = (32, 100, 128, 200, 256, 272)  # thousands of tokens above which some have other prices


class TableRefused(OwnerError):
    """A file that is no table of facts."""


class Change(Struct, frozen=True):
    """One fact that another table has otherwise; None where one of them has nothing."""

    provider: str
    model: str
    fact: str
    old: object
    new: object


class Difference(Struct, frozen=True):
    """What a newer table has that the older has not, what it lacks, and what it has otherwise."""

    added: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[Change, ...]


def read_table(text: bytes, source: str, date: str) -> Table:
    """The table in a file; `TableRefused` says why it is none. `source` and `date` are kept where it names none."""
    if len(text) > LARGEST:
        raise TableRefused("The table is larger than %(most)d MiB.", most=LARGEST // 1024**2)
    try:
        told = msgspec.json.decode(text)
        return read(text) if isinstance(told, dict) and "models" in told else _litellm(told, source, date)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise TableRefused("The file is no table of models: %(why)s.", why=str(error)[:200]) from error


def difference(old: Table, new: Table) -> Difference:
    """What would change."""
    before, after = dict(_flat(old)), dict(_flat(new))
    changes = [change for name in before.keys() & after.keys() for change in _changes(name, before[name], after[name])]
    return Difference(
        tuple(sorted(":".join(name) for name in after.keys() - before.keys())),
        tuple(sorted(":".join(name) for name in before.keys() - after.keys())),
        tuple(sorted(changes, key=lambda change: (change.provider, change.model, change.fact))),
    )


def _flat(table: Table) -> Iterator[tuple[tuple[str, str], Facts]]:
    for provider, models in table.models.items():
        for model, facts in models.items():
            yield (provider, model), facts


def _changes(name: tuple[str, str], old: Facts, new: Facts) -> Iterator[Change]:
    before, after = structs.asdict(old), structs.asdict(new)
    for fact, value in after.items():
        if value != before[fact]:
            yield Change(*name, fact, before[fact], value)


def _litellm(told: Any, source: str, date: str) -> Table:
    rows = [row for row in told.values() if isinstance(row, dict)] if isinstance(told, dict) else []
    if not any("litellm_provider" in row for row in rows):
        raise TableRefused("The file is no table of models that is known here. Give LiteLLM's, or one of Morello's.")
    models: dict[str, dict[str, Facts]] = {}
    for name, row in told.items():
        preset = PRESETS.get(row.get("litellm_provider", "")) if isinstance(row, dict) else None
        if preset and (facts := _facts(row)):
            models.setdefault(preset, {})[_name(name, row["litellm_provider"])] = facts
    return Table(date, source, models)


def _name(name: str, provider: str) -> str:
    """A model's name at its provider: LiteLLM puts who serves it before it."""
    return name.partition("/")[2] if name.startswith(f"{provider}/") else name


def _facts(row: dict[str, Any]) -> Facts | None:
    mode = row.get("mode")
    if mode not in _TALKS and mode not in _MODES:
        return None
    can = {capability for field, capability in _CAN.items() if row.get(field) is True}
    can |= {_MODES[mode]} if mode in _MODES else set()
    reads, answers = _count(row.get("max_input_tokens")), _count(row.get("max_output_tokens"))
    return Facts(frozenset(can), reads, answers, _prices(row))


def _count(told: object) -> int | None:
    return int(told) if isinstance(told, int | float) and told > 0 else None


def _prices(row: dict[str, Any]) -> Prices | None:
    said = {ours: price for ours, theirs in _PRICES.items() if (price := _million(row.get(theirs))) is not None}
    for ours, theirs in (("per_image", "output_cost_per_image"), ("per_request", "input_cost_per_query")):
        if price := _one(row.get(theirs)):
            said[ours] = price
    if said.get("cache_written") == 0:  # where nothing is asked for writing, it is paid like any other input
        del said["cache_written"]
    tiers = tuple(tier for thousands in _TIERS if (tier := _tier(row, thousands)))
    return structs.replace(Prices(tiers=tiers), **said) if said else None


def _tier(row: dict[str, Any], thousands: int) -> Tier | None:
    names = ("input", "output", "cached", "cache_written")
    above = {name: _million(row.get(f"{_PRICES[name]}_above_{thousands}k_tokens")) for name in names}
    return Tier(thousands * 1000, **above) if above["input"] is not None else None


def _million(told: object) -> Decimal | None:
    one = _one(told)
    return None if one is None else (one * MILLION).normalize() + 0


def _one(told: object) -> Decimal | None:
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    price = Decimal(str(told))
    return price if price.is_finite() and price >= 0 else None

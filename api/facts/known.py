"""The facts of a model, and which of several who tell them is believed."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct, structs

ZERO: Final = Decimal(0)


class Capability(StrEnum):
    """What a model can do. What nobody told is not among them: it may be there all the same."""

    TOOLS = "tools"
    VISION = "vision"
    AUDIO = "audio"
    REASONING = "reasoning"
    STRUCTURED = "structured"
    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    RERANK = "rerank"


class Tier(Struct, frozen=True, omit_defaults=True):
    """What a million tokens cost where a request reads more than `above` tokens. None: as below it."""

    above: int
    input: Decimal | None = None
    output: Decimal | None = None
    cached: Decimal | None = None
    cache_written: Decimal | None = None


class Prices(Struct, frozen=True, omit_defaults=True):
    """What a million tokens of each kind cost, in `currency` (ISO 4217); what is None is not known, and never free.

    `cached` is what was read from the provider's cache, `cache_written` what was put there for minutes and
    `cache_written_long` for an hour. `per_image` is for one that was made, `per_request` for one call.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cached: Decimal | None = None
    cache_written: Decimal | None = None
    cache_written_long: Decimal | None = None
    reasoning: Decimal | None = None
    audio_in: Decimal | None = None
    audio_out: Decimal | None = None
    image_in: Decimal | None = None
    image_out: Decimal | None = None
    per_image: Decimal | None = None
    per_request: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    currency: str = "USD"

    @property
    def is_free(self) -> bool:
        """Whether it is known to cost nothing."""
        return self.input == ZERO and self.output in (None, ZERO) and not self.per_image and not self.per_request


class Facts(Struct, frozen=True, omit_defaults=True):
    """What is known of a model; None where nobody told. `context` and `max_output` are in tokens."""

    capabilities: frozenset[Capability] | None = None
    context: int | None = None
    max_output: int | None = None
    prices: Prices | None = None


NOTHING: Final = Facts()


class Known(Struct, frozen=True):
    """The facts of a model, with whom each is from, by its name."""

    facts: Facts = NOTHING
    sources: dict[str, str] = {}


def layered(**told: Facts) -> Known:
    """Each fact from the first who tells it; the names of those who `told` are the sources."""
    facts: dict[str, object] = {}
    sources: dict[str, str] = {}
    for source, layer in told.items():
        for name, value in structs.asdict(layer).items():
            if value is not None and name not in facts:
                facts[name], sources[name] = value, source
    return Known(Facts(**facts), sources)  # type: ignore[arg-type]

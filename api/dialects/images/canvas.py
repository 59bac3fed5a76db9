"""How large a picture can be where the model knows aspect ratios and a few sizes, but no pixels."""

import math
import re
from typing import Final

from msgspec import Struct

from api.errors import InvalidRequest

_FIVE: Final = ("1:1", "3:4", "4:3", "9:16", "16:9")
_TEN: Final = (*_FIVE, "2:3", "3:2", "4:5", "5:4", "21:9")
_FOURTEEN: Final = (*_TEN, "1:4", "4:1", "1:8", "8:1")
_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
# From how many pixels on a size is meant: Full HD is 2K, and what is sold as 4K (3840x2160) is 4K.
_TIERS: Final = ((8_000_000, "4K"), (2_000_000, "2K"), (400_000, "1K"), (0, "512"))
USUAL: Final = "1K"  # what every model draws unless it is told otherwise
FAR: Final = 1.25  # how many times wider or narrower a picture is no longer what was asked for


class Canvas(Struct, frozen=True):
    """What a model can be told: aspect ratios, and the sizes beside the usual one."""

    ratios: tuple[str, ...]
    tiers: tuple[str, ...] = ()


# https://ai.google.dev/gemini-api/docs/image-generation and .../imagen
_CANVASES: Final = (
    (re.compile(r"imagen-3|imagen-.*-fast-"), Canvas(_FIVE)),
    (re.compile(r"imagen"), Canvas(_FIVE, ("2K",))),
    (re.compile(r"gemini-2|gemini-.*-lite-"), Canvas(_TEN)),
    (re.compile(r"gemini-3-"), Canvas(_TEN, ("2K", "4K"))),
    (re.compile(r""), Canvas(_FOURTEEN, ("512", "2K", "4K"))),
)


class Fit(Struct, frozen=True):
    """A size as a model can be told it; without `tier` it is the usual one. `exact`: nothing of it got lost."""

    ratio: str
    tier: str | None
    exact: bool
    far: bool


def canvas_of(model: str) -> Canvas:
    """What the model of that name can be told."""
    return next(canvas for name, canvas in _CANVASES if name.match(model))


def fit(size: str, canvas: Canvas) -> Fit:
    """What comes nearest to `size` (WIDTHxHEIGHT)."""
    found = _SIZE.fullmatch(size.strip().lower())
    if found is None:
        raise InvalidRequest("“size” must be WIDTHxHEIGHT, for example 1536x1024, or auto.", "size")
    width, height = int(found[1]), int(found[2])
    ratio = min(canvas.ratios, key=lambda ratio: _distance(ratio, width, height))
    away = _distance(ratio, width, height)
    wanted = next(tier for least, tier in _TIERS if width * height >= least)
    has_tier = wanted in canvas.tiers
    return Fit(
        ratio,
        wanted if has_tier else None,
        exact=math.isclose(away, 0, abs_tol=1e-9) and (has_tier or wanted == USUAL),
        far=away > math.log(FAR),
    )


def _distance(ratio: str, width: int, height: int) -> float:
    """How far apart two shapes are: the same for wide and for tall ones."""
    across, down = map(int, ratio.split(":"))
    return abs(math.log(width / height) - math.log(across / down))

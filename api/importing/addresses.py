"""Which preset an address belongs to: a file of another program writes the same provider in its own way."""

from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from api.dialects import openai_chat
from api.dialects.quirks import NONE, Quirks
from api.providers.presets import PRESETS, Preset, preset
from api.providers.provider import origin

BARE: Final = ("", "/", "/v1")  # paths that leave it to us where below its host a provider answers
LOCALHOST: Final = "localhost"


class Address(Struct, frozen=True):
    """Where a provider is asked and how, with the preset that says so, if one does."""

    base_url: str
    dialect: str
    quirks: Quirks = NONE
    preset: str | None = None


def first_preset(*ids: str) -> Preset | None:
    """The first of these presets that there is."""
    return next((known for known in map(preset, ids) if known), None)


def of_preset(*ids: str) -> Address | None:
    """The address of the first of these presets that there is, if its owner need not complete it."""
    known = first_preset(*ids)
    return _as(known) if known and "{" not in known.base_url else None


def recognised(base_url: str, dialect: str = openai_chat.NAME) -> Address:
    """The preset's own address where the host and the dialect are a preset's; else `base_url` as it is."""
    url = _spelled(base_url)
    try:
        path, here = urlsplit(url).path, origin(url)
    except ValueError:
        return Address(base_url, dialect)
    near = [known for known in PRESETS if _is_at(known, here) and dialect in known.dialects]
    same = [known for known in near if known.base_url == url]
    if path in BARE:
        same = same or near
    return _as(same[0]) if same else Address(base_url, dialect)


def _is_at(known: Preset, here: str) -> bool:
    return "{" not in known.base_url and origin(known.base_url) == here


def _as(known: Preset) -> Address:
    return Address(known.base_url, known.dialect, known.quirks, known.id)


def _spelled(base_url: str) -> str:
    """Programs on this computer are written both ways."""
    url = base_url.strip().rstrip("/")
    return url.replace(f"://{LOCALHOST}:", "://127.0.0.1:", 1) if f"://{LOCALHOST}:" in url else url

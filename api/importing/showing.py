"""A preview as it may be seen: everything but the keys, of which their owner knows the ends."""

from typing import Any, Final

import msgspec

from api.importing.applying import NameRow, Preview, ProviderRow
from api.importing.drafts import Draft, Key, plain_url

END: Final = 4  # characters of a key that may be seen
SHORTEST_SHOWN: Final = 12  # of a key whose end may be seen


def masked(draft: Draft) -> tuple[str, ...]:
    """The labels and ends of its keys, by which their owner knows them."""
    return tuple(f"{key.label} {_end(key)}".strip() for key in draft.keys)


def reached(row: ProviderRow) -> str:
    """Where a provider would be asked; where the file has it, if it cannot be."""
    return row.made.base_url if row.made else plain_url(row.draft.base_url)


def visible(preview: Preview) -> dict[str, Any]:
    """A preview as JSON, without a key."""
    return {
        "source": preview.source,
        "providers": [_visible_provider(row) for row in preview.providers],
        "groups": [_visible_name(row) for row in preview.names],
        "models": [f"{choice.provider}:{choice.model}" for choice in preview.models],
        "limits": msgspec.to_builtins(preview.limits),
        "settings": msgspec.to_builtins(preview.settings),
        "left": [{"what": left.what, "why": left.why.message} for left in preview.left],
    }


def _end(key: Key) -> str:
    return "••••" + (key.key[-END:] if len(key.key) >= SHORTEST_SHOWN else "")


def _visible_provider(row: ProviderRow) -> dict[str, Any]:
    draft = row.draft
    return {
        "theirs": draft.id,
        "id": row.id,
        "name": draft.name,
        "dialect": row.made.speaks if row.made else draft.dialect,
        "base_url": reached(row),
        "keys": [{"label": key.label, "end": _end(key)} for key in draft.keys],
        "models": draft.models,
        "enabled": draft.enabled,
        "preset": draft.preset,
        "state": row.state,
        "why": row.why and row.why.message,
    }


def _visible_name(row: NameRow) -> dict[str, Any]:
    return {
        "theirs": row.theirs.name,
        "name": row.name,
        "models": list(row.made.models if row.made else row.theirs.models),
        "state": row.state,
        "why": row.why and row.why.message,
    }

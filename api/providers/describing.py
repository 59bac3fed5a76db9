"""What is known of a provider's model, and from whom: the owner, the provider's list, or the table."""

from functools import lru_cache

from api.facts import Facts, Known, Table, layered
from api.providers.presets import PRESETS
from api.providers.provider import Model, Provider, origin


def described_by(table: Table, own: Facts, provider: Provider, model: Model) -> Known:
    """The facts of a model, each with its source: yours, listed or table."""
    listed = Facts(context=model.context, max_output=model.max_output)
    return layered(yours=own, listed=listed, table=table.find(preset_at(provider.base_url), model.id))


@lru_cache(maxsize=1024)
def preset_at(base_url: str) -> str | None:
    """The preset whose address a provider has; that of the same host where the path is another one."""
    if not base_url:
        return None
    exact = next((preset.id for preset in PRESETS if preset.base_url == base_url), None)
    return exact or next((preset.id for preset in PRESETS if origin(preset.base_url) == origin(base_url)), None)

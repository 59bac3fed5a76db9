"""What the command `providers keys` does to the data."""

import msgspec

from api.gateway import Gateway
from api.providers.credentials import KeyChanges
from api.providers.provider import Provider
from webui.pages.provider_cards import masked


async def obey(gateway: Gateway, command: str, given: dict[str, object]) -> list[dict[str, object]]:
    """List, add, change or remove keys of a provider; `ProviderRefused` says what cannot be. What it has then."""
    providers, id = gateway.providers, str(given["id"])
    match command.rpartition(" ")[2]:
        case "add":
            weight = msgspec.convert(given.get("weight") or 1, int)
            provider = await providers.add_key(id, str(given["key"]), str(given.get("label") or ""), weight)
        case "edit":
            changes = {name: given[name] for name in ("label", "weight", "enabled") if given.get(name) is not None}
            number = msgspec.convert(given["number"], int)
            provider = await providers.edit_key(id, number, **msgspec.convert(changes, KeyChanges))
        case "remove":
            provider = await providers.remove_key(id, msgspec.convert(given["number"], int))
        case _:
            provider = providers.known(id)
    return _seen(gateway, provider)


def _seen(gateway: Gateway, provider: Provider) -> list[dict[str, object]]:
    rests = {key.number: gateway.providers.pools.resting(provider, key.number) for key in provider.credentials}
    return [
        {
            "number": key.number,
            "label": key.label,
            "key": masked(key.key),
            "weight": key.weight,
            "enabled": key.enabled,
            "created": key.created,
            "rests_until": rest.until if (rest := rests[key.number]) else None,
            "why": rest.why.message if rest else None,
        }
        for key in provider.credentials
    ]

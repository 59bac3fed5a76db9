"""What the commands `models` and `groups` do to the data."""

import msgspec
from msgspec import structs

from api.errors import OwnerError
from api.gateway import Gateway
from api.providers.chosen import USUAL, Chosen
from api.providers.groups import Group, Policy
from api.providers.offers import offers
from api.providers.registry import Refreshed


async def obey(gateway: Gateway, command: str, given: dict[str, object]) -> object:
    """List, choose, name; `ProviderRefused` says what cannot be."""
    match command:
        case "models":
            return await _models(gateway)
        case "models refresh":
            ids = msgspec.convert(given.get("providers", []), list[str])
            return [_refreshed(gateway, row) for row in await gateway.providers.refresh(ids or None)]
        case "groups list":
            return [seen(group) for group in gateway.providers.groups.all()]
        case "groups set":
            models = msgspec.convert(given["models"], list[str])
            policy = msgspec.convert(given.get("policy", {}), Policy)
            return seen(await gateway.providers.group(str(given["name"]), models, policy))
        case "groups remove":
            return seen(await gateway.providers.ungroup(str(given["name"])))
        case _:
            return await _choose(gateway, command, str(given["model"]))


def seen(group: Group) -> dict[str, object]:
    """A group as it may be shown."""
    policy = {name: getattr(group.policy, name) for name in Policy.__struct_fields__}
    return {"name": group.name, "models": list(group.models), "policy": policy, "created": group.created}


async def _models(gateway: Gateway) -> list[dict[str, object]]:
    await gateway.providers.freshen()
    return [
        {
            "id": offer.id,
            "name": offer.id if offer.behind else offer.model.name or offer.model.id,
            "provider": offer.provider.id,
            **({"models": list(offer.behind)} if offer.behind else {}),
        }
        for offer in offers(gateway.providers)
    ]


async def _choose(gateway: Gateway, command: str, name: str) -> dict[str, object]:
    provider, found, model = name.partition(":")
    if not found or not model:
        raise OwnerError("“%(name)s” is no model's full name. Write it as provider:model.", name=name[:100])
    kept = gateway.providers.choosing.of(provider).get(model, USUAL)
    match command:
        case "models enable":
            chosen = structs.replace(kept, enabled=True)
        case "models disable":
            chosen = structs.replace(kept, enabled=False)
        case "models add":
            chosen = structs.replace(kept, added=True, enabled=True)
        case _:
            chosen = _taken_back(name, kept)
    await gateway.providers.choose(provider, model, chosen)
    return {"id": name, "enabled": chosen.enabled, "added": chosen.added}


def _taken_back(name: str, kept: Chosen) -> Chosen:
    if not kept.added:
        raise OwnerError(
            "The model “%(name)s” was not added by hand. Switch it off to have it listed no more.", name=name[:100]
        )
    return structs.replace(kept, added=False)


def _refreshed(gateway: Gateway, row: Refreshed) -> dict[str, object]:
    models = len(gateway.providers.catalog.of(gateway.providers.known(row.provider)))
    error = row.fault and row.fault.message
    return {"provider": row.provider, "models": models, "added": row.added, "gone": row.gone, "error": error}

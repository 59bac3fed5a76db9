"""What the commands `models` and `groups` do to the data."""

import time

import msgspec
from msgspec import structs

from api.errors import OwnerError
from api.facts import Prices
from api.facts.reading import difference, read_table
from api.gateway import Gateway
from api.providers.chosen import USUAL, Chosen
from api.providers.groups import Group, Policy
from api.providers.offers import offers
from api.providers.provider import Model
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
        case "models table":
            return await _table(gateway, str(given["text"]), str(given["source"]), given["wanted"] is True)
        case "models price":
            return await _price(gateway, str(given["model"]), msgspec.convert(given["prices"], dict[str, str] | None))
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
            **msgspec.to_builtins(offer.facts),
            **({"models": list(offer.behind)} if offer.behind else {}),
        }
        for offer in offers(gateway.providers)
    ]


async def _choose(gateway: Gateway, command: str, name: str) -> dict[str, object]:
    provider, model = _parts(name)
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


async def _price(gateway: Gateway, name: str, said: dict[str, str] | None) -> dict[str, object]:
    """Have a model cost what was said, per million tokens; without anything, what its provider or the table says."""
    provider, model = _parts(name)
    kept = gateway.providers.choosing.of(provider).get(model, USUAL)
    try:
        prices = msgspec.convert(said, Prices, strict=False) if said else None
    except msgspec.ValidationError as error:
        raise OwnerError("“%(name)s” cannot have these prices: %(why)s.", name=name[:100], why=str(error)) from error
    facts = structs.replace(kept.facts, prices=prices)
    await gateway.providers.choose(provider, model, structs.replace(kept, facts=facts))
    known = gateway.providers.facts(gateway.providers.known(provider), Model(model))
    return {"id": name, "prices": msgspec.to_builtins(known.facts.prices), "source": known.sources.get("prices")}


async def _table(gateway: Gateway, text: str, source: str, wanted: bool) -> dict[str, object]:
    """What another table would change; in force if that is wanted."""
    old, new = gateway.table(), read_table(text.encode(), source, time.strftime("%Y-%m-%d"))
    changed = difference(old, new)
    if wanted:
        await gateway.use_table(new)
    told = {"date": new.date, "source": new.source, "old": {"date": old.date, "source": old.source}}
    return {**told, **msgspec.to_builtins(changed), "applied": wanted}


def _parts(name: str) -> tuple[str, str]:
    provider, found, model = name.partition(":")
    if not found or not model:
        raise OwnerError("“%(name)s” is no model's full name. Write it as provider:model.", name=name[:100])
    return provider, model


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

"""What models were found to do, by asking them: it counts more than any list, and less than the owner's word."""

import time
from collections.abc import Mapping
from typing import Final

from msgspec import structs

from api.facts import Capability, Known
from api.store import Store
from api.store import measured as statements

Found = Mapping[Capability, bool]
NOTHING: Final[Found] = {}


class Measured:
    """What was found, in memory and in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[str, dict[str, dict[Capability, bool]]] = {}
        for row in store.load(statements.load):
            self._of(row.provider, row.model)[Capability(row.capability)] = row.works

    def of(self, provider: str, model: str) -> Found:
        """What was found of a model."""
        return self._found.get(provider, {}).get(model, NOTHING)

    async def put(self, provider: str, model: str, found: Found) -> None:
        """Keep what was found of a model; what was not asked this time stays."""
        now = time.time()
        rows = [statements.MeasuredRow(provider, model, one.value, works, now) for one, works in found.items()]
        await self._store.write(lambda db: statements.put(db, rows))
        self._of(provider, model).update(found)

    def forget(self, provider: str) -> None:
        """Drop what was found at a provider whose rows are gone."""
        self._found.pop(provider, None)

    def _of(self, provider: str, model: str) -> dict[Capability, bool]:
        return self._found.setdefault(provider, {}).setdefault(model, {})


def with_measured(known: Known, found: Found) -> Known:
    """What is known of a model, with what was found of it; where the owner said what it can do, that stays."""
    if not found or known.sources.get("capabilities") == "yours":
        return known
    can = {one for one, works in found.items() if works}
    has = ((known.facts.capabilities or frozenset()) | can) - (found.keys() - can)
    return Known(structs.replace(known.facts, capabilities=has), {**known.sources, "capabilities": "measured"})

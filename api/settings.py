"""What the owner chose."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from api.store import Store
from api.store import settings as statements

LOWEST_PORT: Final = 1000
HIGHEST_PORT: Final = 65535


class Settings(Struct, frozen=True):
    """Every choice with its default.

    `port`: where the API listens. `api_wanted`: whether it starts with the program; the owner's Start and Stop
    write it, a failed start does not. `drain`: seconds that Stop lets streams go on before it cuts them.
    """

    port: Annotated[int, Meta(ge=LOWEST_PORT, le=HIGHEST_PORT)] = 23333
    api_wanted: bool = True
    drain: Annotated[float, Meta(ge=0, le=60)] = 0.0


class Choices:
    """The settings in force, and how they change: written through, then in force."""

    def __init__(self, store: Store) -> None:
        self._store = store
        saved = store.load(statements.load)
        known = {name: msgspec.json.decode(saved[name]) for name in Settings.__struct_fields__ if name in saved}
        self.now = msgspec.convert(known, Settings)

    async def change(self, **values: Any) -> Settings:
        """Put `values` in force and keep them; `msgspec.ValidationError` names a value that is not possible."""
        changed = msgspec.convert({**msgspec.to_builtins(self.now), **values}, Settings)
        rows = {name: msgspec.json.encode(getattr(changed, name)).decode() for name in values}
        await self._store.write(lambda db: statements.save(db, rows))
        self.now = changed
        return changed

"""What the owner chose."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, inspect, structs

from api.errors import OwnerError
from api.store import Store, responses
from api.store import settings as statements

LOWEST_PORT: Final = 1000
HIGHEST_PORT: Final = 65535
LONGEST_DRAIN: Final = 60  # seconds


class Settings(Struct, frozen=True):
    """Every choice with its default.

    `port`: where the API listens. `api_wanted`: whether it starts with the program; the owner's Start and Stop
    write it, a failed start does not. `drain`: seconds that Stop lets streams go on before it cuts them.
    `first_run_done`: whether the owner went past the page that greets them. `keep_responses`: whether stored responses
    are on the disk too, and not in memory only. `path_keys`: whether a key may stand in the path, as in
    /k/<key>/api/…, for programs that cannot send one. `local_model`: the whole path of the owner's own GGUF file, which
    the built-in provider serves instead of its own model; empty for that one. `proxy`: whom providers are asked
    through, sealed; empty for nobody. `ca_file`: the whole path of certificates that TLS trusts beside the usual ones.
    """

    port: Annotated[int, Meta(ge=LOWEST_PORT, le=HIGHEST_PORT)] = 23333
    api_wanted: bool = True
    drain: Annotated[float, Meta(ge=0, le=LONGEST_DRAIN)] = 0.0
    first_run_done: bool = False
    keep_responses: bool = False
    path_keys: bool = False
    local_model: str = ""
    proxy: str = ""
    ca_file: str = ""


NAMES: Final = Settings.__struct_fields__


def typed(name: str, text: str) -> Any:
    """The value that a person typed for the setting `name`; `OwnerError` if it cannot have it."""
    kind = Settings.__annotations__[checked_name(name)]
    try:
        return msgspec.convert(text.strip(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise OwnerError(
            "“%(text)s” cannot be the value of %(name)s, which is %(possible)s.",
            text=text[:40],
            name=name,
            possible=_possible(inspect.type_info(kind)),
        ) from error


def checked_name(name: str) -> str:
    """A setting's name; `OwnerError` names those there are."""
    if name not in NAMES:
        raise OwnerError(
            "There is no setting “%(name)s”. There are: %(names)s.", name=name[:40], names=", ".join(NAMES)
        )
    return name


def _possible(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.FloatType(ge=least, le=most):
            return f"a number from {least:g} to {most:g}"
        case _:
            return "something else"


class Choices:
    """The settings in force, and how they change: written through, then in force."""

    def __init__(self, store: Store) -> None:
        self._store = store
        saved = store.load(statements.load)
        known = {name: msgspec.json.decode(saved[name]) for name in Settings.__struct_fields__ if name in saved}
        self.now = msgspec.convert(known, Settings)

    def take(self, values: dict[str, Any]) -> None:
        """Have values in force that were checked, and written with others' rows."""
        self.now = structs.replace(self.now, **values)

    async def change(self, **values: Any) -> Settings:
        """Put `values` in force and keep them; `msgspec.ValidationError` names a value that is not possible."""
        changed = msgspec.convert({**msgspec.to_builtins(self.now), **values}, Settings)
        rows = {name: msgspec.json.encode(getattr(changed, name)).decode() for name in values}
        if values.get("keep_responses") is False:
            await self._store.erase(lambda db: responses.stop(db, rows))
        else:
            await self._store.write(lambda db: statements.save(db, rows))
        # Onto what is in force by now: another change may have been written meanwhile.
        self.now = structs.replace(self.now, **{name: getattr(changed, name) for name in values})
        return self.now

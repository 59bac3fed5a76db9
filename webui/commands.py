"""What each command does to the data: the same whether the running process does it or the command itself."""

import msgspec
from msgspec import Struct

from api.dialects.quirks import NONE
from api.door import Door, parse_port
from api.errors import OwnerError, SaidInWords
from api.health import Record
from api.importing.applying import apply, compare
from api.importing.drafts import unpacked
from api.importing.exporting import export
from api.importing.showing import visible as visible_import
from api.listener import Failed
from api.providers.abilities import known
from api.providers.asking import changed
from api.providers.provider import Provider, visible
from api.providers.registry import Changes
from api.settings import NAMES, Settings, checked_name, typed
from webui import limiting, offering, pooling
from webui.control import Order, Report
from webui.session import Sessions

READING = frozenset(
    (
        "key show",
        "port",
        "groups list",
        "providers list",
        "providers keys list",
        "settings",
        "limits list",
        "import look",
        "export",
    )
)
NO_PORT = 0  # of a dashboard that nobody serves


class NewProvider(Struct, frozen=True):
    """What `providers add` gives. `key` is None where the provider wants none; `quirks` may be texts."""

    id: str
    dialect: str
    base_url: str
    key: str | None = None
    name: str | None = None
    quirks: dict[str, object] = {}


class Commands:
    """Commands in the hands of whoever may give them. `sessions` is None without a running dashboard."""

    def __init__(self, door: Door, sessions: Sessions | None) -> None:
        self._door, self._gateway, self._sessions = door, door.gateway, sessions

    async def obey(self, order: Order) -> Report:
        """Do what is ordered; a refusal is a sentence, not an exception."""
        try:
            return Report(await self._do(order.command, order.given))
        except SaidInWords as error:
            return Report(refused=str(error))
        except msgspec.ValidationError as error:
            return Report(refused=f"The command and the running Morello do not fit together: {error}")

    async def _do(self, command: str, given: dict[str, object]) -> object:
        match command:
            case "status":
                return msgspec.to_builtins(self._door.status())
            case "start":
                return await self._reached(await self._door.start())
            case "restart":
                return await self._reached(await self._door.restart())
            case "stop":
                return {"cut": await self._door.stop()}
            case "login-url":
                assert self._sessions is not None and self._gateway.dashboard is not None
                return self._sessions.new_link(self._gateway.dashboard)
            case "key show":
                return self._gateway.keys.main()
            case "key regenerate":
                return await self._door.regenerate()
            case "password set" | "password clear":
                return await self._password(command, given)
            case "port":
                return await self._port(given.get("port"))
            case "settings":
                return self._settings(given.get("name"))
            case "settings set":
                return await self._set(checked_name(str(given["name"])), str(given["value"]))
            case "limits list" | "limits set" | "limits reset":
                return await limiting.obey(self._gateway, command, given)
            case "groups list" | "groups set" | "groups remove":
                return await offering.obey(self._gateway, command, given)
            case _ if command.startswith("providers keys "):
                return await pooling.obey(self._gateway, command, given)
            case _ if command.partition(" ")[0] == "models":
                return await offering.obey(self._gateway, command, given)
            case "import look" | "import apply":
                return await self._import(given["imported"], wanted=command == "import apply")
            case "export":
                return (await export(self._gateway, msgspec.convert(given["passphrase"], str | None))).decode()
            case _:
                return await self._providers(command, given)

    async def _reached(self, state: object) -> object:
        if isinstance(state, Failed):
            raise state.reason
        return msgspec.to_builtins(self._door.status())

    async def _password(self, command: str, given: dict[str, object]) -> dict[str, int]:
        sessions = self._sessions or Sessions(self._gateway.store, NO_PORT)
        ended = 0
        if command == "password set":
            ended = await sessions.set_password(str(given["password"]), by=None)
        else:
            await sessions.password.clear()
        self._gateway.news.tell()
        return {"ended": ended}

    async def _port(self, wanted: object) -> int:
        if wanted is not None:
            await self._door.move(parse_port(str(wanted)))
        return self._gateway.settings.port

    async def _import(self, told: object, wanted: bool) -> dict[str, object]:
        imported = unpacked(told)
        preview = compare(self._gateway, imported)
        done = await apply(self._gateway, imported) if wanted else None
        return {**visible_import(preview), "comes": preview.comes, "done": done and msgspec.to_builtins(done)}

    def _settings(self, name: object) -> list[dict[str, object]]:
        names = NAMES if name is None else (checked_name(str(name)),)
        now, default = msgspec.to_builtins(self._gateway.settings), msgspec.to_builtins(Settings())
        now["proxy"] = self._gateway.network.shown
        return [{"name": name, "value": now[name], "default": default[name]} for name in names]

    async def _set(self, name: str, text: str) -> object:
        if name == "port":
            await self._port(text)
        elif name == "local_model":
            await self._gateway.serve_file(text)
        elif name == "proxy":
            await self._gateway.network.use_proxy(text)
        elif name == "ca_file":
            await self._gateway.network.use_ca_file(text)
        else:
            await self._gateway.choices.change(**{name: typed(name, text)})
            self._gateway.news.tell()
        return self._settings(name)

    async def _providers(self, command: str, given: dict[str, object]) -> object:
        providers = self._gateway.providers
        match command:
            case "providers list":
                return [self._seen(provider) for provider in providers.all()]
            case "providers add":
                return self._seen(await self._add(msgspec.convert(given, NewProvider)))
            case "providers edit":
                return self._seen(await self._edit(str(given["id"]), given))
            case "providers switch":
                return self._seen(await providers.switch(str(given["id"]), given["enabled"] is True))
            case "providers conformance":
                return await self._measure(str(given["id"]), str(given["model"]), str(given["embedder"]))
            case "providers test":
                return await self._test(str(given["id"]))
            case "providers remove":
                await providers.remove(str(given["id"]))
                return None
            case _:
                raise OwnerError(
                    "The running Morello knows no command “%(command)s”. Restart it after an update.", command=command
                )

    def _seen(self, provider: Provider) -> dict[str, object]:
        """A provider as it may be shown, with what it has beside conversations and what it turned out to lack."""
        has = known(provider)
        return {
            **visible(provider),
            "endpoints": None if has is None else sorted(has),
            "lacks": list(msgspec.to_builtins(self._gateway.lacks.of(provider))),
            "health": _health(self._gateway.health.of(provider.id)),
        }

    async def _add(self, new: NewProvider) -> Provider:
        quirks = changed(NONE, new.quirks)
        return await self._gateway.providers.add(
            new.id, new.dialect, new.base_url, new.key, name=new.name, quirks=quirks
        )

    async def _edit(self, id: str, given: dict[str, object]) -> Provider:
        """Change what is given; of the quirks those that are named."""
        providers, named = self._gateway.providers, msgspec.convert(given.get("quirks", {}), dict[str, object])
        changes = msgspec.convert({name: given[name] for name in given if name not in ("id", "quirks")}, Changes)
        if named:
            changes["quirks"] = changed(providers.known(id).quirks, named)
        return await providers.edit(id, **changes)

    async def _measure(self, id: str, model: str, embedder: str) -> list[dict[str, object]]:
        self._door.conformance.start(id, model, embedder)
        run = await self._door.conformance.finished(id)
        return [
            {
                "question": one.name,
                "model": one.model,
                "outcome": one.stage.value,
                "ms": one.ms and round(one.ms),
                "words": one.words and str(one.words),
            }
            for one in run.results
        ]

    async def _test(self, id: str) -> dict[str, object]:
        check = await self._gateway.check(self._gateway.providers.known(id))
        error = check.error and check.error.message
        return {"ok": check.ok, "ms": round(check.ms), "models": check.models, "error": error}


def _health(record: Record) -> dict[str, object]:
    """The last 24 hours of a provider. `error` is the last failure, in the provider's own words where it said any."""
    trouble = record.trouble
    return {
        "calls": record.calls,
        "failures": record.failures,
        "first_token_ms": record.first_ms and round(record.first_ms, 1),
        "slow": record.slow and round(record.slow, 1),
        "error": {"at": trouble.at, "model": trouble.model, "status": trouble.status, "words": trouble.words}
        if trouble
        else None,
    }

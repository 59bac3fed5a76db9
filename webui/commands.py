"""What each command does to the data: the same whether the running process does it or the command itself."""

import msgspec
from msgspec import Struct

from api.door import Door, parse_port
from api.errors import OwnerError, SaidInWords
from api.listener import Failed
from api.providers.provider import Provider, visible
from api.providers.registry import Providers
from webui.control import Order, Report
from webui.session import Sessions

READING = frozenset(("key show", "port", "providers list"))


class NewProvider(Struct, frozen=True):
    """What `providers add` gives. `key` is None where the provider wants none."""

    id: str
    dialect: str
    base_url: str
    key: str | None = None
    name: str | None = None


class Commands:
    """Commands in the hands of whoever may give them. `sessions` is None without a running dashboard."""

    def __init__(self, door: Door, sessions: Sessions | None, dashboard_port: int | None) -> None:
        self._door, self._gateway, self._sessions = door, door.gateway, sessions
        self._dashboard_port = dashboard_port

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
            case "port":
                return await self._port(given.get("port"))
            case "models":
                return await self._models()
            case _:
                return await self._providers(command, given)

    async def _reached(self, state: object) -> object:
        if isinstance(state, Failed):
            raise state.reason
        return msgspec.to_builtins(self._door.status())

    async def _port(self, wanted: object) -> int:
        if wanted is not None:
            await self._door.move(parse_port(str(wanted)))
        return self._gateway.settings.port

    async def _models(self) -> list[dict[str, object]]:
        await self._gateway.providers.freshen()
        return [
            {"id": f"{provider.id}:{model.id}", "name": model.name or model.id, "provider": provider.id}
            for provider, model in self._gateway.providers.listed()
        ]

    async def _providers(self, command: str, given: dict[str, object]) -> object:
        providers = self._gateway.providers
        match command:
            case "providers list":
                return [visible(provider) for provider in providers.all()]
            case "providers add":
                return visible(await self._add(providers, msgspec.convert(given, NewProvider)))
            case "providers remove":
                await providers.remove(str(given["id"]))
                return None
            case _:
                raise OwnerError(f"The running Morello knows no command “{command}”. Restart it after an update.")

    async def _add(self, providers: Providers, new: NewProvider) -> Provider:
        own = frozenset(port for port in (self._door.port, self._dashboard_port) if port)
        return await providers.add(new.id, new.dialect, new.base_url, new.key, name=new.name, own_ports=own)

"""The way out as the owner chose it: through which proxy, and whom TLS trusts beside the usual.

A proxy's URL may hold a password, so the settings have it sealed. One that cannot be unsealed any more is not the same
as none: nobody is asked past it.
"""

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Final

from api.errors import UpstreamUnreachable
from api.providers.provider import Provider
from api.settings import Choices
from api.upstream.proxies import (
    Proxy,
    ProxyRefused,
    checked_proxy,
    is_this_computer,
    read_proxy,
    retyped,
    shown_proxy,
)
from api.upstream.trust import Trust, checked_ca_file
from api.vault import Unreadable, Vault

PLACE: Final = "settings|proxy|value"


class Network:
    """What every provider is reached by. `turned` is called where that has become another."""

    def __init__(self, choices: Choices, vault: Vault, turned: Callable[[], None]) -> None:
        self._choices, self._vault, self._turned = choices, vault, turned
        self._opened = ("", "")  # as it is sealed, and what it says
        self.trust = Trust(lambda: choices.now.ca_file)

    @property
    def proxy(self) -> str:
        """The URL of the proxy, with its password; empty for none. `Unreadable` if that is not known any more."""
        sealed = self._choices.now.proxy
        if self._opened[0] != sealed:
            self._opened = (sealed, self._vault.unseal(base64.b64decode(sealed), PLACE) if sealed else "")
        return self._opened[1]

    @property
    def shown(self) -> str | None:
        """The same without its password; None if it cannot be read any more."""
        try:
            return shown_proxy(self.proxy)
        except Unreadable:
            return None

    def proxy_of(self, provider: Provider, host: str) -> Proxy | None:
        """Whom `provider` is asked through, at `host`: its own proxy, or that of the settings. This computer: none."""
        if is_this_computer(host) or not (provider.proxy or (provider.proxy is None and self._choices.now.proxy)):
            return None
        try:
            return read_proxy(self.proxy if provider.proxy is None else provider.proxy)
        except Unreadable as error:
            raise UpstreamUnreachable("The proxy in the settings cannot be read any more. Enter it again.") from error

    async def use_proxy(self, text: str) -> None:
        """Have every provider without a proxy of its own asked through this one; empty for none.

        A password may stand there as stars, as it was shown. `ProxyRefused` says what is wrong with it.
        """
        url = checked_proxy(retyped(text, self._known()))
        sealed = base64.b64encode(self._vault.seal(url, PLACE)).decode() if url else ""
        await self._choices.change(proxy=sealed)
        self._turned()

    async def use_ca_file(self, path: str) -> None:
        """Trust who is in this file too; empty for nobody. `CaFileRefused` says why it cannot be used."""
        await self._choices.change(ca_file=await asyncio.to_thread(checked_ca_file, path))
        self._turned()

    def secrets(self, *providers: Provider) -> Iterator[str]:
        """The passwords of the proxies that are used, also by `providers`."""
        for url in (self._known(), *(provider.proxy or "" for provider in providers)):
            try:
                if url and (password := read_proxy(url).password):
                    yield password
            except ProxyRefused:
                continue

    def _known(self) -> str:
        try:
            return self.proxy
        except Unreadable:
            return ""

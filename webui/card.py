"""What can be seen of the API server: its state, its address, its key."""

import hashlib
import re
from typing import Final

from msgspec import Struct

from api.errors import PortTaken
from api.keys import PREFIX, masked
from api.listener import Failed, State
from webui.house import House

LAST: Final = 4
MARK_LENGTH: Final = 8
DASHBOARD: Final = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/?")


class Card(Struct, frozen=True):
    """What the server card and the chip show. Two that are equal look the same, but for the time that has gone by.

    `key_mark` tells one key from another without being a part of either.
    """

    state: State
    port: int
    address: str
    key_masked: str
    key_end: str
    key_mark: str

    @property
    def key_short(self) -> str:
        """The key as a narrow screen shows it."""
        return f"{PREFIX}{'•' * 7}{self.key_end}"

    @property
    def taken(self) -> PortTaken | None:
        """Who has the port, if that is why the API could not start."""
        reason = self.state.reason if isinstance(self.state, Failed) else None
        return reason if isinstance(reason, PortTaken) else None

    @property
    def other_dashboard(self) -> str | None:
        """The page of another Morello that has the port; only an address on this computer is believed."""
        told = self.taken.holder.dashboard if self.taken else None
        return told if told and DASHBOARD.fullmatch(told) else None


def card(house: House) -> Card:
    """The card as things are now."""
    key = house.gateway.keys.main()
    return Card(
        state=house.door.state,
        port=house.door.port,
        address=house.door.address,
        key_masked=masked(key),
        key_end=key[-LAST:],
        key_mark=hashlib.sha256(key.encode()).hexdigest()[:MARK_LENGTH],
    )

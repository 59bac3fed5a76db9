"""What the last calls said: the caller's words, ours to the provider, its answer, and ours to the caller.

Kept in memory only, as references to bytes that were there anyway. Secrets are struck out when somebody looks.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from api.store.attempts import AttemptRow
from api.usage import Tally

KEPT: Final = 50
LONGEST: Final = 256 * 1024  # bytes kept of each of the four
MOST_BLOCKS: Final = 2048  # in which they are: a block of two bytes takes forty


class Pane:
    """The beginning of what went over a wire, and how much there was of it."""

    __slots__ = ("_blocks", "size")

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self.size = 0

    def add(self, block: bytes) -> None:
        """More of it went."""
        room = LONGEST - self.size
        if room > 0:
            self._blocks.append(block if len(block) <= room else block[:room])
            if len(self._blocks) > MOST_BLOCKS:
                self._blocks = [b"".join(self._blocks)]
        self.size += len(block)

    def put(self, body: bytes) -> None:
        """All of it, in place of what was there."""
        self._blocks, self.size = [], 0
        self.add(body)

    def text(self) -> str:
        """What is kept of it."""
        return b"".join(self._blocks).decode(errors="replace")


class Slip:
    """One call while it is noted. `dialect` is the one its provider was asked in."""

    __slots__ = ("asked", "attempts", "came", "dialect", "dropped", "renamed", "sent", "tally", "told")

    def __init__(self, tally: Tally, body: bytes) -> None:
        self.tally = tally
        self.asked, self.sent, self.came, self.told = Pane(), Pane(), Pane(), Pane()
        self.asked.add(body)
        self.dialect = ""
        self.attempts: list[AttemptRow] = []
        self.dropped: tuple[str, ...] = ()
        self.renamed: tuple[str, ...] = ()


class Shown(Struct, frozen=True):
    """One of the four texts of a receipt; `size` is how many bytes there were, of which LONGEST are kept."""

    text: str
    size: int


class Receipt(Struct, frozen=True, kw_only=True):
    """One call as it may be shown. `at` is in seconds since 1970, `asked` what the caller wrote, `sent` what went to
    the provider, `came` what it answered, `told` what the caller was told; `caller` and `dialect` are the dialects
    of the two sides, the second empty where no provider was asked. `attempts` are those that failed, in order.
    """

    request_id: str
    at: float
    model: str | None
    provider: str | None
    served: str | None
    status: int
    error: str | None
    caller: str
    dialect: str
    attempts: tuple[AttemptRow, ...]
    dropped: tuple[str, ...]
    renamed: tuple[str, ...]
    asked: Shown
    sent: Shown
    came: Shown
    told: Shown


class Receipts:
    """The last calls, those in progress among them."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._slips: deque[Slip] = deque(maxlen=KEPT)

    def begin(self, tally: Tally, body: bytes) -> Slip:
        """Note a call, in place of the oldest one."""
        slip = Slip(tally, body)
        self._slips.append(slip)
        return slip

    def find(self, request_id: str) -> Receipt | None:
        """The receipt of a call, if it is among the last ones."""
        slip = next((slip for slip in self._slips if slip.tally.request_id == request_id), None)
        return self._shown(slip) if slip else None

    def latest(self, most: int = KEPT) -> list[Receipt]:
        """The receipts of the last calls, the latest first."""
        return [self._shown(slip) for slip in list(self._slips)[: -most - 1 : -1]]

    def _shown(self, slip: Slip) -> Receipt:
        tally = slip.tally
        return Receipt(
            request_id=tally.request_id,
            at=tally.at,
            model=tally.asked and self._redact(tally.asked),
            provider=tally.provider,
            served=tally.served and self._redact(tally.served),
            status=tally.status,
            error=tally.error,
            caller=tally.dialect,
            dialect=slip.dialect,
            attempts=tuple(map(self._attempt, slip.attempts)),
            dropped=slip.dropped,
            renamed=slip.renamed,
            asked=self._pane(slip.asked),
            sent=self._pane(slip.sent),
            came=self._pane(slip.came),
            told=self._pane(slip.told),
        )

    def _attempt(self, row: AttemptRow) -> AttemptRow:
        return replace(row, model=self._redact(row.model), words=self._redact(row.words))

    def _pane(self, pane: Pane) -> Shown:
        return Shown(self._redact(pane.text()), pane.size)

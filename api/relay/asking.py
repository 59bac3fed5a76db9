"""How a provider is asked: what it cannot be told is said first, and what it refuses is learned from."""

import re
from collections.abc import Callable
from typing import Final

from msgspec import structs

from api.dialects import openai_chat
from api.dialects.dialect import Written
from api.dialects.quirks import Quirks
from api.errors import InvalidRequest, UpstreamRefused
from api.limits import CHAT, Limits, require_fit
from api.providers.provider import LOCAL, Route
from api.relay.turn import Turn
from api.upstream.paths import conversation_path
from api.upstream.reply import ProviderReply

DROPPED: Final = "x-morello-dropped"
STRICT: Final = "x-morello-strict"
LONGEST_HEADER: Final = 1024
LONGEST_FIELD: Final = 64
MOST_FIELDS: Final = 1000  # named in a receipt, of which fifty are kept
YES: Final = ("1", "true", "yes")
_STRANGE: Final = re.compile(r"[^\w.$\[\]-]", re.ASCII)  # fields' names are the caller's: no header may break of them

Writes = Callable[[dict[str, object]], Written]


class Asking:
    """One question to the provider of `route`, in `dialect`.

    `write` says it, given what was learned of the provider. `written` is what went out, once it did.
    """

    def __init__(self, turn: Turn, route: Route, dialect: str, stream: bool, write: Writes) -> None:
        self.turn, self.route, self.dialect, self.stream = turn, route, dialect, stream
        self._write, self._limits = write, limits_of(turn, route, CHAT)
        self.written = Written(b"")

    async def reply(self) -> ProviderReply:
        """The provider's reply; asked again where a refusal taught how to say it."""
        tried: list[str] = []
        while True:
            self.say()
            try:
                return await self._post()
            except UpstreamRefused as refused:
                self.turn.slip.came.add(str(refused).encode())
                lesson = self._lesson(refused)
                if lesson is None or lesson in tried:
                    self._take_home(refused)
                    raise
                tried.append(lesson)

    @property
    def headers(self) -> dict[str, str]:
        """What the caller is told of the question."""
        return told(self.turn, self.written)

    @property
    def path(self) -> str:
        """Where it goes, below the provider's base URL."""
        return conversation_path(self.dialect, self.route.provider.quirks, self.route.model, self.stream)

    def say(self) -> None:
        """Write it, as what was learned of the provider has it; a strict caller is refused where something gets lost.

        Nothing is sent, nor is anything larger than the provider is to be sent.
        """
        require_fit(self._limits, self.route.provider.id, len(self.turn.asked.body))
        self.written = written = self._write(self.turn.gateway.lessons.learned(self.route))
        slip = self.turn.slip
        slip.dialect, slip.dropped, slip.renamed = self.dialect, dropped(self.turn, written), written.renamed
        heed(self.turn, self.route, written)
        slip.sent.put(written.body)

    async def _post(self) -> ProviderReply:
        turn, route = self.turn, self.route
        # The built-in model takes seconds to wake: whoever asked for a stream is told at once that it comes.
        wakes = route.provider.id == LOCAL and not turn.gateway.local.is_running
        if wakes and turn.tally.streamed and not turn.may_fall_back:
            await turn.begin(turn.caller.MEDIA_TYPE, self.headers)
        provider = await turn.gateway.reach(route.provider)
        body, headers, caller = self.written.body, turn.asked.headers, turn.caller.NAME
        return await turn.gateway.upstream.post(provider, self.dialect, self.path, body, headers, caller, self._limits)

    def _lesson(self, refused: UpstreamRefused) -> str | None:
        if self.dialect != openai_chat.NAME:
            return None
        return self.turn.gateway.lessons.learn(self.route, refused.status, str(refused), self.written.body)

    def _take_home(self, refused: UpstreamRefused) -> None:
        """A type of error means something in its own dialect only."""
        if self.dialect != self.turn.caller.NAME:
            refused.type = None


def limits_of(turn: Turn, route: Route, kind: str) -> Limits:
    """What is in force for a question; a group may wait less for the first byte, or more."""
    limits = turn.gateway.limits.of(route.provider.id, kind)
    first_byte = turn.plan.policy.first_byte if turn.plan else None
    return limits if first_byte is None else structs.replace(limits, first_byte=first_byte)


def heed(turn: Turn, route: Route, written: Written) -> None:
    """Raise `InvalidRequest` where something cannot be said and the caller wants all of it said."""
    if written.dropped and turn.asked.headers.get(STRICT, "").strip().lower() in YES:
        raise _refuse(route, dropped(turn, written))


def told(turn: Turn, written: Written) -> dict[str, str]:
    """The header that names what could not be said."""
    names = dropped(turn, written)
    return {DROPPED: _line(names)} if names else {}


def quirks_of(route: Route, learned: dict[str, object]) -> Quirks:
    """How the provider wants to be asked, as its row says and as was learned since."""
    return structs.replace(route.provider.quirks, **learned) if learned else route.provider.quirks


def dropped(turn: Turn, written: Written) -> tuple[str, ...]:
    """What could not be said, in the caller's words: their own fields may have any names, and any number of them."""
    called = turn.caller.CALLED
    return tuple(called.get(name, name)[:LONGEST_FIELD] for name in written.dropped[:MOST_FIELDS])


def _refuse(route: Route, names: tuple[str, ...]) -> InvalidRequest:
    return InvalidRequest(
        f"The provider “{route.provider.id}” cannot be told: {_line(names)}. Leave that out, or send the request "
        f"without {STRICT}.",
        names[0],
    )


def _line(names: tuple[str, ...]) -> str:
    """Names of fields as a header's value."""
    line = ",".join(_STRANGE.sub("_", name) for name in names)
    return line if len(line) <= LONGEST_HEADER else line[: line.rindex(",", 0, LONGEST_HEADER - 3)] + ",..."

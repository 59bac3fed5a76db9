"""An endpoint beside the conversations, asked of the provider that has it.

The bytes pass where both sides write question and answer alike; where they do not, the endpoint's own vocabulary
stands between. An endpoint that a provider turns out to lack is not asked for again.
"""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, Final

import msgspec

from api.dialects.counted import usage_in
from api.dialects.dialect import Written
from api.dialects.envelope import Envelope, require_name
from api.endpoints import Endpoint
from api.errors import BadReply, GatewayError, UpstreamRefused
from api.limits import require_fit
from api.providers.groups import Plan
from api.providers.provider import LOCAL, Provider, Route
from api.providers.resolving import refuse_unready
from api.relay import able, attempts
from api.relay.asked import Answer
from api.relay.asking import heed, limits_of, told
from api.relay.choosing import full_name
from api.relay.forms import form_of
from api.relay.frames import Frames
from api.relay.turn import Turn
from api.uploads import Upload
from api.upstream.client import Question
from api.upstream.paths import endpoint_url
from api.upstream.reply import ProviderReply

PROVIDER: Final = "x-morello-provider"
JSON: Final = "application/json"
CONTENT: Final = "/content"  # of a file: whatever it is, its bytes pass
BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html"
PAGE: Final = (b"<!doctype", b"<html")  # how one begins
# whisper.cpp calls the plain text of a transcript HTML.
WRITES_DOWN: Final = frozenset((Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS))
# Where every API has the model named: who forgets it shall not get whoever happens to be the only one.
WANTS_MODEL: Final = frozenset((Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS, Endpoint.RERANK))


async def forward(turn: Turn, endpoint: Endpoint) -> Answer | None:
    """Answer one question: the answer, or None if it went out as it came."""
    wish, plan = await _asked(turn, endpoint)
    return await attempts.answered(turn, plan, partial(_forward_to, turn, endpoint, wish))


async def _forward_to(turn: Turn, endpoint: Endpoint, wish: Envelope | Upload, route: Route) -> Answer | None:
    errand = await _written(turn, endpoint, wish, route)
    reply = await errand.reply()
    try:
        return await _Handing(turn, errand).on(reply)
    finally:
        await reply.close()


async def prepare(turn: Turn, endpoint: Endpoint) -> "Errand":
    """Whom to ask first, and how; nothing is sent."""
    wish, plan = await _asked(turn, endpoint)
    return await _written(turn, endpoint, wish, plan.routes[0])


async def _asked(turn: Turn, endpoint: Endpoint) -> tuple[Envelope | Upload, Plan]:
    """What is wished, and whom to ask for it."""
    wish = await _arrived(turn, turn.asked.upload) if turn.asked.upload else turn.open()
    turn.tally.asked, turn.tally.streamed = wish.model or None, wish.stream
    return wish, await _plan(turn, endpoint, wish.model)


async def _written(turn: Turn, endpoint: Endpoint, wish: Envelope | Upload, route: Route) -> "Errand":
    turn.tally.provider, turn.tally.served = route.provider.id, route.model or None
    able.require(turn.gateway, route, endpoint)
    errand = Errand(turn, endpoint, wish, route)
    await errand.write()
    return errand


async def _arrived(turn: Turn, upload: Upload) -> Upload:
    try:
        await upload.arrive()
    finally:
        turn.tally.bytes_in = upload.size
    return upload


async def _plan(turn: Turn, endpoint: Endpoint, model: str) -> Plan:
    """Whom to ask: who has the model; without one, who was named, or the only one that has the endpoint."""
    if model:
        return await turn.find(full_name(turn.gateway.providers, turn.asked.provider, model))
    named = turn.asked.provider or turn.asked.headers.get(PROVIDER)
    if not named and endpoint in WANTS_MODEL:
        require_name(model)
    provider = able.only(turn.gateway, turn.caller.NAME, endpoint, named)
    refuse_unready(provider)
    return Plan((Route(provider, ""),))


class Errand:
    """One question to an endpoint of `route`.

    `theirs` is the provider's form where the caller's is another one; the question was then read into the endpoint's
    vocabulary, as `request`. `written` is how it is said over there.
    """

    def __init__(self, turn: Turn, endpoint: Endpoint, wish: Envelope | Upload, route: Route) -> None:
        self.turn, self.endpoint, self.wish, self.route = turn, endpoint, wish, route
        caller, provider = turn.caller.NAME, route.provider
        self.dialect = caller if caller in provider.dialects else provider.dialect
        form, self.ours = form_of(provider, endpoint), turn.asked.form
        self.theirs: ModuleType | None = form if form and self.ours and form.NAME != self.ours.NAME else None
        self._path = (self.theirs or self.ours or form).path if form else None
        self._limits = limits_of(turn, route, endpoint)
        self.request: Any = None
        self.written = Written(b"")

    async def write(self) -> None:
        """Say the question as the provider takes it; a strict caller is refused where something gets lost."""
        turn, wish = self.turn, self.wish
        size = wish.size if isinstance(wish, Upload) else len(turn.asked.body)
        require_fit(self._limits, self.route.provider.id, size, isinstance(wish, Upload))
        turn.slip.dialect = self.dialect
        if self.theirs is not None and self.ours is not None:
            self.request = await self.ours.read(wish) if isinstance(wish, Upload) else self._read(wish)
            self.written = self.theirs.write_request(self.request, self.route.model)
            turn.slip.dropped, turn.slip.renamed = self.written.dropped, self.written.renamed
            heed(turn, self.route, self.written)
        elif isinstance(wish, Envelope):
            self.written = Written(self._renamed(wish))
        turn.slip.sent.put(self.written.body)

    async def reply(self) -> ProviderReply:
        """The provider's reply; `Incapable` where it turns out to lack the endpoint."""
        turn, route = self.turn, self.route
        provider = await turn.gateway.reach(route.provider)
        try:
            question, headers = self.question(provider), turn.asked.headers
            return await turn.gateway.upstream.send(provider, question, headers, self._limits)
        except UpstreamRefused as refused:
            turn.slip.came.add(str(refused).encode())
            if not turn.asked.below:
                able.learn(turn.gateway, route, self.endpoint, refused)
            if self.dialect != turn.caller.NAME:
                refused.type = None
            raise

    def question(self, provider: Provider) -> Question:
        """What goes out. A form with files is framed anew, its model renamed on the way."""
        asked, model = self.turn.asked, self.route.model
        path = self._path(model) if self._path else self.endpoint.path + asked.below
        url = endpoint_url(provider.base_url, self.endpoint, provider.quirks, model, path)
        if asked.query:
            url += ("&" if "?" in url else "?") + asked.query
        if isinstance(self.wish, Upload) and self.theirs is None:
            return Question(self.dialect, url, self.wish.renamed(model), self.wish.media_type, asked.method)
        return Question(self.dialect, url, self.written.body, JSON if self.written.body else "", asked.method)

    def _renamed(self, wish: Envelope) -> bytes:
        rename = getattr(self.ours, "rename", None)
        body: bytes = rename(wish.body, wish.model, self.route.model) if rename else wish.renamed(self.route.model)
        if self.endpoint is Endpoint.COMPLETIONS and self.route.provider.id == LOCAL:
            return self.turn.gateway.local.as_text(body)
        return body

    def _read(self, wish: Envelope) -> Any:
        assert self.ours is not None
        return self.ours.read_request(wish.body, wish.model)


class _Handing:
    """The way of an answer to its caller."""

    def __init__(self, turn: Turn, errand: Errand) -> None:
        self.turn, self.errand = turn, errand
        self._provider = errand.route.provider.id
        self._frames: Frames | None = None

    @property
    def pauses(self) -> bool:
        """Whether no event is half said; bytes that are no events never pause."""
        return self._frames is not None and self._frames.between

    def fail(self, error: GatewayError) -> bytes:
        """An error's event; of other bytes only an end that is none can tell."""
        if self._frames is None:
            return b""
        frame: bytes = self.turn.caller.error_frame(error, self.turn.asked.request_id)
        return frame if self.pauses else b"\n\n" + frame

    async def on(self, reply: ProviderReply) -> Answer | None:
        """The answer, or None where it was streamed."""
        kind = reply.media_type.partition(";")[0].strip().lower()
        if kind == HTML and self.turn.asked.method == "POST":
            return await self._transcript(reply)
        if self.errand.theirs is not None:
            return self._translated(await self._whole(reply), reply)
        if kind == JSON and not self.turn.asked.below.endswith(CONTENT):
            return self._passed(await self._whole(reply), reply)
        if kind == "text/event-stream":
            self._frames = Frames(self._provider)
        await self._stream(reply, self._hear if self._frames else self._take)
        return None

    async def _transcript(self, reply: ProviderReply) -> Answer:
        """The text that is called a page; `BadReply` where it is one."""
        body = await self._whole(reply) if self.errand.endpoint in WRITES_DOWN else PAGE[0]
        if body.lstrip()[: len(PAGE[0])].lower().startswith(PAGE):
            raise BadReply(f"The provider “{self._provider}” answered with a web page. Look at its base URL.")
        return Answer(body, TEXT, reply.headers, reply.status)

    async def _whole(self, reply: ProviderReply) -> bytes:
        body = await reply.whole()
        self.turn.slip.came.add(body)
        self.turn.tally.first_token()
        return body

    def _passed(self, body: bytes, reply: ProviderReply) -> Answer:
        self.turn.tally.usage = usage_in(body)
        if mend := getattr(self.errand.ours, "mend", None):
            body = self._understood(mend, self.errand.written.body, body)
        return Answer(body, reply.media_type, reply.headers, reply.status)

    def _translated(self, body: bytes, reply: ProviderReply) -> Answer:
        turn, errand = self.turn, self.errand
        assert errand.theirs is not None
        assert errand.ours is not None
        heard = self._understood(errand.theirs.read_reply, body)
        turn.tally.usage = heard.usage
        headers = reply.headers | told(turn, errand.written)
        media_type = getattr(errand.ours, "media_type", lambda _request: JSON)
        told_anew: bytes = self._understood(errand.ours.write_reply, heard, errand.request)
        return Answer(told_anew, media_type(errand.request), headers)

    def _understood(self, say: Callable[..., Any], *heard: Any) -> Any:
        """What a form makes of an answer; one that does not fit the question is none."""
        try:
            return say(*heard)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            raise BadReply(
                f"The provider “{self._provider}” answered with something that cannot be understood."
            ) from error

    async def _stream(self, reply: ProviderReply, take: Callable[[bytes], None]) -> None:
        turn = self.turn
        turn.voice = self
        await turn.begin(reply.media_type or BYTES, reply.headers)
        turn.delivery.obey(reply.hold)
        await reply.pour(take)
        await turn.end()

    def _take(self, block: bytes) -> None:
        self.turn.tally.first_token()
        self.turn.tally.pieces += 1
        self.turn.write(block)

    def _hear(self, block: bytes) -> None:
        assert self._frames is not None
        for frame in self._frames.feed(block):
            if b'"usage"' in frame.data:
                self.turn.tally.usage = usage_in(frame.data) or self.turn.tally.usage
        self.turn.slip.came.add(block)
        self._take(block)

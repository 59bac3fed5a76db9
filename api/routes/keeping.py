"""Responses that are kept as they go out, and follow-ups put together from what was kept.

A caller may name the last response instead of sending the conversation again. A provider that keeps the responses
itself is asked as the caller asked; for every other one the conversation is written out before the relay sees it.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw, Struct
from sanic import HTTPResponse, Request

from api.dialects import openai_responses, sse
from api.errors import GatewayError, InvalidRequest, UnknownPrevious
from api.gateway import Gateway
from api.providers.provider import TESTING
from api.relay import Answer, Delivery, is_rehearsal
from api.relay.choosing import full_name
from api.routes.conversing import ask, hand_over
from api.routes.delivery import SocketDelivery
from api.routes.places import place_of
from api.stored import Responses, StoredResponse, identity, items_in

LAST: Final = frozenset((b"response.completed", b"response.incomplete"))
WHOLE: Final = LAST | {
    *(b"response.created", b"response.queued", b"response.in_progress", b"response.failed"),
}
PREVIOUS: Final = "previous_response_id"
KINDS: Final = {
    "input": "a string or a list of items",
    "store": "true or false",
    PREVIOUS: "the id of a response",
}
BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
ABSENT: Final = Raw(b"null")  # msgspec knows no `Raw | None`


class _Wish(Struct):
    """What a request says of keeping."""

    model: str
    input: Raw = ABSENT
    store: bool | None = None
    previous_response_id: str | None = None


class _Event(Struct):
    type: str = ""
    response: Raw = ABSENT


class _Whole(Struct):
    id: str
    status: str = ""
    output: list[Raw] = []
    store: bool | None = None


_WISH: Final = msgspec.json.Decoder(_Wish)
_EVENT: Final = msgspec.json.Decoder(_Event)
_WHOLE: Final = msgspec.json.Decoder(_Whole)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_REASONING: Final = msgspec.json.Decoder(dict[str, Raw])


class _Turn(Struct, frozen=True):
    """One request to be asked. `items` are everything that is read for it, where that is known (`is_whole`).

    `previous` is to be told in the answer.
    """

    body: bytes
    items: tuple[Raw, ...]
    native: str | None
    previous: str | None = None
    is_whole: bool = True


async def respond(request: Request) -> HTTPResponse | None:
    """Answer a request of the Responses dialect, and keep the answer unless the caller said not to."""
    body = request.body or b""
    wish = _wish(body)
    context = request.app.ctx
    if wish is None or (wish.store is False and not wish.previous_response_id):
        return hand_over(request, await ask(request, openai_responses, body, SocketDelivery(request)))
    owner = identity(context.gateway.keys.main())
    rehearsed = is_rehearsal(request.headers)
    model = full_name(context.gateway.providers, place_of(request), wish.model)
    turn = await _turn(wish, model, body, context.gateway, context.responses, owner, look=not rehearsed)
    keeps = wish.store is not False and turn.is_whole
    keeper = Keeper(context.responses, owner, turn, request.ctx.id) if keeps else None
    told = Told(turn.previous, keeper)
    answer = await ask(request, openai_responses, turn.body, ToldDelivery(SocketDelivery(request), told))
    return hand_over(request, answer if rehearsed or answer is None else told.whole(answer))


def _wish(body: bytes) -> _Wish | None:
    try:
        return _WISH.decode(body)
    except msgspec.ValidationError as error:
        for field, kind in KINDS.items():
            if str(error).endswith(f"`$.{field}`"):
                raise InvalidRequest(f"“{field}” must be {kind}.", field) from error
    except BROKEN:
        pass
    return None  # the relay says what is wrong with it


async def _turn(
    wish: _Wish, model: str, body: bytes, gateway: Gateway, responses: Responses, owner: bytes, look: bool
) -> _Turn:
    items, previous = _items(wish.input), wish.previous_response_id
    try:
        native = await _native(gateway, model, look)
    except GatewayError:
        return _Turn(body, items, None)  # which the relay meets too, and puts down
    if not previous:
        return _Turn(body, items, native)
    before = responses.find(previous, owner)
    if before is None:
        if native is None:
            raise UnknownPrevious(previous)
        return _Turn(body, items, native, is_whole=False)
    everything = (*before.items, *before.output, *items)
    if native and native == before.native:
        return _Turn(body, everything, native)
    items = tuple(item for item in everything if not (native and _is_shut(item)))
    return _Turn(_written_out(body, items), everything, native, previous)


def _items(said: Raw) -> tuple[Raw, ...]:
    try:
        return items_in(said)
    except ValueError as error:
        raise InvalidRequest(f"“input” must be {KINDS['input']}.", "input") from error


async def _native(gateway: Gateway, model: str, look: bool) -> str | None:
    """The provider that a model is at, if it speaks the dialect itself."""
    provider = (await gateway.providers.resolve(model, look)).provider
    return provider.mark if provider.id != TESTING and openai_responses.NAME in provider.dialects else None


def _is_shut(item: Raw) -> bool:
    """Whether these are thoughts that only their own provider could find by their id."""
    fields = _REASONING.decode(item)
    kind = fields.get("type", b"")
    return bytes(kind) == b'"reasoning"' and bytes(fields.get("encrypted_content", b"null")) == b"null"


def _written_out(body: bytes, items: tuple[Raw, ...]) -> bytes:
    """The request with the whole conversation instead of the name of the last response."""
    fields = _FIELDS.decode(body)
    del fields[PREVIOUS]
    return msgspec.json.encode({**fields, "input": items})


class Keeper:
    """Keeps the answer of one turn."""

    def __init__(self, responses: Responses, owner: bytes, turn: _Turn, request_id: str) -> None:
        self._responses, self._owner, self._turn, self._request_id = responses, owner, turn, request_id

    def take(self, response: bytes) -> None:
        """Keep a response that is complete."""
        try:
            whole = _WHOLE.decode(response)
        except BROKEN:
            return  # a provider's own, and none that could be found again
        if whole.status not in ("completed", "incomplete"):
            return
        output = tuple(raw.copy() for raw in whole.output)
        self._responses.keep(
            StoredResponse(
                whole.id,
                self._owner,
                Raw(response),
                self._turn.items,
                output,
                self._turn.native if self._is_kept_there(whole) else None,
                self._responses.now,
            )
        )

    def _is_kept_there(self, whole: _Whole) -> bool:
        # What we wrote ourselves has our id; what a provider does not say it keeps, it cannot be asked for.
        return bool(whole.store) and whole.id != openai_responses.response_id(self._request_id)


class Told:
    """What is done to a response on its way out: the previous one is named in it, and it is kept when complete."""

    def __init__(self, previous: str | None, keeper: Keeper | None) -> None:
        self.previous, self._keeper = previous, keeper

    def whole(self, answer: Answer) -> Answer:
        """A response that goes out at once."""
        body = self._with_previous(answer.body)
        if self._keeper:
            self._keeper.take(body)
        return msgspec.structs.replace(answer, body=body)

    def frame(self, frame: sse.Frame) -> sse.Frame:
        """A frame of a stream."""
        if not self._may_matter(frame):
            return frame
        try:
            event = _EVENT.decode(frame.data)
        except BROKEN:
            return frame
        if event.response == ABSENT:
            return frame
        response = self._with_previous(bytes(event.response))
        if self._keeper and event.type.encode() in LAST:
            self._keeper.take(response)
        if not self.previous:
            return frame
        fields = {**_FIELDS.decode(frame.data), "response": Raw(response)}
        return sse.Frame(frame.event, msgspec.json.encode(fields))

    def _may_matter(self, frame: sse.Frame) -> bool:
        # Where a previous response is to be named, every event that holds a response matters.
        return not frame.event or frame.event in LAST or (self.previous is not None and frame.event in WHOLE)

    def _with_previous(self, response: bytes) -> bytes:
        if not self.previous:
            return response
        try:
            return msgspec.json.encode({**_FIELDS.decode(response), PREVIOUS: self.previous})
        except BROKEN:
            return response  # a provider's own: it goes out as it came


class ToldDelivery:
    """A delivery whose frames pass `told`: as they came, but where a previous response is to be named in them."""

    def __init__(self, delivery: Delivery, told: Told) -> None:
        self._delivery, self._told, self._reader = delivery, told, sse.Reader()
        self.begun = False

    async def begin(self, media_type: str, headers: dict[str, str]) -> None:
        """Send the head."""
        await self._delivery.begin(media_type, headers)
        self.begun = True

    def write(self, data: bytes) -> None:
        """Send bytes, as they are or as they are told."""
        if not self._told.previous:
            self._delivery.write(data)
            for frame in self._reader.feed(data):
                self._told.frame(frame)
        elif data.startswith(b":") and self._reader.between_frames:
            self._delivery.write(data)  # a sign of life
        else:
            frames = map(self._told.frame, self._reader.feed(data))
            if told := b"".join(sse.frame(frame.data, frame.event) for frame in frames):
                self._delivery.write(told)

    async def settle(self) -> None:
        """Wait while the caller reads more slowly than we write."""
        await self._delivery.settle()

    def obey(self, brake: Callable[[bool], None] | None) -> None:
        """Hear when the caller falls behind, and when they have caught up."""
        self._delivery.obey(brake)

    async def end(self) -> None:
        """Send the end of the stream."""
        await self._delivery.end()

    def cut(self) -> None:
        """Break off."""
        self._delivery.cut()

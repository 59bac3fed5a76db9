"""How many tokens a request would cost: counted by its provider where that can count, else estimated."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Final

import msgspec
from msgspec import Raw, Struct
from sanic import HTTPResponse, Request

from api.conversation import ChatRequest
from api.dialects import anthropic, counting, gemini, openai_responses, sealing
from api.dialects.dialect import Written
from api.dialects.envelope import Envelope
from api.dialects.quirks import Quirks
from api.errors import BadReply, GatewayError, UpstreamRefused
from api.gateway import Gateway
from api.providers.provider import TESTING, Provider, Route
from api.relay.choosing import full_name
from api.routes.conversing import require_json, route_of
from api.routes.places import place_of
from api.store.calls import CALLER_GONE
from api.upstream.paths import count_path
from api.usage import Tally

ESTIMATED: Final = "x-morello-estimated"
CANNOT: Final = (404, 405, 501)  # how servers answer that do not count
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
# What OpenAI looks at to count; anything else it refuses.
_COUNTED: Final = (
    *("model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "parallel_tool_calls"),
    *("truncation", "previous_response_id", "conversation"),
)


class Counted(Struct):
    """A count in OpenAI's shape."""

    object: str
    input_tokens: int


_COUNT: Final = msgspec.json.Decoder(Counted)


class Counter(Struct, frozen=True):
    """How one dialect counts: as callers ask us and are answered, as we ask providers and are answered."""

    dialect: ModuleType
    read: Callable[[bytes, str], ChatRequest]
    write: Callable[[int], bytes]
    ask: Callable[[ChatRequest, Quirks, str], Written]
    hear: Callable[[bytes], int]


async def count(request: Request, caller: ModuleType, envelope: Envelope) -> HTTPResponse:
    """Answer how many tokens the request in `envelope` has, in the dialect `caller`."""
    require_json(request)
    gateway, counter = request.app.ctx.gateway, COUNTERS[caller.NAME]
    tally = Tally(request.ctx.id, route_of(request), caller.NAME, len(envelope.body))
    tally.asked = full_name(gateway.providers, place_of(request), envelope.model)
    try:
        return await _answer(request, counter, envelope, tally)
    except GatewayError as error:
        tally.status, tally.error = error.status, error.kind
        raise
    except asyncio.CancelledError:
        tally.status, tally.error = CALLER_GONE, "caller_gone"
        raise
    finally:
        gateway.ledger.record(tally)


async def _answer(request: Request, counter: Counter, envelope: Envelope, tally: Tally) -> HTTPResponse:
    gateway = request.app.ctx.gateway
    route = await gateway.providers.resolve(tally.asked or "")
    tally.provider, tally.served = route.provider.id, route.model
    body, headers = await _counted(gateway, counter, envelope, route, request), dict(request.ctx.headers)
    if body is None:
        body, headers[ESTIMATED] = counter.write(_estimate(counter, envelope)), "1"
    return HTTPResponse(body, headers=headers, content_type="application/json")


def _estimate(counter: Counter, envelope: Envelope) -> int:
    return counting.estimate(counter.read(envelope.body, envelope.model))


async def _counted(
    gateway: Gateway, counter: Counter, envelope: Envelope, route: Route, request: Request
) -> bytes | None:
    """The provider's own count, as the caller is told it; None where it has none."""
    theirs = _spoken_with(route.provider, counter)
    if theirs is None:
        return None
    path = count_path(theirs.dialect.NAME, route.provider.quirks, route.model)
    if path is None:
        return None
    passes = theirs is counter and sealing.MARK.encode() not in envelope.body
    body = envelope.renamed(route.model) if passes else _said(counter, theirs, envelope, route)
    try:
        answer = await _asked(gateway, theirs, counter, route.provider, path, body, request)
    except UpstreamRefused as refused:
        if refused.status in CANNOT:
            return None
        raise
    tokens = _heard(theirs, answer, route.provider)
    return answer if theirs is counter else counter.write(tokens)


def _spoken_with(provider: Provider, counter: Counter) -> Counter | None:
    """How a provider is asked to count: in the caller's dialect if it speaks that, else in the first that counts."""
    if provider.id == TESTING:
        return None
    if counter.dialect.NAME in provider.dialects:
        return counter
    return next((COUNTERS[name] for name in provider.dialects if name in COUNTERS), None)


def _said(counter: Counter, theirs: Counter, envelope: Envelope, route: Route) -> bytes:
    asked = msgspec.structs.replace(counter.read(envelope.body, envelope.model), model=route.model, stream=False)
    return theirs.ask(asked, route.provider.quirks, route.provider.mark).body


async def _asked(
    gateway: Gateway, theirs: Counter, counter: Counter, provider: Provider, path: str, body: bytes, request: Request
) -> bytes:
    reached = await gateway.reach(provider)
    reply = await gateway.upstream.post(reached, theirs.dialect.NAME, path, body, request.headers, counter.dialect.NAME)
    try:
        return await reply.whole()
    finally:
        await reply.close()


def _heard(theirs: Counter, answer: bytes, provider: Provider) -> int:
    try:
        return theirs.hear(answer)
    except ValueError as error:
        raise BadReply(f"The provider “{provider.id}” answered with something that is no count of tokens.") from error


def _ask_responses(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    written = openai_responses.write_request(request, quirks, provider)
    told = _FIELDS.decode(written.body)
    kept = {name: told[name] for name in _COUNTED if name in told}
    return msgspec.structs.replace(written, body=msgspec.json.encode(kept))


COUNTERS: Final = {
    anthropic.NAME: Counter(
        anthropic,
        lambda body, _model: anthropic.read_count(body),
        anthropic.write_count,
        lambda *asked: anthropic.write_count_request(*asked),
        lambda body: anthropic.read_count_reply(body),
    ),
    gemini.NAME: Counter(
        gemini, gemini.read_count, gemini.write_count, gemini.write_count_request, gemini.read_count_reply
    ),
    openai_responses.NAME: Counter(
        openai_responses,
        lambda body, _model: openai_responses.read_request(body),
        lambda tokens: msgspec.json.encode(Counted("response.input_tokens", tokens)),
        _ask_responses,
        lambda body: _COUNT.decode(body).input_tokens,
    ),
}

"""A dry run: what would be asked of whom, and what would get lost, told without sending anything.

The very code that asks writes the question here too, and refuses what it would refuse. Nobody is connected to, the
built-in model is not started, nothing is learned, and neither the call table nor the receipts hear of it.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from api.dialects import counting
from api.dialects.envelope import Envelope
from api.dialects.weighing import weigh
from api.endpoints import Endpoint
from api.errors import InvalidRequest
from api.providers.abilities import known
from api.providers.provider import TESTING, Route
from api.relay import forwarding, passing, translating
from api.relay.asked import Answer
from api.relay.asking import YES, Asking, dropped, told
from api.relay.choosing import bytes_pass, choose
from api.relay.forwarding import Errand
from api.relay.turn import Turn

DRY_RUN: Final = "x-morello-dry-run"
_NO: Final = ("", "0", "false", "no")
Body = Literal["passed", "rewritten", "translated"]


class DryRun(Struct, frozen=True, kw_only=True):
    """What a request would come to, had it not been sent with `x-morello-dry-run: 1`. Nothing was sent."""

    object: Literal["morello.dry_run"] = "morello.dry_run"
    model: Annotated[str | None, Meta(description="The model as it was asked for", examples=["openai:gpt-5"])]
    provider: Annotated[str, Meta(description="Who would be asked", examples=["openai"])]
    provider_model: Annotated[str | None, Meta(description="What the model is called there", examples=["gpt-5"])]
    then: Annotated[
        tuple[str, ...],
        Meta(description="Who would be asked after that one, where it fails", examples=[["anthropic:claude-opus-4-8"]]),
    ] = ()
    endpoint: Annotated[
        str | None, Meta(description="What is asked for, where it is no conversation", examples=["embeddings"])
    ] = None
    dialect: Annotated[
        str | None, Meta(description="The dialect it would be asked in; null for test models", examples=["openai_chat"])
    ] = None
    form: Annotated[
        str | None, Meta(description="The form of the question, at endpoints that have several", examples=["cohere"])
    ] = None
    method: str = "POST"
    url: Annotated[
        str | None,
        Meta(
            description="What would be called; null where Morello answers itself",
            examples=["https://api.openai.com/v1/chat/completions"],
        ),
    ] = None
    body: Annotated[
        Body | None,
        Meta(
            description="passed: only the model's name changes; rewritten: the same dialect, put anew; translated: "
            "another dialect or form; null for test models"
        ),
    ] = None
    stream: Annotated[bool, Meta(description="Whether the answer would be streamed to the caller")] = False
    dropped: Annotated[tuple[str, ...], Meta(description="Fields that cannot be said there")] = ()
    renamed: Annotated[tuple[str, ...], Meta(description="Fields that are said otherwise there")] = ()
    estimated_input_tokens: Annotated[
        int | None, Meta(description="What it would count, estimated; null where nothing can be said")
    ] = None
    available: Annotated[
        bool | None, Meta(description="true: the provider is known to have this; null: known only once it was asked")
    ] = True


def is_rehearsal(headers: Mapping[str, str]) -> bool:
    """Whether a caller wants a dry run. A word that means neither yes nor no is refused: it must not cost anything."""
    wish = headers.get(DRY_RUN)
    if wish is None:
        return False
    word = wish.strip().lower()
    if word not in YES and word not in _NO:
        raise InvalidRequest(f"“{DRY_RUN}” must be 1 or 0. Nothing was sent.", DRY_RUN)
    return word in YES


async def rehearse(turn: Turn) -> Answer:
    """What would come of a call; raises what the call would be refused with."""
    endpoint = turn.asked.endpoint
    run, headers = await (_question(turn, endpoint) if endpoint else _conversation(turn))
    return Answer(msgspec.json.encode(run), "application/json", {DRY_RUN: "1", **headers})


async def _conversation(turn: Turn) -> tuple[DryRun, dict[str, str]]:
    envelope, plan = await choose(turn)
    route = plan.routes[0]
    if route.provider.id == TESTING:
        return _of_test_model(turn, envelope, route), {}
    passes = bytes_pass(turn.caller, route.provider, envelope)
    if passes:
        asking = passing.prepare(turn, envelope, route)
    else:
        asking = translating.prepare(turn, translating.read_request(turn, envelope), route)
    asking.say()
    run = DryRun(
        model=turn.tally.asked,
        provider=route.provider.id,
        provider_model=route.model,
        then=_then(turn),
        dialect=asking.dialect,
        url=_url(route, route.provider.base_url + asking.path),
        body=_way(asking, envelope),
        stream=envelope.stream,
        dropped=dropped(turn, asking.written),
        renamed=asking.written.renamed,
        estimated_input_tokens=_estimate(turn, envelope),
    )
    return run, asking.headers


def _of_test_model(turn: Turn, envelope: Envelope, route: Route) -> DryRun:
    return DryRun(
        model=turn.tally.asked,
        provider=route.provider.id,
        provider_model=route.model,
        then=_then(turn),
        stream=envelope.stream,
        estimated_input_tokens=counting.estimate(translating.read_request(turn, envelope)),
    )


def _then(turn: Turn) -> tuple[str, ...]:
    """The other models of a group, in order."""
    plan = turn.plan
    if plan is None or not plan.policy.retry:
        return ()
    return tuple(f"{route.provider.id}:{route.model}" for route in plan.routes[1:])


def _way(asking: Asking, envelope: Envelope) -> Body:
    if asking.dialect != asking.turn.caller.NAME:
        return "translated"
    return "passed" if asking.written.body == envelope.renamed(asking.route.model) else "rewritten"


def _estimate(turn: Turn, envelope: Envelope) -> int | None:
    try:
        return counting.estimate(translating.read_request(turn, envelope))
    except InvalidRequest:  # where bytes pass, the provider is the one who judges them
        return None


async def _question(turn: Turn, endpoint: Endpoint) -> tuple[DryRun, dict[str, str]]:
    errand = await forwarding.prepare(turn, endpoint)
    route, form = errand.route, errand.theirs or errand.ours
    question = errand.question(route.provider)
    run = DryRun(
        model=turn.tally.asked,
        provider=route.provider.id,
        provider_model=route.model or None,
        then=_then(turn),
        endpoint=endpoint,
        dialect=errand.dialect,
        form=form.NAME if form else None,
        method=question.method,
        url=_url(route, question.url),
        body="translated" if errand.theirs else "passed",
        stream=errand.wish.stream,
        dropped=dropped(turn, errand.written),
        renamed=errand.written.renamed,
        estimated_input_tokens=_weight(errand),
        available=True if known(route.provider) is not None else None,
    )
    return run, told(turn, errand.written)


def _weight(errand: Errand) -> int | None:
    """What the text of a question counts; None for files, whose providers count seconds or pixels."""
    return weigh(errand.wish.body) if isinstance(errand.wish, Envelope) else None


def _url(route: Route, url: str) -> str | None:
    """The built-in providers have no address; the key is in none."""
    return url if route.provider.base_url else None

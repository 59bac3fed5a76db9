"""One plan, tried: keys and models in order, only before a byte went out."""

import asyncio
import json

import pytest

from api.providers.groups import Policy
from tests.fakes import answers, chat_frames, chat_reply, far_end, says

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
GOOD = answers(200, chat_reply(), content_type="application/json")


def refuses(status, **headers):
    return answers(status, b'{"error":{"message":"no","type":"x"}}', content_type="application/json", **headers)


def by_key(**behaviours):
    """A provider that behaves by the key it is asked with."""

    async def behave(received, wire):
        await behaviours[received.headers["authorization"].removeprefix("Bearer ")](received, wire)

    return behave


def keys_of(far):
    return [received.headers["authorization"].removeprefix("Bearer ") for received in far.received]


async def add(api, id, url, *keys):
    await api.gateway.providers.add(id, "openai_chat", url, keys[0] if keys else None)
    for key in keys[1:]:
        await api.gateway.providers.add_key(id, key)


async def ask(api, model, **more):
    async with api.client() as client:
        return await client.post("/v1/chat/completions", json={**HELLO, "model": model, **more})


async def test_two_of_three_keys_are_refused_and_the_third_answers(api):
    async with far_end(by_key(a=refuses(401), b=refuses(403), c=GOOD)) as far:
        await add(api, "one", far.url, "a", "b", "c")
        answer = await ask(api, "one:m")
        again = await ask(api, "one:m")
    assert answer.status_code == again.status_code == 200
    assert keys_of(far) == ["a", "b", "c", "c"]
    assert answer.headers["x-morello-attempts"] == (
        "one:m;key=1;status=502, one:m;key=2;status=502, one:m;key=3;status=200"
    )
    assert "x-morello-attempts" not in again.headers
    rest = api.gateway.providers.pools.resting(api.gateway.providers.find("one"), 1)
    assert "refused its own key" in str(rest.why)


async def test_a_group_goes_on_to_the_model_that_answers(api):
    async with far_end(refuses(529)) as busy, far_end(GOOD) as good:
        await add(api, "busy", busy.url)
        await add(api, "good", good.url)
        await api.gateway.providers.group("fast", ["busy:a", "good:b"], Policy())
        answer = await ask(api, "fast")
    assert answer.status_code == 200
    assert answer.headers["x-morello-attempts"] == "busy:a;key=0;status=503, good:b;key=0;status=200"
    assert json.loads(good.last.body)["model"] == "b"


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_the_callers_own_mistake_is_asked_once(api, status):
    async with far_end(refuses(status)) as far, far_end(GOOD) as good:
        await add(api, "far", far.url)
        await add(api, "good", good.url)
        await api.gateway.providers.group("fast", ["far:a", "good:b"], Policy())
        answer = await ask(api, "fast")
    assert answer.status_code == status
    assert good.received == []


async def test_nothing_is_tried_again_once_a_byte_went_out(api):
    async def breaks(_received, wire):
        await wire.begin_stream()
        await wire.chunk(b"".join(chat_frames(["hel"])[:2]))
        await asyncio.sleep(0.05)
        wire.hang_up()

    async with far_end(breaks) as broken, far_end(says(*chat_frames(["no"]))) as good:
        await add(api, "broken", broken.url)
        await add(api, "good", good.url)
        await api.gateway.providers.group("fast", ["broken:a", "good:b"], Policy())
        answer = await ask(api, "fast", stream=True)
    assert '"error"' in answer.text
    assert good.received == []


async def test_retry_after_is_honoured_where_nobody_else_is_left(api, monkeypatch):
    waits = []
    sleep = asyncio.sleep

    async def note(seconds):
        waits.append(seconds)
        await sleep(0)

    behaviours = iter((refuses(429, retry_after="3"), GOOD))

    async def behave(received, wire):
        await next(behaviours)(received, wire)

    async with far_end(behave) as far:
        await add(api, "far", far.url)
        await api.gateway.providers.group("fast", ["far:a"], Policy())
        monkeypatch.setattr("api.relay.attempts.asyncio.sleep", note)
        answer = await ask(api, "fast")
    assert answer.status_code == 200
    assert 3.0 in waits


@pytest.mark.parametrize(
    "first", [b'data: {"error":{"message":"overloaded","type":"overloaded_error"}}\n\n', b": hello\n\n"]
)
async def test_a_stream_that_fails_before_it_said_anything_is_asked_of_another(api, first):
    async def begins(_received, wire):
        await wire.begin_stream()
        await wire.chunk(first)
        wire.hang_up()

    async with far_end(begins) as broken, far_end(says(*chat_frames(["yes"]))) as good:
        await add(api, "broken", broken.url)
        await add(api, "good", good.url)
        await api.gateway.providers.group("fast", ["broken:a", "good:b"], Policy())
        answer = await ask(api, "fast", stream=True)
    assert "yes" in answer.text
    assert "error" not in answer.text
    assert answer.headers["x-morello-attempts"].startswith("broken:a;key=0;status=502, good:b")


async def test_the_first_of_a_group_streams_as_if_it_were_alone(api):
    frames = chat_frames(["one", "two", "three"])
    async with far_end(says(*frames)) as far, far_end(GOOD) as good:
        await add(api, "far", far.url)
        await add(api, "good", good.url)
        await api.gateway.providers.group("fast", ["far:a", "good:b"], Policy())
        alone = await ask(api, "far:a", stream=True)
        behind = await ask(api, "fast", stream=True)
    assert behind.content == alone.content
    assert good.received == []
    first, second = await api.rows()
    assert (first.tokens_out, first.bytes_out) == (second.tokens_out, second.bytes_out)


async def test_a_dry_run_names_those_who_would_be_asked_after_the_first(api):
    for name in ("one", "two", "three"):
        await add(api, name, "https://127.0.0.1:1")
    models = ["one:a", "two:b", "three:c"]
    await api.gateway.providers.group("fast", models, Policy())
    await api.gateway.providers.group("alone", models, Policy(retry=False))
    async with api.client() as client:
        for name, then in (("fast", ["two:b", "three:c"]), ("alone", []), ("one:a", [])):
            asked = {**HELLO, "model": name}
            told = await client.post("/v1/chat/completions", json=asked, headers={"x-morello-dry-run": "1"})
            assert (told.json()["provider"], told.json()["then"]) == ("one", then)

"""Conformance runs: what a model is found to do is what it does, and a bad network says nothing of it."""

import asyncio
import json

import pytest

from api.conformance import PROBES, Stage
from api.conformance.probes import Probe
from api.dialects import anthropic, openai_chat
from api.dialects.quirks import NONE
from api.errors import OwnerError, ProviderRefused
from api.facts import Capability, Facts
from api.providers.chosen import Chosen
from tests.fakes import answers, far_end

QUESTION = {probe.name: probe for probe in PROBES}
CHAT = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0}]}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def reply(content="pong", usage=USAGE, **more):
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({**CHAT, "choices": [choice], "usage": usage}).encode()


def tool_call(arguments='{"city":"Hong Kong"}', name="get_weather"):
    return reply(
        None,
        tool_calls=[{"id": "t", "type": "function", "function": {"name": name, "arguments": arguments}}],
    )


def a_model(**says):
    """A far end that answers each kind of question as it is told to; the usual one can do everything."""
    usual = {
        "chat": reply(),
        "tools": tool_call(),
        "vision": reply("Red."),
        "reasoning": reply("Three", reasoning_content="s t r a w b e r r y"),
    }
    told = {**usual, **says}

    async def behave(received, wire):
        asked = json.loads(received.body)
        if received.path.endswith("/embeddings"):
            if (body := told.get("embeddings")) is None:
                body = json.dumps(
                    {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
                ).encode()
            await wire.reply(200, body, content_type="application/json")
            return
        if asked.get("stream"):
            await wire.begin_stream()
            delta = {"index": 0, "delta": {"content": told.get("stream", "pong")}, "finish_reason": "stop"}
            chunk = {**CHAT, "object": "chat.completion.chunk", "choices": [delta]}
            await wire.chunk(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")
            await wire.end_stream()
            return
        kind = "tools" if "tools" in asked else "reasoning" if "reasoning_effort" in asked else "chat"
        if isinstance(asked["messages"][0]["content"], list):
            kind = "vision"
        if isinstance(told[kind], str):
            await wire.reply(500, json.dumps({"error": {"message": told[kind]}}).encode())
            return
        body = told[kind]
        status = 200 if isinstance(body, bytes) else body
        await wire.reply(
            status,
            body if isinstance(body, bytes) else b'{"error":{"message":"it cannot","type":"invalid_request_error"}}',
            content_type="application/json",
        )

    return behave


async def run(api, url, model="m", embedder="e"):
    await api.gateway.providers.add("one", "openai_chat", url, None)
    api.door.conformance.start("one", model, embedder)
    return await api.door.conformance.finished("one")


def stages(run):
    return {one.name: one.stage for one in run.results}


def found(api, model="m"):
    return dict(api.gateway.providers.measured.of("one", model))


async def test_a_model_that_can_do_everything(api):
    async with far_end(a_model()) as far:
        done = await run(api, far.url)
    assert set(stages(done).values()) == {Stage.WORKS}, [(one.name, str(one.words)) for one in done.results]
    assert found(api) == {Capability.TOOLS: True, Capability.VISION: True, Capability.REASONING: True}
    assert found(api, "e") == {Capability.EMBEDDINGS: True}
    rows = await api.rows()
    assert {row.route for row in rows} == {"conformance"}
    assert len(rows) == len(PROBES)


async def test_what_it_cannot_do_is_found_in_its_answers(api):
    far_side = a_model(
        tools=reply("It is sunny."),
        vision=400,
        reasoning=reply("Three"),
        embeddings=b'{"object":"list","data":[]}',
        stream="",
    )
    async with far_end(far_side) as far:
        done = await run(api, far.url)
    cannot = {"tools", "vision", "reasoning", "embeddings", "stream"}
    assert {name for name, stage in stages(done).items() if stage is Stage.ABSENT} == cannot
    assert "it cannot" in str(done.results[3].words)
    assert found(api) == {Capability.TOOLS: False, Capability.VISION: False, Capability.REASONING: False}


async def test_a_bad_network_says_nothing_of_a_model(api):
    async with far_end(answers(503, b"busy")) as far:
        done = await run(api, far.url)
    assert stages(done) == {
        "chat": Stage.FAILED,
        **dict.fromkeys(("stream", "tools", "vision", "reasoning"), Stage.SKIPPED),
        "embeddings": Stage.FAILED,
    }
    assert found(api) == {}


async def test_whoever_says_that_it_is_not_supported_cannot_whatever_the_status(api):
    async with far_end(a_model(vision="image input is not supported", tools="out of memory")) as far:
        done = await run(api, far.url)
    assert (stages(done)["vision"], stages(done)["tools"]) == (Stage.ABSENT, Stage.FAILED)
    assert Capability.TOOLS not in found(api)
    assert found(api)[Capability.VISION] is False


async def test_a_model_that_is_not_there_is_not_measured(api):
    async with far_end(a_model(chat=404, tools=404, vision=404, reasoning=404)) as far:
        done = await run(api, far.url)
    assert stages(done)["chat"] is Stage.ABSENT
    assert stages(done)["tools"] is stages(done)["reasoning"] is Stage.SKIPPED
    assert found(api) == {}


async def test_of_a_provider_that_was_removed_meanwhile_nothing_is_kept(api):
    quick, providers = a_model(), api.gateway.providers

    async def removes(received, wire):
        if b"get_weather" in received.body:
            await providers.remove("one")
        await quick(received, wire)

    async with far_end(removes) as far:
        done = await run(api, far.url)
    assert done.ended
    assert not done.cancelled
    assert found(api) == {}


async def test_a_run_is_seen_while_it_goes_on_and_can_be_cancelled(api):
    hung = asyncio.Event()

    async def hangs(_received, _wire):
        hung.set()
        await asyncio.Event().wait()

    async with far_end(hangs) as far:
        await api.gateway.providers.add("one", "openai_chat", far.url, None)
        runs = api.door.conformance
        runs.start("one", "m")
        await asyncio.wait_for(hung.wait(), 5)
        assert runs.of("one").results[0].stage is Stage.RUNNING
        with pytest.raises(OwnerError, match="goes on already"):
            runs.start("one", "m")
        await runs.cancel("one")
    done = runs.of("one")
    assert done.ended
    assert done.cancelled
    assert stages(done)["chat"] is Stage.SKIPPED
    assert not len(api.door.calls)


async def test_without_a_model_there_is_nothing_to_ask(api):
    await api.gateway.providers.add("one", "openai_chat", "https://127.0.0.1:1", None)
    with pytest.raises(ProviderRefused, match="Name one"):
        api.door.conformance.start("one")


async def test_the_models_proposed_are_those_for_the_question(api):
    providers = api.gateway.providers
    await providers.add("one", "openai_chat", "https://127.0.0.1:1", None)
    embeds = Facts(capabilities=frozenset({Capability.EMBEDDINGS}))
    await providers.choose("one", "vectors", Chosen(added=True, facts=embeds))
    await providers.choose("one", "talks", Chosen(added=True))
    assert api.door.conformance.proposed(providers.find("one")) == ("talks", "vectors")


async def test_what_was_found_is_shown_survives_a_restart_and_goes_with_its_provider(api):
    providers = api.gateway.providers
    async with far_end(a_model(vision=400)) as far:
        await run(api, far.url)
    await providers.choose("one", "m", Chosen(added=True))
    provider = providers.find("one")
    model = next(model for model in providers.models(provider) if model.id == "m")
    known = providers.facts(provider, model)
    assert known.facts.capabilities == {Capability.TOOLS, Capability.REASONING}
    assert known.sources["capabilities"] == "measured"
    again = type(providers.measured)(api.gateway.store)
    assert again.of("one", "m") == providers.measured.of("one", "m")
    owners = Facts(capabilities=frozenset({Capability.VISION}))
    await providers.choose("one", "m", Chosen(added=True, facts=owners))
    assert providers.facts(provider, model).facts.capabilities == {Capability.VISION}
    await providers.edit("one", base_url="https://127.0.0.1:2")
    assert found(api) == {}
    assert type(providers.measured)(api.gateway.store).of("one", "m") == {}


@pytest.mark.parametrize(
    ("name", "body", "works"),
    [
        ("chat", reply(" "), False),
        ("chat", b"no json", False),
        ("chat", b"[]", False),
        ("chat", b'{"choices":[{"message":7}]}', False),
        ("stream", b"", False),
        ("stream", b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n', False),
        ("stream", b'data: {"choices":[]}\n\ndata: [DONE]\n\n', False),
        ("tools", tool_call("{}"), False),
        ("tools", tool_call("no json"), False),
        ("tools", tool_call(name="other"), False),
        ("vision", reply("Blue"), False),
        ("vision", reply("紅色"), True),
        ("reasoning", reply(usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 9}}), True),
        ("reasoning", reply(usage={**USAGE, "completion_tokens_details": None}), False),
        ("embeddings", b'{"data":[{"embedding":[]}]}', False),
        ("embeddings", b'{"data":[{"embedding":"AAAA"}]}', False),
    ],
)
def test_answers_are_judged_by_what_they_hold(name, body, works):
    assert (QUESTION[name].judge(body) is None) is works


@pytest.mark.parametrize("probe", [probe for probe in PROBES if not probe.embeds], ids=lambda probe: probe.name)
def test_the_questions_are_such_as_every_dialect_can_be_asked(probe: Probe):
    request = openai_chat.read_request(json.dumps({"model": "m", **probe.body}).encode())
    assert anthropic.write_request(request, NONE, "one")

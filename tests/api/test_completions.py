"""Completions, the older endpoint: what is said passes byte for byte, streamed or not."""

import json
from typing import Any

import httpx2
import openai
import pytest

from api.conversation import Usage
from api.dialects.counted import usage_in
from tests.conftest import Api
from tests.fakes import FarEnd, answers, far_end, says

WHOLE: dict[str, Any] = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1700000000,
    "model": "gpt-test",
    "choices": [{"index": 0, "text": " a cat.", "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7},
}
PROMPTS: list[Any] = ["Once upon", ["Once upon", "Twice upon"], [7085, 5304], [[7085, 5304], [55, 501]]]


def piece(text: str, reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
    return b"data: " + json.dumps({**WHOLE, "choices": [choice], "usage": None, **more}).encode() + b"\n\n"


STREAM = [piece(" a"), piece(" cat."), piece("", "stop"), piece("", usage=WHOLE["usage"]), b"data: [DONE]\n\n"]


# Nothing here speaks TLS; loading the world's certificates takes longer than most tests.
def sdk(api: Api) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=api.key,
        base_url=f"{api.url}/v1",
        max_retries=0,
        http_client=httpx2.AsyncClient(verify=False, timeout=20),
    )


async def provide(api: Api, far: FarEnd, dialect: str = "openai_chat") -> None:
    await api.gateway.providers.add("far", dialect, f"{far.url}/v1", "sk-far-0123456789")


@pytest.mark.parametrize("prompt", PROMPTS, ids=["text", "texts", "tokens", "lists of tokens"])
async def test_a_prompt_of_every_kind_arrives_as_it_was_said(api, prompt):
    async with far_end(answers(200, json.dumps(WHOLE).encode())) as far, sdk(api) as client:
        await provide(api, far)

        done = await client.completions.create(model="far:gpt-test", prompt=prompt, max_tokens=5, suffix="!")

        assert done.choices[0].text == " a cat."
        assert (far.last.method, far.last.path) == ("POST", "/v1/completions")
        assert far.last.headers["authorization"] == "Bearer sk-far-0123456789"
        assert json.loads(far.last.body) == {"model": "gpt-test", "prompt": prompt, "max_tokens": 5, "suffix": "!"}
    [row] = await api.rows()
    assert (row.tokens_in, row.tokens_out, row.provider, row.served) == (4, 3, "far", "gpt-test")
    assert (row.route, row.streamed, row.status) == ("v1/completions", False, 200)


async def test_every_byte_but_the_model_s_name_passes(api):
    body = b'{ "stream":false,\n"model" : "far:m", "new_field": {"a":[1.0,2e3]}, "prompt":"\\u00e9"}'
    reply = json.dumps(WHOLE, indent=3).encode()
    async with far_end(answers(200, reply)) as far, api.client() as client:
        await provide(api, far)

        answer = await client.post("/v1/completions", content=body, headers={"content-type": "application/json"})

        assert answer.content == reply
        assert far.last.body == body.replace(b'"far:m"', b'"m"')


async def test_a_stream_comes_piece_by_piece_and_is_counted(api):
    async with far_end(says(*STREAM)) as far, sdk(api) as client:
        await provide(api, far)

        stream = await client.completions.create(
            model="far:gpt-test", prompt="Once upon", stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]

        assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == " a cat."
        assert json.loads(far.last.body)["stream_options"] == {"include_usage": True}
    [row] = await api.rows()
    assert (row.tokens_in, row.tokens_out, row.streamed) == (4, 3, True)
    assert row.first_token_ms is not None


async def test_a_stream_s_bytes_are_the_provider_s(api):
    async with far_end(says(*STREAM)) as far, api.client() as client:
        await provide(api, far)

        answer = await client.post("/v1/completions", json={"model": "far:m", "prompt": "x", "stream": True})

        assert answer.content == b"".join(STREAM)
        assert answer.headers["content-type"] == "text/event-stream"
        assert b"stream_options" not in far.last.body


async def test_a_stream_that_breaks_ends_in_an_error(api):
    async def breaks(_received: Any, wire: Any) -> None:
        await wire.begin_stream()
        await wire.chunk(STREAM[0])
        wire.hang_up()

    async with far_end(breaks) as far, sdk(api) as client:
        await provide(api, far)

        stream = await client.completions.create(model="far:m", prompt="x", stream=True)
        chunks = aiter(stream)
        first = await anext(chunks)
        with pytest.raises(openai.APIError) as told:
            await anext(chunks)

        assert first.choices[0].text == " a"
        assert told.value.code == "stream_broken"
    [row] = await api.rows()
    assert (row.status, row.error) == (502, "stream_broken")


@pytest.mark.parametrize("model", ["far:m", "morello:echo"])
async def test_who_has_no_completions_is_told_apart(api, model):
    async with far_end() as far, sdk(api) as client:
        await provide(api, far, "anthropic")

        with pytest.raises(openai.BadRequestError) as told:
            await client.completions.create(model=model, prompt="x")

        assert told.value.code == "unsupported_by_provider"
        assert far.connections == 0


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"[]", 400, None),
        (b"{", 400, None),
        (b'{"prompt":"x"}', 400, "model"),
        (b'{"model":null,"prompt":"x"}', 400, "model"),
        (b'{"model":7,"prompt":"x"}', 400, "model"),
        (b'{"model":"far:m","stream":"yes"}', 400, "stream"),
        (b'{"model":"nobody:m","prompt":"x"}', 404, "model"),
    ],
)
async def test_nonsense_is_refused_in_words(api, body, status, field):
    async with far_end() as far, api.client() as client:
        await provide(api, far)

        answer = await client.post("/v1/completions", content=body, headers={"content-type": "application/json"})

        assert (answer.status_code, answer.json()["error"]["param"]) == (status, field)
        assert not [received for received in far.received if received.method == "POST"]


async def test_a_refusal_comes_in_the_provider_s_words(api):
    refusal = b'{"error":{"message":"The prompt is too long.","type":"invalid_request_error","code":"too_long"}}'
    async with far_end(answers(400, refusal)) as far, sdk(api) as client:
        await provide(api, far)

        with pytest.raises(openai.BadRequestError, match="The prompt is too long"):
            await client.completions.create(model="far:m", prompt="x")


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        ({"usage": {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}}, Usage(4, 3)),
        ({"usage": {"prompt_tokens": 8, "total_tokens": 8}}, Usage(8)),
        ({"usage": {"total_tokens": 31}}, Usage(31)),
        ({"usage": {"input_tokens": 50, "output_tokens": 1056, "total_tokens": 1106}}, Usage(50, 1056)),
        ({"usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45}}, Usage(14, 45)),
        ({"usage": {"type": "duration", "seconds": 12.5}}, None),
        ({"meta": {"tokens": {"input_tokens": 40, "output_tokens": 2}}}, Usage(40, 2)),
        ({"meta": {"tokens": {}, "billed_units": {"input_tokens": 9}}}, Usage(9)),
        ({"meta": {"billed_units": {"search_units": 1}}}, None),
        ({"meta": "2", "usage": {"total_tokens": 5}}, Usage(5)),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": True}}, None),
        ({"usage": None, "meta": None}, None),
        ([], None),
    ],
)
def test_what_an_answer_says_it_cost(answer, usage):
    assert usage_in(json.dumps(answer).encode()) == usage

"""Any dialect to any provider, over real sockets: what crosses, what is named, what happens when something breaks."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from httpx import Response

from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.dialects.quirks import NONE, Quirks
from api.dialects.spoken import SPOKEN
from api.errors import ApiStopped
from api.relay import turn
from tests.conftest import Api
from tests.fakes import CALLS, CHAT, FRAMES, WHOLE, FarEnd, Received, Wire, answers, chat_frames, far_end, says

CHAT_CALLER, RESPONSES_CALLER = openai_chat.NAME, openai_responses.NAME
MESSAGES_CALLER, GEMINI_CALLER = anthropic.NAME, gemini.NAME
NAMES = [CHAT_CALLER, RESPONSES_CALLER, MESSAGES_CALLER, GEMINI_CALLER]
PAIRS = [pytest.param(caller, far, id=f"{caller}-{far}") for caller in NAMES for far in NAMES if caller != far]
VERSIONS = {GEMINI_CALLER: "/v1beta"}
ENDS = {  # the mark of a stream that succeeded
    CHAT_CALLER: "data: [DONE]",
    RESPONSES_CALLER: "event: response.completed",
    MESSAGES_CALLER: "event: message_stop",
    GEMINI_CALLER: '"finishReason":"STOP"',
}
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}


async def provide(api: Api, far: FarEnd, dialect: str, quirks: Quirks = NONE, name: str = "far") -> None:
    base = far.url + VERSIONS.get(dialect, "/v1")
    await api.gateway.providers.add(name, dialect, base, None, quirks=quirks)


def place(caller: str, stream: bool, model: str = "far:m") -> str:
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return {
        CHAT_CALLER: "/v1/chat/completions",
        RESPONSES_CALLER: "/v1/responses",
        MESSAGES_CALLER: "/v1/messages",
        GEMINI_CALLER: f"/v1beta/models/{model}:{method}",
    }[caller]


def asks(caller: str, stream: bool = False, model: str = "far:m", **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Weather?"}]
    match caller:
        case "openai_chat":
            tool = {"type": "function", "function": {"name": "weather", "parameters": TOOL}}
            return {"model": model, "messages": said, "tools": [tool], "stream": stream, **more}
        case "openai_responses":
            tool = {"type": "function", "name": "weather", "parameters": TOOL}
            return {"model": model, "input": said, "tools": [tool], "stream": stream, **more}
        case "anthropic":
            tool = {"name": "weather", "input_schema": TOOL}
            return {"model": model, "max_tokens": 64, "messages": said, "tools": [tool], "stream": stream, **more}
        case _:
            contents = [{"role": "user", "parts": [{"text": "Weather?"}]}]
            declared = {"functionDeclarations": [{"name": "weather", "parametersJsonSchema": TOOL}]}
            return {"contents": contents, "tools": [declared], **more}


async def ask(api: Api, caller: str, stream: bool = False, **more: Any) -> Response:
    headers, model = more.pop("headers", {}), more.pop("model", "far:m")
    async with api.client() as client:
        body = asks(caller, stream, model, **more)
        return await client.post(place(caller, stream, model), json=body, headers=headers)


def text_of(caller: str, body: Any) -> str:
    match caller:
        case "openai_chat":
            return str(body["choices"][0]["message"]["content"])
        case "openai_responses":
            items = [item for item in body["output"] if item["type"] == "message"]
            return "".join(part["text"] for item in items for part in item["content"])
        case "anthropic":
            return "".join(block["text"] for block in body["content"] if block["type"] == "text")
        case _:
            return "".join(part.get("text", "") for part in body["candidates"][0]["content"]["parts"])


def tokens_of(caller: str, body: Any) -> tuple[int, int]:
    match caller:
        case "openai_chat":
            return body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]
        case "openai_responses" | "anthropic":
            return body["usage"]["input_tokens"], body["usage"]["output_tokens"]
        case _:
            return body["usageMetadata"]["promptTokenCount"], body["usageMetadata"]["candidatesTokenCount"]


def calls_of(caller: str, body: Any) -> list[tuple[str, dict[str, Any]]]:
    match caller:
        case "openai_chat":
            calls = [call["function"] for call in body["choices"][0]["message"]["tool_calls"]]
            return [(call["name"], json.loads(call["arguments"])) for call in calls]
        case "openai_responses":
            calls = [item for item in body["output"] if item["type"] == "function_call"]
            return [(call["name"], json.loads(call["arguments"])) for call in calls]
        case "anthropic":
            return [(block["name"], block["input"]) for block in body["content"] if block["type"] == "tool_use"]
        case _:
            parts = [part["functionCall"] for part in body["candidates"][0]["content"]["parts"]]
            return [(part["name"], part["args"]) for part in parts]


def words_in(caller: str, body: bytes) -> str:
    """What a stream of that dialect says, as the dialect itself reads it."""
    from api.conversation import PartGrew
    from api.dialects import sse

    reader = SPOKEN[caller].Reader()
    events = [*reader.feed(sse.Reader().feed(body)), *reader.end()]
    assert reader.finished
    return "".join(event.text for event in events if isinstance(event, PartGrew))


@pytest.mark.parametrize(("caller", "far"), PAIRS)
class TestEveryPair:
    async def test_a_whole_answer_is_a_folded_stream(self, api: Api, caller: str, far: str) -> None:
        async with far_end(says(*FRAMES[far](["It is", " sunny ☀"]))) as end:
            await provide(api, end, far)
            got = await ask(api, caller)
            assert got.status_code == 200
            assert got.headers["content-type"] == "application/json"
            assert text_of(caller, got.json()) == "It is sunny ☀"
            assert tokens_of(caller, got.json()) == (11, 7)
            assert end.last.path.startswith(VERSIONS.get(far, "/v1"))
            assert b'"stream":true' in end.last.body or "streamGenerateContent?alt=sse" in end.last.path

    async def test_a_stream_ends_with_the_mark_of_the_callers_dialect(self, api: Api, caller: str, far: str) -> None:
        async with far_end(says(*FRAMES[far](["It is", " sunny"]))) as end:
            await provide(api, end, far)
            got = await ask(api, caller, stream=True)
        assert got.headers["content-type"].startswith("text/event-stream")
        assert words_in(caller, got.content) == "It is sunny"
        assert ENDS[caller] in got.text

    async def test_a_provider_that_answers_at_once_is_streamed_all_the_same(
        self, api: Api, caller: str, far: str
    ) -> None:
        async with far_end(answers(200, WHOLE[far])) as end:
            await provide(api, end, far, Quirks(streams=False))
            streamed, whole = await ask(api, caller, stream=True), await ask(api, caller)
            assert words_in(caller, streamed.content) == "Hello"
            assert text_of(caller, whole.json()) == "Hello"
            assert b'"stream":true' not in end.last.body
            assert "streamGenerateContent" not in end.last.path

    async def test_parallel_calls_arrive_whole_and_in_order(self, api: Api, caller: str, far: str) -> None:
        calls = [("call_1", "weather", '{"city": "Rome"}'), ("call_2", "weather", '{"city": "Oslo"}')]
        async with far_end(says(*CALLS[far](*calls))) as end:
            await provide(api, end, far)
            got = await ask(api, caller)
        assert calls_of(caller, got.json()) == [("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"})]

    async def test_the_call_is_one_row(self, api: Api, caller: str, far: str) -> None:
        async with far_end(says(*FRAMES[far](["a", "b"]))) as end:
            await provide(api, end, far)
            streamed, whole = await ask(api, caller, stream=True), await ask(api, caller)
        first, second = await api.rows()
        assert [(row.tokens_in, row.tokens_out, row.status, row.error) for row in (first, second)] == [
            (11, 7, 200, None),
            (11, 7, 200, None),
        ]
        assert (first.asked, first.provider, first.served, first.dialect) == ("far:m", "far", "m", caller)
        assert (first.streamed, second.streamed) == (True, False)
        assert (first.bytes_out, second.bytes_out) == (len(streamed.content), len(whole.content))
        assert 0 < first.first_token_ms <= first.total_ms

    async def test_a_stream_that_breaks_is_said_to_be_broken(self, api: Api, caller: str, far: str) -> None:
        async def breaks(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            for frame in FRAMES[far](["Hel", "lo", "!"])[:3]:
                await wire.chunk(frame)
            wire.hang_up()

        async with far_end(breaks) as end:
            await provide(api, end, far)
            streamed, whole = await ask(api, caller, stream=True), await ask(api, caller)
        assert "The answer is cut" in streamed.text
        assert ENDS[caller] not in streamed.text
        assert (whole.status_code, "The answer is cut" in whole.text) == (502, True)
        assert [row.error for row in await api.rows()] == ["stream_broken", "stream_broken"]

    async def test_a_stream_that_ends_too_early_is_an_error_too(self, api: Api, caller: str, far: str) -> None:
        async with far_end(says(*FRAMES[far](["Hel", "lo", "!"])[:3])) as end:
            await provide(api, end, far)
            got = await ask(api, caller, stream=True)
        assert "before it was complete" in got.text
        assert ENDS[caller] not in got.text

    async def test_a_refusal_keeps_its_words_and_loses_its_type(self, api: Api, caller: str, far: str) -> None:
        body = json.dumps({"error": {"message": "its own words", "type": "their_type", "status": "THEIR_STATUS"}})
        async with far_end(answers(422, body.encode())) as end:
            await provide(api, end, far)
            got = await ask(api, caller, stream=True)
        assert got.status_code == 422
        assert "its own words" in got.json()["error"]["message"]
        assert got.headers["x-morello-error-source"] == "provider"
        assert got.json()["error"].get("type") != "their_type"


# Named losses


class TestWhatIsDropped:
    LOST: ClassVar[dict[str, Any]] = {"seed": 7, "logit_bias": {"50256": -100}}

    @pytest.mark.parametrize("stream", [True, False])
    async def test_it_is_named_in_a_header(self, api: Api, stream: bool) -> None:
        async with far_end(says(*FRAMES["anthropic"](["Hi"]))) as end:
            await provide(api, end, "anthropic")
            got = await ask(api, CHAT_CALLER, stream, **self.LOST)
        assert got.status_code == 200
        assert got.headers["x-morello-dropped"] == "logit_bias,seed"

    @pytest.mark.parametrize("yes", ["1", "true", "Yes"])
    async def test_a_strict_caller_is_refused_before_anything_is_sent(self, api: Api, yes: str) -> None:
        async with far_end() as end:
            await provide(api, end, "anthropic")
            got = await ask(api, CHAT_CALLER, headers={"x-morello-strict": yes}, **self.LOST)
            assert (got.status_code, got.json()["error"]["param"]) == (400, "logit_bias")
            assert "logit_bias,seed" in got.json()["error"]["message"]
            assert not end.received

    async def test_a_strict_caller_who_loses_nothing_is_answered(self, api: Api) -> None:
        async with far_end(says(*FRAMES["anthropic"](["Hi"]))) as end:
            await provide(api, end, "anthropic")
            got = await ask(api, CHAT_CALLER, headers={"x-morello-strict": "1"})
        assert got.status_code == 200
        assert "x-morello-dropped" not in got.headers

    async def test_it_is_named_as_the_caller_calls_it(self, api: Api) -> None:
        async with far_end(says(*FRAMES["openai_responses"](["Hi"]))) as end:
            await provide(api, end, "openai_responses")
            got = await ask(api, MESSAGES_CALLER, stop_sequences=["."])
        assert got.headers["x-morello-dropped"] == "stop_sequences"

    async def test_nothing_is_dropped_where_bytes_pass(self, api: Api) -> None:
        async with far_end(answers(200, CHAT)) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, CHAT_CALLER, headers={"x-morello-strict": "1"}, **self.LOST, of_my_own=1)
            assert got.status_code == 200
            assert "x-morello-dropped" not in got.headers
            assert b"of_my_own" in end.last.body

    async def test_names_that_callers_invent_break_no_header(self, api: Api) -> None:
        odd: dict[str, Any] = {
            "a b\r\nset-cookie: x": 1,
            "日本": 1,
            **{f"field_{number}_{'x' * 90}": 1 for number in range(40)},
        }
        async with far_end(says(*FRAMES["anthropic"](["Hi"]))) as end:
            await provide(api, end, "anthropic")
            got = await ask(api, CHAT_CALLER, **odd)
        told = got.headers["x-morello-dropped"]
        assert got.status_code == 200
        assert "set-cookie" not in got.headers
        assert len(told) <= 1024
        assert told.endswith(",...")
        assert max(map(len, told.split(","))) <= 64

    async def test_the_receipt_names_it_and_shows_all_four_texts(self, api: Api) -> None:
        frames = FRAMES["anthropic"](["Hi"])
        async with far_end(says(*frames)) as end:
            await provide(api, end, "anthropic")
            got = await ask(api, CHAT_CALLER, stream=True, **self.LOST)
            receipt = api.gateway.receipts.find(got.headers["x-request-id"])
            assert receipt
            assert (receipt.caller, receipt.dialect) == (CHAT_CALLER, "anthropic")
            assert receipt.dropped == ("logit_bias", "seed")
            assert '"logit_bias"' in receipt.asked.text
            assert receipt.sent.text == end.last.body.decode()
            assert receipt.came.text == b"".join(frames).decode()
            assert receipt.told.text == got.text


# A provider that refuses a wish


def refuses(word: bytes, words: str, then: bytes = CHAT) -> Callable[[Received, Wire], Any]:
    """Refuse a body in which `word` occurs, in `words`; answer any other one with `then`."""

    def behave(received: Received, wire: Wire) -> Any:
        if word in received.body:
            return wire.reply(400, json.dumps({"error": {"message": words}}).encode())
        return (
            says(*chat_frames(["Hi"]))(received, wire) if b'"stream":true' in received.body else wire.reply(200, then)
        )

    return behave


class TestRefusedWishes:
    STREAM = b'"stream_options"', "Unrecognized request argument supplied: stream_options"
    MAX = b'"max_tokens"', "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."

    async def test_stream_options_are_left_out_after_one_refusal_and_never_sent_again(self, api: Api) -> None:
        async with far_end(refuses(*self.STREAM)) as end:
            await provide(api, end, CHAT_CALLER)
            first, second = await ask(api, MESSAGES_CALLER, True), await ask(api, MESSAGES_CALLER, True)
            assert (first.status_code, second.status_code) == (200, 200)
            assert [self.STREAM[0] in request.body for request in end.received] == [True, False, False]

    async def test_those_that_the_caller_sent_are_left_out_too_and_all_else_stays(self, api: Api) -> None:
        async with far_end(refuses(*self.STREAM)) as end:
            await provide(api, end, CHAT_CALLER)
            wish = {"stream_options": {"include_usage": True}, "of_my_own": {"x": 1}, "max_completion_tokens": 9}
            first, second = await ask(api, CHAT_CALLER, True, **wish), await ask(api, CHAT_CALLER, True, **wish)
            assert (first.status_code, second.status_code) == (200, 200)
            assert [self.STREAM[0] in request.body for request in end.received] == [True, False, False]
            sent = json.loads(end.last.body)
            assert sent == asks(CHAT_CALLER, True, "m", of_my_own={"x": 1}, max_completion_tokens=9)

    async def test_what_was_learned_is_forgotten_when_the_provider_is_edited(self, api: Api) -> None:
        async with far_end(refuses(*self.STREAM)) as end:
            await provide(api, end, CHAT_CALLER)
            await ask(api, MESSAGES_CALLER, True)
            await api.gateway.providers.edit("far", name="Renamed")
            await ask(api, MESSAGES_CALLER, True)
            assert [self.STREAM[0] in request.body for request in end.received] == [True, False, True, False]

    async def test_a_row_that_says_so_is_never_asked_with_them(self, api: Api) -> None:
        async with far_end(refuses(*self.STREAM)) as end:
            await provide(api, end, CHAT_CALLER, Quirks(stream_options=False))
            await ask(api, MESSAGES_CALLER, True)
            await ask(api, CHAT_CALLER, True, stream_options={"include_usage": True})
            assert [self.STREAM[0] in request.body for request in end.received] == [False, False]

    @pytest.mark.parametrize("caller", [CHAT_CALLER, MESSAGES_CALLER])
    async def test_the_limit_goes_under_its_other_name(self, api: Api, caller: str) -> None:
        async with far_end(refuses(*self.MAX)) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, caller, max_tokens=64)
            assert got.status_code == 200
            assert len(end.received) == 2
            assert json.loads(end.last.body)["max_completion_tokens"] == 64

    async def test_a_refused_developer_becomes_the_system(self, api: Api) -> None:
        said = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
        async with far_end(refuses(b'"developer"', "role: unknown variant `developer`")) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, CHAT_CALLER, messages=said)
            assert got.status_code == 200
            assert [message["role"] for message in json.loads(end.last.body)["messages"]] == ["system", "user"]

    async def test_two_refusals_are_learned_from_in_one_call(self, api: Api) -> None:
        def behave(received: Received, wire: Wire) -> Any:
            for word, words in (self.STREAM, self.MAX):
                if word in received.body:
                    return wire.reply(400, json.dumps({"error": {"message": words}}).encode())
            return says(*chat_frames(["Hi"]))(received, wire)

        async with far_end(behave) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, MESSAGES_CALLER, True)
            assert (got.status_code, len(end.received)) == (200, 3)

    async def test_a_provider_that_refuses_all_the_same_is_asked_once_more_and_no_further(self, api: Api) -> None:
        body = json.dumps({"error": {"message": self.STREAM[1]}}).encode()
        async with far_end(answers(400, body)) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, MESSAGES_CALLER, True)
            assert (got.status_code, len(end.received)) == (400, 2)

    async def test_another_refusal_is_no_reason_to_ask_again(self, api: Api) -> None:
        async with far_end(answers(400, b'{"error":{"message":"max_tokens is too large"}}')) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, MESSAGES_CALLER, True)
            assert (got.status_code, len(end.received)) == (400, 1)


# Baggage over two turns


def delta(**fields: Any) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}).encode() + b"\n\n"
    )


def after_the_call(caller: str, call: str) -> dict[str, Any]:
    """What the caller says in the second turn: the call he was given, and its result."""
    if caller == CHAT_CALLER:
        function = {"name": "weather", "arguments": '{"city":"Rome"}'}
        called = [{"id": call, "type": "function", "function": function}]
        return {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": None, "tool_calls": called},
                {"role": "tool", "tool_call_id": call, "content": "sunny"},
            ]
        }
    return {
        "messages": [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": call, "name": "weather", "input": {"city": "Rome"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": "sunny"}]},
        ]
    }


class TestBaggage:
    THINKS = Quirks(reasoning_field="reasoning_content")

    @pytest.mark.parametrize("caller", [CHAT_CALLER, MESSAGES_CALLER])
    @pytest.mark.parametrize("stream", [True, False])
    async def test_thoughts_come_back_to_who_wants_them_in_turns_that_called(
        self, api: Api, caller: str, stream: bool
    ) -> None:
        called = CALLS[CHAT_CALLER](("call_1", "weather", '{"city":"Rome"}'))
        frames = [called[0], delta(reasoning_content="Rome is"), delta(reasoning_content=" in Italy."), *called[1:]]
        function = {"name": "weather", "arguments": '{"city":"Rome"}'}
        message = {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Rome is in Italy.",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
        whole = {**json.loads(CHAT), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}

        def behave(received: Received, wire: Wire) -> Any:
            if b'"stream":true' in received.body.replace(b" ", b""):
                return says(*frames)(received, wire)
            return wire.reply(200, json.dumps(whole).encode())

        async with far_end(behave) as end:
            await provide(api, end, CHAT_CALLER, self.THINKS)
            await ask(api, caller, stream)
            await ask(api, caller, stream, **after_the_call(caller, "call_1"))
            (turn_that_called,) = [m for m in json.loads(end.last.body)["messages"] if m["role"] == "assistant"]
        assert turn_that_called["reasoning_content"] == "Rome is in Italy."
        assert turn_that_called["tool_calls"][0]["id"] == "call_1"

    async def test_bytes_pass_untouched_where_nothing_is_remembered(self, api: Api) -> None:
        async with far_end(answers(200, CHAT)) as end:
            await provide(api, end, CHAT_CALLER, self.THINKS)
            body = json.dumps(asks(CHAT_CALLER, **after_the_call(CHAT_CALLER, "call_9")), indent=3)
            async with api.client() as client:
                await client.post(place(CHAT_CALLER, False), content=body, headers={"content-type": "application/json"})
            assert end.last.body.decode() == body.replace('"far:m"', '"m"')

    async def test_a_thought_signature_comes_back_on_its_call(self, api: Api) -> None:
        """Row 4: Gemini refuses a call that lost it."""
        call = {"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "c2ln"}
        reply = {"candidates": [{"content": {"role": "model", "parts": [call]}, "index": 0, "finishReason": "STOP"}]}
        async with far_end(says(b"data: " + json.dumps(reply).encode() + b"\n\n")) as end:
            await provide(api, end, GEMINI_CALLER)
            got = (await ask(api, CHAT_CALLER)).json()
            call_id = got["choices"][0]["message"]["tool_calls"][0]["id"]
            await ask(api, CHAT_CALLER, **after_the_call(CHAT_CALLER, call_id))
            contents = json.loads(end.last.body)["contents"]
        (part,) = [part for content in contents for part in content["parts"] if "functionCall" in part]
        assert part["thoughtSignature"] == "c2ln"

    async def test_a_signed_thought_comes_back_before_its_call(self, api: Api) -> None:
        """Row 1: Anthropic wants the thinking block with its signature in the turn that called."""
        start, *rest = CALLS[MESSAGES_CALLER](("toolu_1", "weather", '{"city":"Rome"}'))
        thought: list[dict[str, Any]] = [
            {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}},
            {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "c2ln"}},
            {"type": "content_block_stop"},
        ]
        told = [f"event: {x['type']}\ndata: {json.dumps({**x, 'index': 0})}\n\n".encode() for x in thought]
        moved = [frame.replace(b'"index": 0', b'"index": 1') for frame in rest]
        async with far_end(says(start, *told, *moved)) as end:
            await provide(api, end, MESSAGES_CALLER)
            await ask(api, CHAT_CALLER, reasoning_effort="low")
            await ask(api, CHAT_CALLER, reasoning_effort="low", **after_the_call(CHAT_CALLER, "toolu_1"))
            (said,) = [m for m in json.loads(end.last.body)["messages"] if m["role"] == "assistant"]
        assert said["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
        assert said["content"][1]["type"] == "tool_use"

    async def test_a_seal_that_the_caller_can_carry_says_who_made_it(self, api: Api) -> None:
        call = {"functionCall": {"id": "c1", "name": "weather", "args": {}}, "thoughtSignature": "c2ln"}
        thought = {"text": "Hm.", "thought": True, "thoughtSignature": "dGho"}
        parts = [thought, call]
        reply = {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": "STOP"}]}
        async with far_end(says(b"data: " + json.dumps(reply).encode() + b"\n\n")) as end:
            await provide(api, end, GEMINI_CALLER)
            await provide(api, end, MESSAGES_CALLER, name="other")
            got = (await ask(api, MESSAGES_CALLER)).json()
            (signature,) = [block["signature"] for block in got["content"] if block["type"] == "thinking"]
            said = [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": got["content"]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}]},
            ]
            await ask(api, MESSAGES_CALLER, messages=said)
            back = end.last.body
            end.behaviour = says(*FRAMES[MESSAGES_CALLER](["Hi"]))
            await ask(api, MESSAGES_CALLER, True, model="other:m", messages=said)
            elsewhere = end.last.body
        assert signature.startswith("morello-seal.")
        assert b"dGho" in back
        assert b"morello-seal" not in back
        # The other provider speaks the caller's own dialect, and yet never sees the wrapping.
        assert b"morello-seal" not in elsewhere
        assert b"dGho" not in elsewhere


class TestTheWayBack:
    async def test_a_failure_in_mid_stream_is_told_in_the_callers_dialect_without_secrets(self, api: Api) -> None:
        failed = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"sk-%b full"}}\n\n'
        frames = [*FRAMES["anthropic"](["Hel", "lo"])[:3], failed % (b"x" * 20)]
        async with far_end(says(*frames)) as end:
            await provide(api, end, "anthropic")
            streamed, whole = await ask(api, CHAT_CALLER, stream=True), await ask(api, CHAT_CALLER)
        assert "[hidden] full" in streamed.text.rstrip().splitlines()[-1]
        assert '"Hel"' in streamed.text
        assert "[DONE]" not in streamed.text
        assert whole.status_code == 502
        assert whole.json()["error"]["code"] == "overloaded_error"
        assert [row.error for row in await api.rows()] == ["overloaded_error", "overloaded_error"]

    async def test_an_error_that_comes_with_status_200_is_an_error(self, api: Api) -> None:
        async with far_end(answers(200, b'{"error":{"message":"no credits","code":"broke"}}')) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, MESSAGES_CALLER)
        assert (got.status_code, "no credits" in got.text) == (502, True)

    @pytest.mark.parametrize("body", [b"", b"hello", b"<html>", b"{}", b"[1]", b"\xff\xfe"])
    async def test_an_answer_that_is_none_is_a_502_in_words(self, api: Api, body: bytes) -> None:
        async with far_end(answers(200, body)) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, MESSAGES_CALLER)
        assert got.status_code == 502
        assert got.json()["error"]["message"]

    async def test_a_stream_that_does_not_call_itself_one_is_read_as_one(self, api: Api) -> None:
        async with far_end(answers(200, b"".join(chat_frames(["Hi"])), content_type="text/plain")) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, MESSAGES_CALLER)
        assert text_of(MESSAGES_CALLER, got.json()) == "Hi"

    async def test_a_provider_that_cannot_stream_tools_is_not_asked_to(self, api: Api) -> None:
        """Row 7, in the same dialect too."""
        async with far_end(answers(200, CHAT)) as end:
            await provide(api, end, CHAT_CALLER, Quirks(streams_tools=False))
            got = await ask(api, CHAT_CALLER, stream=True)
            assert b'"stream":true' not in end.last.body
            assert words_in(CHAT_CALLER, got.content) == "Hello"
            end.behaviour = says(*chat_frames(["Hi"]))
            async with api.client() as client:
                plain = {key: value for key, value in asks(CHAT_CALLER, True).items() if key != "tools"}
                got = await client.post(place(CHAT_CALLER, True), json=plain)
            assert json.loads(end.last.body)["stream"] is True
            assert got.content == b"".join(chat_frames(["Hi"]))

    async def test_a_silent_provider_is_covered_by_heartbeats_after_the_head(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Row 23."""
        monkeypatch.setattr(turn, "HEARTBEAT_SECONDS", 0.1)

        async def pauses(_received: Received, wire: Wire) -> None:
            first, *rest = chat_frames(["Hi"])
            await wire.begin_stream()
            await wire.chunk(first + rest[0][: len(rest[0]) // 2])
            await asyncio.sleep(0.35)
            await wire.chunk(rest[0][len(rest[0]) // 2 :] + b"".join(rest[1:]))
            await wire.end_stream()

        async with far_end(pauses) as end:
            await provide(api, end, CHAT_CALLER)
            got = await ask(api, MESSAGES_CALLER, stream=True)
        assert got.content.count(anthropic.HEARTBEAT) >= 2
        assert words_in(MESSAGES_CALLER, got.content) == "Hi"

    async def test_stopping_the_api_tells_the_caller_in_his_dialect(self, api: Api) -> None:
        begun = asyncio.Event()

        async def hangs(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            for frame in chat_frames(["Hi"])[:2]:
                await wire.chunk(frame)
            begun.set()
            await asyncio.sleep(30)

        async with far_end(hangs) as end:
            await provide(api, end, CHAT_CALLER)
            asking = asyncio.create_task(ask(api, MESSAGES_CALLER, stream=True))
            await begun.wait()
            while not api.app.ctx.calls.streams:
                await asyncio.sleep(0.01)
            api.app.ctx.calls.cut(ApiStopped("The owner stopped the API."))
            got = await asking
            async with asyncio.timeout(1):
                await end.hung_up.wait()
        assert "The owner stopped the API." in got.text
        assert got.text.rstrip().splitlines()[-2] == "event: error"
        assert "message_stop" not in got.text

    @pytest.mark.parametrize("stream", [True, False])
    async def test_a_caller_who_hangs_up_is_heard_at_the_far_end(self, api: Api, stream: bool) -> None:
        async with far_end(says(*chat_frames(["x"] * 500), pause=0.05)) as end:
            await provide(api, end, CHAT_CALLER)
            asking = asyncio.create_task(ask(api, MESSAGES_CALLER, stream))
            while not end.received:
                await asyncio.sleep(0.01)
            asking.cancel()
            async with asyncio.timeout(1):
                await end.hung_up.wait()
            await asyncio.gather(asking, return_exceptions=True)

    async def test_a_caller_who_stops_reading_stops_the_provider_too(self, api: Api) -> None:
        sent = 0

        async def floods(_received: Received, wire: Wire) -> None:
            nonlocal sent
            await wire.begin_stream()
            first, frame = chat_frames(["x" * 65536])[:2]
            await wire.chunk(first)
            for _ in range(2000):
                await wire.chunk(frame)
                sent += len(frame)

        async with far_end(floods) as end:
            await provide(api, end, CHAT_CALLER)
            body = json.dumps(asks(MESSAGES_CALLER, True))
            reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port, limit=4096)
            length = f"content-length: {len(body)}"
            head = f"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {api.key}\r\n{length}"
            writer.write(f"{head}\r\n\r\n{body}".encode())
            await reader.readuntil(b"\r\n\r\n")
            before = -1
            while sent != before:  # until nobody moves any more
                before = sent
                await asyncio.sleep(0.3)
            assert sent < 30_000_000  # what the two kernels hold is not ours; 130 MB would be
            writer.close()
            async with asyncio.timeout(1):
                await end.hung_up.wait()


class TestResponsesThatLeaveOutIndices:
    async def test_such_a_stream_is_said_again_as_it_should_be(self, api: Api) -> None:
        whole = FRAMES[RESPONSES_CALLER](["Hel", "lo"])
        bare = []
        for frame in whole:
            kind, line, *_ = frame.decode().splitlines()
            told = json.loads(line.removeprefix("data: "))
            for name in ("sequence_number", "output_index", "content_index"):
                told.pop(name, None)
            bare.append(f"{kind}\ndata: {json.dumps(told)}\n\n".encode())
        async with far_end(says(*bare)) as end:
            await provide(api, end, RESPONSES_CALLER)
            got = await ask(api, RESPONSES_CALLER, True)
        told = [json.loads(line[6:]) for line in got.text.splitlines() if line.startswith("data: ")]
        assert [event["sequence_number"] for event in told] == list(range(len(told)))
        assert all("output_index" in event for event in told if "delta" in event)
        assert words_in(RESPONSES_CALLER, got.content) == "Hello"
        (row,) = await api.rows()
        assert (row.tokens_in, row.tokens_out, row.error) == (11, 7, None)

    async def test_one_that_is_whole_passes_byte_for_byte(self, api: Api) -> None:
        whole = [b": hello\n\n", *FRAMES[RESPONSES_CALLER](["Hel", "lo"])]
        async with far_end(says(*whole)) as end:
            await provide(api, end, RESPONSES_CALLER)
            got = await ask(api, RESPONSES_CALLER, True)
        assert got.content == b"".join(whole)

"""What hostile providers and careless callers cannot do to us while we translate."""

import asyncio
import base64
import json
from typing import Any

import pytest

from api import memory as remembering
from api.conversation import (
    Ended,
    Finish,
    Finished,
    PartEnded,
    PartStarted,
    Reasoning,
    Said,
    Seal,
    Text,
    ToolCall,
    collect,
)
from api.dialects import sealing, sse
from api.dialects.quirks import Quirks
from api.dialects.spoken import SPOKEN
from api.memory import Hearing, Kept, Memory, name_of
from api.providers.provider import Provider
from api.receipts import Pane
from api.relay import frames, translating, turn
from api.stored import Responses, StoredResponse, identity
from api.upstream import reply as replies
from tests.api.test_translation import ENDS, NAMES, ask, asks, place, provide, text_of
from tests.conftest import Api
from tests.fakes import FRAMES, Received, Wire, answers, chat_frames, far_end, says

DEEP = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BEGUN = b'{"choices":[{"index":0,"delta":{"content":"aaaa"}}]}'
ABROAD = [name for name in NAMES if name != "openai_chat"]


def endless(block: bytes) -> Any:
    """A provider that begins an event and never ends it."""

    async def behave(_received: Received, wire: Wire) -> None:
        await wire.begin_stream()
        await wire.chunk(b'data: {"choices":[{"delta":{"content":"')
        while True:
            await wire.chunk(block)

    return behave


class TestWhatNeverEnds:
    @pytest.mark.parametrize("caller", NAMES)
    async def test_an_event_without_end_is_given_up(
        self, api: Api, caller: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(frames, "LONGEST", 100_000)
        async with far_end(endless(b"a" * 10_000)) as far:
            await provide(api, far, "openai_chat")
            got = await ask(api, caller, stream=True)
            await asyncio.wait_for(far.hung_up.wait(), 10)
        assert b"The answer was given up" in got.content
        assert ENDS[caller].encode() not in got.content
        [row] = await api.rows()
        assert (row.status, row.error) == (502, "upstream_bad_response")

    def test_comments_are_no_event(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(frames, "LONGEST", 100)
        reader = frames.Frames("far")
        assert [reader.feed(b": still here\n\n") for _ in range(100)] == [[]] * 100
        assert reader.feed(b"data: x\n\n") == [sse.Frame(b"", b"x")]

    @pytest.mark.parametrize("caller", ABROAD)
    async def test_a_stream_without_end_is_given_up(
        self, api: Api, caller: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(translating, "LARGEST_STREAM", 50_000)

        async def behave(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            while True:
                await wire.chunk(sse.frame(BEGUN))

        async with far_end(behave) as far:
            await provide(api, far, "openai_chat")
            got = await ask(api, caller, stream=True)
        assert b"The answer was given up" in got.content
        assert ENDS[caller].encode() not in got.content

    @pytest.mark.parametrize("caller", ABROAD)
    @pytest.mark.parametrize("stream", [True, False])
    async def test_a_provider_that_said_everything_is_not_waited_for(
        self, api: Api, caller: str, stream: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(replies, "FAREWELL_SECONDS", 0.05)

        async def behave(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            for frame in chat_frames(["It is", " sunny"]):
                await wire.chunk(frame)
            await asyncio.sleep(60)

        async with far_end(behave) as far:
            await provide(api, far, "openai_chat")
            got = await asyncio.wait_for(ask(api, caller, stream=stream), 15)
        assert got.status_code == 200
        assert (ENDS[caller] in got.text) if stream else (text_of(caller, got.json()) == "It is sunny")
        [row] = await api.rows()
        assert (row.status, row.error, row.tokens_out) == (200, None, 7)

    @pytest.mark.parametrize("caller", NAMES)
    async def test_an_answer_that_is_complete_survives_a_broken_connection(self, api: Api, caller: str) -> None:
        async def behave(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            for frame in chat_frames(["It is", " sunny"])[:-1]:  # the last one is the mark of the end
                await wire.chunk(frame)
            wire.hang_up()

        async with far_end(behave) as far:
            await provide(api, far, "openai_chat")
            got = await ask(api, caller, stream=True)
        assert "sunny" in got.text
        assert "stream_broken" not in got.text.lower()
        [row] = await api.rows()
        assert (row.status, row.error) == (200, None)

    async def test_ten_thousand_choices_fold_at_once(self) -> None:
        events = [
            event
            for choice in range(10_000)
            for event in (
                PartStarted(choice, Text("a"), choice),
                PartEnded(choice),
                Finished(Finish.STOP, None, None, choice),
            )
        ]
        reply = await asyncio.wait_for(asyncio.to_thread(collect, [*events, Ended()]), 20)
        assert len(reply.choices) == 10_000


class TestWhatIsNoAnswer:
    @pytest.mark.parametrize("caller", NAMES)
    async def test_a_web_page_is_an_error_with_a_status(self, api: Api, caller: str) -> None:
        async with far_end(answers(200, b"<html>Log in</html>", content_type="text/html")) as far:
            await provide(api, far, "openai_chat")
            got = await ask(api, caller, stream=True)
        assert got.status_code == 502
        assert b"Log in" not in got.content

    @pytest.mark.parametrize("body", [DEEP, b"[" * 100_000, b"\xff\xfe", b"5", b"null", b'"x"', b"[]", b""])
    @pytest.mark.parametrize("caller", ABROAD)
    async def test_nonsense_is_a_bad_reply(self, api: Api, caller: str, body: bytes) -> None:
        async with far_end(answers(200, body)) as far:
            await provide(api, far, "openai_chat")
            got = await ask(api, caller)
        assert got.status_code == 502
        assert "UPSTREAM_BAD_RESPONSE" in got.text or "api_error" in got.text or "upstream_bad_response" in got.text

    async def test_an_element_that_nests_without_end_is_left_out_of_the_array(self, api: Api) -> None:
        async with (
            far_end(says(sse.frame(DEEP), *FRAMES["gemini"](["It is", " sunny"]))) as far,
            api.client() as client,
        ):
            await provide(api, far, "gemini")
            got = await client.post("/v1beta/models/far:m:streamGenerateContent", json=asks("gemini"))
        assert got.status_code == 200
        assert [part["text"] for one in got.json() for part in one["candidates"][0]["content"]["parts"]][:1] == [
            "It is"
        ]

    @pytest.mark.parametrize(
        "forged",
        [DEEP, b"{}", b"[]", b"\xff", b'{"minted":"gemini","value":"\\ud800"}', b'{"minted":1,"value":"x"}', b""],
    )
    def test_a_forged_seal_is_a_text_like_any_other(self, forged: bytes) -> None:
        text = sealing.MARK + base64.urlsafe_b64encode(forged).decode()
        assert sealing.unwrap(text, "anthropic") == Seal("anthropic", text)


class TestWhatIsKept:
    def test_thoughts_without_measure_are_not_remembered_and_drive_nothing_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remembering, "MOST_BYTES", 10_000)
        memory = Memory()
        memory.keep("far", "small", Kept((Reasoning("x"),)))
        memory.keep("far", "large", Kept((Reasoning("x" * 20_000),)))
        assert memory.recall("far", "small")
        assert memory.recall("far", "large") is None

    def test_a_call_whose_id_is_a_book_is_not_remembered(self) -> None:
        memory = Memory()
        call = ToolCall("c" * 1_000_000, "f", "{}", Seal("gemini", "s"))
        Hearing(memory, FAR).hear([PartStarted(0, call), PartEnded(0)])
        assert len(memory) == 0

    def test_conversations_whose_calls_have_the_same_ids_keep_their_own_thoughts(self) -> None:
        memory = Memory()
        for city in ("Oslo", "Rome"):
            heard: list[Said] = [Reasoning(f"of {city}"), ToolCall("functions.f:0", "f", f'{{"city": "{city}"}}')]
            events = [event for i, part in enumerate(heard) for event in (PartStarted(i, part), PartEnded(i))]
            Hearing(memory, FAR).hear(events)
        kept = memory.recall(FAR.mark, name_of(ToolCall("functions.f:0", "f", '{"city":"Oslo"}')))
        assert kept
        assert kept.thoughts == (Reasoning("of Oslo"),)

    @pytest.mark.parametrize(
        ("once", "again"),
        [('{"a": 1, "b": [2.0]}', '{"b":[2],"a":1}'), ("", "{}"), ('"\\u00e9"', '"é"'), ("no JSON", "no JSON")],
    )
    def test_arguments_are_the_same_however_they_are_written(self, once: str, again: str) -> None:
        assert name_of(ToolCall("1", "f", once)) == name_of(ToolCall("1", "g", again))

    def test_a_provider_at_another_address_is_another_one(self) -> None:
        there = Provider(id="far", name="Far", dialects=("openai_chat",), base_url="https://far.example/v1")
        moved = Provider(id="far", name="Far", dialects=("openai_chat",), base_url="https://near.example/v1")
        renamed = Provider(id="far", name="Other", dialects=("openai_chat",), base_url="https://far.example/v2")
        assert there.mark != moved.mark
        assert there.mark == renamed.mark

    def test_a_receipt_of_tiny_blocks_takes_few_objects(self) -> None:
        pane = Pane()
        for _ in range(100_000):
            pane.add(b"ab")
        assert len(pane._blocks) <= 2048
        assert (pane.text(), pane.size) == ("ab" * 100_000, 200_000)

    def test_a_response_with_a_million_empty_items_is_as_large_as_it_is(self) -> None:
        from msgspec import Raw

        items = tuple(Raw(b"{}") for _ in range(1_000_000))
        kept = Responses()
        kept.keep(StoredResponse("a", identity("k"), Raw(b"{}"), items, (), None, kept.now))
        assert len(kept) == 0


FAR = Provider(
    id="far",
    name="Far",
    dialects=("openai_chat",),
    base_url="https://far.example/v1",
    quirks=Quirks(reasoning_field="reasoning_content"),
)


class TestSecretsAndNames:
    async def test_the_names_of_fields_are_bounded_wherever_they_are_told(self, api: Api) -> None:
        strange: dict[str, Any] = {f"field {number}\r\nx-evil: 1": 1 for number in range(10_000)}
        long_name: dict[str, Any] = {"x" * 100_000: 1}
        async with far_end(says(*FRAMES["anthropic"](["x"]))) as far:
            await provide(api, far, "anthropic")
            got = await ask(api, "openai_chat", False, **strange)
            long = await ask(api, "openai_chat", False, headers={"x-morello-strict": "1"}, **long_name)
        assert got.status_code == 200
        assert len(got.headers["x-morello-dropped"]) <= 1024
        assert "x-evil" not in got.headers
        assert long.status_code == 400
        assert len(long.content) < 1000
        assert all(len(receipt.dropped) <= 1000 for receipt in api.gateway.receipts.latest())

    @pytest.mark.parametrize("caller", ABROAD)
    @pytest.mark.parametrize("stream", [True, False])
    async def test_a_provider_that_fails_with_its_key_does_not_tell_it(
        self, api: Api, caller: str, stream: bool
    ) -> None:
        key = "gsk_qwertyuiopasdfghjkl"
        error = {"error": {"message": f"Wrong key {key}", "code": key * 10, "type": key}}
        async with far_end(says(sse.frame(BEGUN), sse.frame(json.dumps(error).encode()))) as far:
            await api.gateway.providers.add("far", "openai_chat", far.url + "/v1", key)
            got = await ask(api, caller, stream=stream)
        assert b"gsk_" not in got.content
        assert b"Wrong key" in got.content
        [row] = await api.rows()
        assert "gsk_" not in row.error
        assert len(row.error) <= 64

    async def test_a_count_never_shows_a_provider_our_wrapping(self, api: Api) -> None:
        text = sealing.wrap(Seal("gemini", "s", provider="other"), "anthropic")
        thought = {"type": "thinking", "thinking": "hm", "signature": text}
        said = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "b"}]},
        ]
        async with far_end(answers(200, b'{"input_tokens":42}')) as far, api.client() as client:
            await provide(api, far, "anthropic")
            got = await client.post("/v1/messages/count_tokens", json={"model": "far:m", "messages": [*said, said[0]]})
        assert got.json() == {"input_tokens": 42}
        assert sealing.MARK.encode() not in far.last.body

    async def test_a_count_that_fails_has_a_row(self, api: Api) -> None:
        async with (
            far_end(answers(429, b'{"error":{"message":"slow"}}', retry_after="7")) as far,
            api.client() as client,
        ):
            await provide(api, far, "anthropic")
            body = {"model": "far:m", "messages": [{"role": "user", "content": "a"}]}
            got = await client.post("/v1/messages/count_tokens", json=body)
        assert (got.status_code, got.headers["retry-after"]) == (429, "7")
        [row] = await api.rows()
        assert row.status == 429

    @pytest.mark.parametrize("caller", NAMES)
    @pytest.mark.parametrize("stream", [True, False])
    async def test_how_long_to_wait_is_told_in_every_dialect(self, api: Api, caller: str, stream: bool) -> None:
        async with far_end(answers(429, b'{"error":{"message":"slow down"}}', retry_after="7")) as far:
            await provide(api, far, "openai_chat")
            got = await ask(api, caller, stream=stream)
        assert (got.status_code, got.headers["retry-after"]) == (429, "7")
        assert b"slow down" in got.content


class TestSilenceAndLeaving:
    @pytest.mark.parametrize("caller", NAMES)
    async def test_a_silent_provider_is_bridged_by_signs_of_life(
        self, api: Api, caller: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turn, "HEARTBEAT_SECONDS", 0.02)
        far_dialect = "anthropic" if caller == "openai_chat" else "openai_chat"
        first, *rest = FRAMES[far_dialect](["It is", " sunny"])

        async def behave(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            await wire.chunk(first)
            await asyncio.sleep(0.3)
            for frame in rest:
                await wire.chunk(frame)
            await wire.end_stream()

        async with far_end(behave) as far:
            await provide(api, far, far_dialect)
            got = await ask(api, caller, stream=True)
        assert SPOKEN[caller].HEARTBEAT in got.content
        assert ENDS[caller] in got.text

    @pytest.mark.parametrize("caller", ABROAD)
    @pytest.mark.parametrize("stream", [True, False])
    async def test_a_caller_who_hangs_up_ends_the_question_and_has_one_row(
        self, api: Api, caller: str, stream: bool
    ) -> None:
        asked = asyncio.Event()

        async def behave(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            await wire.chunk(sse.frame(BEGUN))
            asked.set()
            await asyncio.sleep(60)

        async with far_end(behave) as far:
            await provide(api, far, "openai_chat")
            asking = asyncio.create_task(ask(api, caller, stream=stream))
            await asyncio.wait_for(asked.wait(), 10)
            asking.cancel()
            await asyncio.wait_for(far.hung_up.wait(), 10)
            while api.listener.calls.open:
                await asyncio.sleep(0.01)
        [row] = await api.rows()
        assert (row.status, row.error) == (499, "caller_gone")

    @pytest.mark.parametrize("caller", ABROAD)
    async def test_concurrent_conversations_never_mix(self, api: Api, caller: str) -> None:
        async def behave(received: Received, wire: Wire) -> None:
            word = received.body.partition(b"secret-")[2][:3].decode()
            await wire.begin_stream()
            for frame in chat_frames([word] * 5):
                await wire.chunk(frame)
                await asyncio.sleep(0)
            await wire.end_stream()

        async def one(number: int) -> str:
            body = json.loads(json.dumps(asks(caller)).replace("Weather?", f"secret-{number}"))
            async with api.client() as client:
                got = await client.post(place(caller, False), json=body)
            return text_of(caller, got.json())

        async with far_end(behave) as far:
            await provide(api, far, "openai_chat")
            got = await asyncio.gather(*map(one, range(100, 130)))
        assert got == [str(number) * 5 for number in range(100, 130)]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/messages/count_tokens"])
async def test_a_key_where_a_models_name_belongs_is_in_no_row_and_no_receipt(api: Api, path: str) -> None:
    asks = {"model": f"far:{api.key}", "messages": [{"role": "user", "content": "Hi"}], "input": "Hi"}
    async with api.client() as client:
        got = await client.post(path, json=asks)
    [row] = await api.rows()
    assert (got.status_code, row.status, row.asked) == (404, 404, "far:[hidden]")
    assert api.key not in str(api.gateway.receipts.latest())

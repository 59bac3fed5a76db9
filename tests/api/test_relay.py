"""The relay over real sockets: what reaches a provider, what comes back, and what happens when something breaks."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from api.dialects import anthropic, openai_chat
from api.relay import turn
from tests.conftest import Api
from tests.fakes import (
    CHAT,
    CHAT_MODELS,
    MESSAGE,
    Received,
    Wire,
    answers,
    chat_frames,
    far_end,
    message_frames,
    says,
)

CHAT_PATH, MESSAGES_PATH = "/v1/chat/completions", "/v1/messages"
DIALECTS = [
    pytest.param(openai_chat.NAME, CHAT_PATH, CHAT, chat_frames, id="openai"),
    pytest.param(anthropic.NAME, MESSAGES_PATH, MESSAGE, message_frames, id="anthropic"),
]


def asks(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}], **more}


async def provide(api: Api, url: str, dialect: str = openai_chat.NAME, key: str | None = "sk-provider-123456") -> None:
    await api.gateway.providers.add("far", dialect, f"{url}/v1", key)


@pytest.mark.parametrize(("dialect", "path", "reply", "frames"), DIALECTS)
class TestBytesPass:
    async def test_only_the_models_name_changes_on_the_way_out(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        body = (
            b'{ "zeta":1,"messages":[{"role":"user","content":"say \\"model\\": \xe2\x80\xa8","model":"x"}],\n'
            b'\t"model" : "far:up/stream:free" ,"unknown":{"model":"far:up"},"max_tokens":5,"a":[1.50,null]}'
        )
        async with far_end(answers(200, reply)) as far, api.client() as client:
            await provide(api, far.url, dialect)
            got = await client.post(path, content=body, headers={"content-type": "application/json"})
            assert got.status_code == 200
            assert far.last.body == body.replace(b'"far:up/stream:free"', b'"up/stream:free"')
            assert far.last.path == path

    async def test_a_reply_arrives_byte_for_byte(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        async with far_end(answers(200, reply)) as far, api.client() as client:
            await provide(api, far.url, dialect)
            got = await client.post(path, json=asks("far:m"))
            assert got.content == reply

    async def test_a_stream_arrives_byte_for_byte(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        sent = [*frames(["Hel", "lo \u2028", "世界"]), b": trailing comment\r\n\r\n"]
        async with far_end(says(*sent)) as far, api.client() as client:
            await provide(api, far.url, dialect)
            got = await client.post(path, json=asks("far:m", stream=True))
            assert got.headers["content-type"] == "text/event-stream"
            assert got.content == b"".join(sent)

    async def test_each_of_50_chunks_reaches_the_caller_within_50_ms_of_being_sent(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        late = await _delays(api, dialect, path, frames)
        if sorted(late)[-1] >= 0.05:  # a machine that stood still once says nothing about us: measured again
            late = await _delays(api, dialect, path, frames)
        assert len(late) == 50
        assert sorted(late)[-1] < 0.05

    async def test_the_call_is_counted(self, api: Api, dialect: str, path: str, reply: bytes, frames: Any) -> None:
        sent = frames(["a", "b"])
        async with far_end(says(*sent)) as far, api.client() as client:
            await provide(api, far.url, dialect)
            streamed = await client.post(path, json=asks("far:m", stream=True))
            far.behaviour = answers(200, reply)
            whole = await client.post(path, json=asks("far:m"))
        first, second = await api.rows()
        assert (first.tokens_in, first.tokens_out, first.streamed) == (11, 7, True)
        assert (second.tokens_in, second.tokens_out, second.streamed) == (11, 7, False)
        assert (first.asked, first.provider, first.served, first.dialect) == ("far:m", "far", "m", dialect)
        assert (first.status, first.error, first.bytes_out) == (200, None, sum(map(len, sent)))
        assert 0 < first.first_token_ms <= first.total_ms
        assert first.request_id == streamed.headers["x-request-id"] != whole.headers["x-request-id"]

    async def test_the_caller_hanging_up_before_the_first_byte_is_heard_at_the_far_end(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        for stream in (True, False):
            async with far_end(lambda _r, _w: asyncio.sleep(30)) as far, api.client() as client:
                await api.gateway.providers.add(f"far{stream}".lower(), dialect, f"{far.url}/v1", None)
                asking = asyncio.create_task(client.post(path, json=asks(f"far{stream}:m".lower(), stream=stream)))
                while not far.received:
                    await asyncio.sleep(0.01)
                asking.cancel()
                async with asyncio.timeout(1):
                    await far.hung_up.wait()
                await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert [row.error for row in await api.rows()] == ["caller_gone", "caller_gone"]

    async def test_the_caller_hanging_up_in_mid_stream_is_heard_at_the_far_end(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        async with far_end(says(*frames(["x"] * 500), pause=0.05)) as far, api.client() as client:
            await provide(api, far.url, dialect)
            async with client.stream("POST", path, json=asks("far:m", stream=True)) as got:
                await anext(got.aiter_raw())
            async with asyncio.timeout(1):
                await far.hung_up.wait()

    async def test_a_stream_that_breaks_ends_with_an_error_and_without_a_success_marker(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        async def breaks(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            for frame in frames(["Hel", "lo"])[:3]:
                await wire.chunk(frame)
            wire.hang_up()

        async with far_end(breaks) as far, api.client() as client:
            await provide(api, far.url, dialect)
            got = await client.post(path, json=asks("far:m", stream=True))
        assert "The answer is cut" in got.text.rstrip().splitlines()[-1]
        assert "[DONE]" not in got.text
        assert "message_stop" not in got.text
        assert [row.error for row in await api.rows()] == ["stream_broken"]

    async def test_a_stream_that_ends_before_it_is_complete_is_an_error_too(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        async with far_end(says(*frames(["Hel", "lo"])[:3])) as far, api.client() as client:
            await provide(api, far.url, dialect)
            got = await client.post(path, json=asks("far:m", stream=True))
        assert "before it was complete" in got.text.rstrip().splitlines()[-1]

    async def test_a_quiet_stream_is_kept_alive_between_frames_only(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turn, "HEARTBEAT_SECONDS", 0.1)
        sent = frames(["Hello"])
        half = len(sent[1]) // 2

        async def pauses(_received: Received, wire: Wire) -> None:
            await wire.begin_stream()
            await wire.chunk(sent[0])
            await asyncio.sleep(0.35)
            await wire.chunk(sent[1][:half])
            await asyncio.sleep(0.35)
            await wire.chunk(sent[1][half:] + b"".join(sent[2:]))
            await wire.end_stream()

        async with far_end(pauses) as far, api.client() as client:
            await provide(api, far.url, dialect)
            got = await client.post(path, json=asks("far:m", stream=True))
        beat = openai_chat.HEARTBEAT if dialect == openai_chat.NAME else anthropic.HEARTBEAT
        assert 2 <= got.content.count(beat) <= 4
        assert got.content.replace(beat, b"") == b"".join(sent)

    async def test_no_heartbeat_comes_before_the_provider_said_yes(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turn, "HEARTBEAT_SECONDS", 0.05)

        async def refuses_late(_received: Received, wire: Wire) -> None:
            await asyncio.sleep(0.3)
            await wire.reply(429, b'{"error":{"message":"slow down","type":"rate_limit_error"}}')

        async with far_end(refuses_late) as far, api.client() as client:
            await provide(api, far.url, dialect)
            got = await client.post(path, json=asks("far:m", stream=True))
        assert got.status_code == 429

    async def test_a_model_that_is_not_listed_goes_through(
        self, api: Api, dialect: str, path: str, reply: bytes, frames: Any
    ) -> None:
        async with far_end(answers(200, reply)) as far, api.client() as client:
            await provide(api, far.url, dialect)
            for name in ("far:new", "far::new", "far/new"):
                await client.post(path, json=asks(name))
                assert json.loads(far.last.body)["model"] == "new"


async def _delays(api: Api, dialect: str, path: str, frames: Any) -> list[float]:
    """How long after being sent each of 50 chunks reached the caller."""
    stamps: list[float] = []

    async def ticks(_received: Received, wire: Wire) -> None:
        await wire.begin_stream()
        for frame in frames(["x"] * 50)[1:51]:
            stamps.append(time.monotonic())
            await wire.chunk(frame)
            await asyncio.sleep(0.1)
        await wire.chunk(frames([])[-1])
        await wire.end_stream()

    provider = f"far{len(api.gateway.providers.all())}"
    arrivals: list[float] = []
    async with far_end(ticks) as far, api.client() as client:
        await api.gateway.providers.add(provider, dialect, f"{far.url}/v1", None)
        async with client.stream("POST", path, json=asks(f"{provider}:m", stream=True)) as got:
            async for _ in got.aiter_raw():
                arrivals.append(time.monotonic())
    return [came - sent for sent, came in zip(stamps, arrivals, strict=False)]


class TestWhatGoesOut:
    async def test_headers_are_built_not_copied(self, api: Api) -> None:
        strange = {
            "cookie": "a=b",
            "x-forwarded-for": "1.2.3.4",
            "origin": "http://evil.example",
            "x-api-key": api.key,
            "openai-beta": "assistants=v2",
            "x-base-url": "http://127.0.0.1:1",
        }
        async with far_end() as far, api.client(**strange) as client:
            await provide(api, far.url)
            await client.post(CHAT_PATH, json=asks("far:m"))
            assert far.last.headers["authorization"] == "Bearer sk-provider-123456"
            assert far.last.headers["openai-beta"] == "assistants=v2"
            assert far.last.headers["user-agent"].startswith("morello/")
            assert not {"cookie", "x-forwarded-for", "origin", "x-api-key", "x-base-url"} & set(far.last.headers)
            assert api.key not in str(far.last)

    async def test_anthropic_gets_its_own_key_header_and_the_callers_version(self, api: Api) -> None:
        async with far_end(answers(200, MESSAGE)) as far, api.client() as client:
            await provide(api, far.url, anthropic.NAME)
            await client.post(MESSAGES_PATH, json=asks("far:m"))
            assert far.last.headers["anthropic-version"] == anthropic.DEFAULT_VERSION
            sent = {"anthropic-version": "2026-10-21", "anthropic-beta": "a-1,b-2"}
            await client.post(f"{MESSAGES_PATH}?beta=true", json=asks("far:m"), headers=sent)
            assert sent.items() <= far.last.headers.items()
            assert far.last.headers["x-api-key"] == "sk-provider-123456"
            assert "authorization" not in far.last.headers

    async def test_a_provider_in_the_path_takes_a_bare_model(self, api: Api) -> None:
        async with far_end(answers(200, MESSAGE)) as far, api.client() as client:
            await provide(api, far.url, anthropic.NAME)
            got = await client.post("/far/v1/messages", json=asks("claude-x"))
            assert got.status_code == 200
            assert json.loads(far.last.body)["model"] == "claude-x"

    async def test_an_unknown_provider_in_the_path_is_a_404_in_anthropics_shape(self, api: Api) -> None:
        async with api.client() as client:
            got = await client.post("/nobody/v1/messages", json=asks("claude-x"))
        assert got.status_code == 404
        assert got.json()["error"]["type"] == "not_found_error"

    async def test_count_tokens_is_the_providers_own(self, api: Api) -> None:
        async with far_end(answers(200, b'{"input_tokens": 1234}')) as far, api.client() as client:
            await provide(api, far.url, anthropic.NAME)
            got = await client.post("/v1/messages/count_tokens", json=asks("far:m"))
            assert got.json() == {"input_tokens": 1234}
            assert far.last.path == "/v1/messages/count_tokens"
            assert json.loads(far.last.body)["model"] == "m"

    async def test_addresses_in_the_body_choose_no_destination(self, api: Api) -> None:
        async with far_end() as far, far_end() as canary, api.client() as client:
            await provide(api, far.url)
            lures = {
                "api_base": canary.url,
                "base_url": canary.url,
                "extra_headers": {"host": "evil"},
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": f"{canary.url}/x.png"}}],
                    }
                ],
            }
            got = await client.post(CHAT_PATH, json=asks("far:m", **lures), headers={"X-Base-Url": canary.url})
            assert got.status_code == 200
            assert (len(far.received), canary.connections) == (1, 0)


class TestProvidersErrors:
    @pytest.mark.parametrize(
        ("status", "told"),
        [(400, 400), (404, 404), (422, 422), (500, 502), (503, 503), (529, 503), (401, 502)],
    )
    async def test_a_status_arrives_as_what_it_means_for_the_caller(self, api: Api, status: int, told: int) -> None:
        body = json.dumps({"error": {"message": "its own words", "type": "a_type", "code": "a_code"}}).encode()
        async with far_end(answers(status, body)) as far, api.client() as client:
            await provide(api, far.url)
            got = await client.post(CHAT_PATH, json=asks("far:m"))
        assert got.status_code == told
        assert "its own words" in got.json()["error"]["message"]
        assert got.headers["x-morello-error-source"] == "provider"
        if status not in (401, 403):
            assert (got.json()["error"]["type"], got.json()["error"]["code"]) == ("a_type", "a_code")

    async def test_a_429_keeps_its_retry_after(self, api: Api) -> None:
        async with (
            far_end(answers(429, b'{"error":{"message":"slow"}}', retry_after="7")) as far,
            api.client() as client,
        ):
            await provide(api, far.url)
            got = await client.post(CHAT_PATH, json=asks("far:m"))
        assert (got.status_code, got.headers["retry-after"]) == (429, "7")

    async def test_a_secret_in_the_providers_words_is_struck_out(self, api: Api) -> None:
        words = f"bad key sk-provider-123456 from {api.key} at https://x/?key=AIzaSyA1234"
        async with (
            far_end(answers(400, json.dumps({"error": {"message": words}}).encode())) as far,
            api.client() as client,
        ):
            await provide(api, far.url)
            got = await client.post(CHAT_PATH, json=asks("far:m"))
        assert "[hidden]" in got.text
        assert "sk-provider" not in got.text
        assert "AIza" not in got.text
        assert api.key not in got.text

    async def test_a_web_page_is_told_as_one(self, api: Api) -> None:
        async with (
            far_end(answers(404, b"<html>nope</html>", content_type="text/html")) as far,
            api.client() as client,
        ):
            await provide(api, far.url)
            refused = await client.post(CHAT_PATH, json=asks("far:m"))
            far.behaviour = answers(200, b"<html>hi</html>", content_type="text/html")
            page = await client.post(CHAT_PATH, json=asks("far:m"))
        assert "web page" in refused.json()["error"]["message"]
        assert (page.status_code, page.json()["error"]["code"]) == (502, "upstream_bad_response")

    async def test_a_redirect_is_not_followed(self, api: Api) -> None:
        async with far_end() as canary:
            async with (
                far_end(answers(307, b"", location=f"{canary.url}/v1/x")) as far,
                api.client() as client,
            ):
                await provide(api, far.url)
                got = await client.post(CHAT_PATH, json=asks("far:m"))
            assert (got.status_code, canary.connections) == (502, 0)
            assert "redirects to 127.0.0.1" in got.json()["error"]["message"]

    async def test_nobody_there_is_a_502_that_says_so(self, api: Api) -> None:
        async with far_end() as far:
            await provide(api, far.url)
        async with api.client() as client:
            got = await client.post(CHAT_PATH, json=asks("far:m"))
        assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert "cannot be reached" in got.json()["error"]["message"]

    async def test_a_provider_that_never_answers_is_a_504_that_says_how_long_it_was_waited_for(self, api: Api) -> None:
        await api.gateway.limits.change("far", "chat", {"first_byte": 1.0})
        async with far_end(lambda _r, _w: asyncio.sleep(30)) as far, api.client() as client:
            await provide(api, far.url)
            got = await client.post(CHAT_PATH, json=asks("far:m"))
        assert (got.status_code, got.json()["error"]["code"]) == (504, "upstream_timeout")
        assert "did not answer within 1 s" in got.json()["error"]["message"]

    async def test_a_provider_that_compresses_unasked_is_refused(self, api: Api) -> None:
        async with far_end(answers(200, b"\x1f\x8b", content_encoding="gzip")) as far, api.client() as client:
            await provide(api, far.url)
            got = await client.post(CHAT_PATH, json=asks("far:m"))
        assert got.status_code == 502

    async def test_only_harmless_headers_come_back(self, api: Api) -> None:
        told = {
            "set_cookie": "a=b",
            "x_ratelimit_remaining_tokens": "5",
            "access_control_allow_origin": "*",
            "server": "far",
        }
        async with far_end(answers(200, CHAT, **told)) as far, api.client() as client:
            await provide(api, far.url)
            got = await client.post(CHAT_PATH, json=asks("far:m"))
        assert got.headers["x-ratelimit-remaining-tokens"] == "5"
        assert not {"set-cookie", "access-control-allow-origin", "server", "alt-svc"} & set(got.headers)


class TestModels:
    async def test_a_list_is_fetched_when_first_needed_and_bare_names_then_work(self, api: Api) -> None:
        def behave(received: Received, wire: Wire) -> Any:
            return wire.reply(200, CHAT_MODELS if received.path == "/v1/models" else CHAT)

        async with far_end(behave) as far, api.client() as client:
            await provide(api, far.url)
            assert not far.received
            got = await client.post(CHAT_PATH, json=asks("gpt-test"))
            assert got.status_code == 200
            assert [request.path for request in far.received] == ["/v1/models", CHAT_PATH]
            listed = (await client.get("/v1/models")).json()["data"]
            one = (await client.get("/v1/models/far:gpt-test")).json()
        assert listed[0]["id"] == "far:gpt-test"
        assert listed[0] == one
        assert one["created"] == 1700000000

    async def test_the_list_waits_for_a_silent_provider_only_so_long(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from api.providers import catalog

        monkeypatch.setattr(catalog, "WAIT_SECONDS", 0.2)
        async with far_end(lambda _r, _w: asyncio.sleep(30)) as far, api.client() as client:
            await provide(api, far.url)
            got = await client.get("/v1/models")
        assert got.status_code == 200
        assert "morello:echo" in got.text

    async def test_paging_and_filter(self, api: Api) -> None:
        async with api.client() as client:
            every = (await client.get("/v1/models")).json()
            page = (await client.get("/v1/models?offset=1&limit=2")).json()
            wrong = await client.get("/v1/models?limit=x")
            typed = (await client.get("/v1/models?providerType=anthropic")).json()
        assert every["total"] == len(every["data"])
        assert page["data"] == every["data"][1:3]
        assert (wrong.status_code, wrong.json()["error"]["type"]) == (400, "invalid_request_error")
        assert typed["data"] == every["data"]

    async def test_created_is_stable(self, api: Api) -> None:
        async with api.client() as client:
            first = await client.get("/v1/models")
            await asyncio.sleep(1.1)
            assert (await client.get("/v1/models")).text == first.text

    async def test_anthropics_list_pages_both_ways(self, api: Api) -> None:
        async with api.client(**{"anthropic-version": "2023-06-01"}) as client:
            every = (await client.get("/v1/models")).json()
            ids = [model["id"] for model in every["data"]]
            after = (await client.get("/v1/models", params={"after_id": ids[0], "limit": 1})).json()
            before = (await client.get("/v1/models", params={"before_id": ids[2], "limit": 1})).json()
            one = (await client.get(f"/v1/models/{ids[0]}")).json()
        assert set(every) == {"data", "has_more", "first_id", "last_id"}
        assert (every["has_more"], every["first_id"], every["last_id"]) == (False, ids[0], ids[-1])
        assert ([model["id"] for model in after["data"]], after["has_more"]) == ([ids[1]], True)
        assert ([model["id"] for model in before["data"]], before["has_more"]) == ([ids[1]], True)
        assert one == every["data"][0]


class TestTestModels:
    async def test_slow_sends_a_word_every_200_ms(self, api: Api) -> None:
        async with api.client() as client:
            began = time.monotonic()
            got = await client.post(
                CHAT_PATH,
                json=asks("morello:slow", stream=True, messages=[{"role": "user", "content": "a b c"}]),
            )
        assert time.monotonic() - began >= 0.4
        assert got.text.count('"content"') == 4

    @pytest.mark.parametrize("path", [CHAT_PATH, MESSAGES_PATH])
    async def test_an_error_model_fails_as_told(self, api: Api, path: str) -> None:
        async def fail(words: str, **more: Any) -> httpx.Response:
            messages = [{"role": "user", "content": words}]
            return await client.post(path, json=asks("morello:error", messages=messages, **more))

        async with api.client() as client:
            limited, failed = await fail("429 retry-after 7"), await fail("500", stream=True)
            cut, whole = await fail("cut", stream=True), await fail("cut")
            unclear = await fail("please")
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
        assert failed.status_code == 500
        assert (cut.status_code, whole.status_code) == (200, 502)
        assert "[DONE]" not in cut.text
        assert "message_stop" not in cut.text
        assert unclear.status_code == 400

    async def test_a_crash_of_ours_is_a_500_in_words_and_a_line_in_the_log(
        self, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("api.providers.testing.answer", lambda *_: 1 / 0)
        async with api.client() as client:
            got = await client.post(CHAT_PATH, json=asks("morello:echo"))
        assert got.status_code == 500
        assert "ZeroDivisionError" in caplog.text
        assert "division" not in got.text


class TestBackPressure:
    async def test_a_caller_who_stops_reading_stops_the_provider_too(self, api: Api) -> None:
        sent = 0

        async def floods(_received: Received, wire: Wire) -> None:
            nonlocal sent
            await wire.begin_stream()
            frame = chat_frames(["x" * 65536])[1]
            for _ in range(2000):
                await wire.chunk(frame)
                sent += len(frame)

        async with far_end(floods) as far:
            await provide(api, far.url)
            body = json.dumps(asks("far:m", stream=True))
            reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port, limit=4096)
            head = (
                f"POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {api.key}\r\ncontent-length: {len(body)}"
            )
            writer.write(f"{head}\r\n\r\n{body}".encode())
            await reader.readuntil(b"\r\n\r\n")
            before = -1
            while sent != before:  # until nobody moves any more
                before = sent
                await asyncio.sleep(0.3)
            # What the two kernels' socket buffers hold is not ours; 130 MB would be.
            assert sent < 30_000_000
            writer.close()
            async with asyncio.timeout(1):
                await far.hung_up.wait()

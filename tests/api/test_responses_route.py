"""The Responses routes: answers that are kept, gone back to, gone on from and forgotten."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Api
from tests.fakes import CHAT, FRAMES, WHOLE, answers, far_end, says

ECHO = {"model": "morello:echo", "input": "Hello there"}


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


async def last_response(client: httpx.AsyncClient, stream: bool, **asked: Any) -> dict[str, Any]:
    """The response object that a request ends with."""
    got = await client.post("/v1/responses", json={**ECHO, **asked, "stream": stream})
    assert got.status_code == 200, got.text
    response: dict[str, Any] = events(got.text)[-1]["response"] if stream else got.json()
    return response


def said(item: dict[str, Any]) -> str:
    content = item["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_response_is_kept_as_its_caller_got_it(api: Api, stream: bool) -> None:
    async with api.client() as client:
        response = await last_response(client, stream)
        kept = await client.get(f"/v1/responses/{response['id']}")
    assert kept.json() == response
    assert kept.headers["x-request-id"]


@pytest.mark.parametrize("stream", [False, True])
async def test_store_false_keeps_nothing(api: Api, stream: bool) -> None:
    async with api.client() as client:
        response = await last_response(client, stream, store=False)
        assert (await client.get(f"/v1/responses/{response['id']}")).status_code == 404


async def test_a_deleted_response_is_gone(api: Api) -> None:
    async with api.client() as client:
        id = (await last_response(client, False))["id"]
        deleted = await client.delete(f"/v1/responses/{id}")
        assert deleted.json() == {"id": id, "object": "response", "deleted": True}
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/input_items"), ("POST", "/cancel")):
            gone = await client.request(method, f"/v1/responses/{id}{path}")
            assert gone.status_code == 404
            assert gone.json()["error"]["code"] == "response_not_found"


async def test_a_new_key_does_not_see_what_the_old_one_asked(api: Api) -> None:
    async with api.client() as client:
        id = (await last_response(client, False))["id"]
    await api.gateway.keys.regenerate()
    async with api.client() as client:
        assert (await client.get(f"/v1/responses/{id}")).status_code == 404
        got = await client.post("/v1/responses", json={**ECHO, "previous_response_id": id})
    assert got.status_code == 404


async def test_cancelling_and_streaming_again_are_refused_in_words(api: Api) -> None:
    async with api.client() as client:
        id = (await last_response(client, False))["id"]
        cancelled = await client.post(f"/v1/responses/{id}/cancel")
        streamed = await client.get(f"/v1/responses/{id}?stream=true")
    assert (cancelled.status_code, streamed.status_code) == (400, 400)
    assert "background" in cancelled.json()["error"]["message"]


async def test_input_items_are_listed_in_pages(api: Api) -> None:
    items = [{"role": "user", "content": f"Message {number}"} for number in range(5)]
    async with api.client() as client:
        id = (await last_response(client, False, input=items))["id"]
        path = f"/v1/responses/{id}/input_items"
        first = (await client.get(path, params={"order": "asc", "limit": 2})).json()
        after = {"order": "asc", "limit": 3, "after": first["last_id"]}
        rest = (await client.get(path, params=after)).json()
        newest = (await client.get(path)).json()
        for wrong in ({"order": "up"}, {"limit": 0}, {"limit": 101}, {"limit": "x"}, {"after": "msg_none"}):
            assert (await client.get(path, params=wrong)).status_code == 400
    assert (first["object"], first["has_more"], rest["has_more"]) == ("list", True, False)
    assert [said(item) for item in first["data"] + rest["data"]] == [said(item) for item in items]
    assert [said(item) for item in newest["data"]] == [said(item) for item in reversed(items)]
    assert (first["first_id"], first["last_id"]) == (first["data"][0]["id"], first["data"][-1]["id"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "gemini"])
async def test_a_follow_up_carries_the_whole_conversation_to_any_provider(api: Api, stream: bool, dialect: str) -> None:
    async with far_end(says(*FRAMES[dialect](["Nice ", "to meet you"]))) as far, api.client() as client:
        await api.gateway.providers.add("far", dialect, f"{far.url}/v1", None)
        first = await last_response(client, stream, model="far:m", input="I am Alice", instructions="Be brief")
        asked = {"model": "far:m", "input": "Who am I?", "previous_response_id": first["id"]}
        second = await last_response(client, stream, **asked)
        body = far.last.body.decode()
        third = await last_response(client, stream, **{**asked, "previous_response_id": second["id"]})
    for text in ("I am Alice", "Nice to meet you", "Who am I?"):
        assert text in body
    assert "Be brief" not in body
    assert (first["previous_response_id"], second["previous_response_id"]) == (None, first["id"])
    assert third["previous_response_id"] == second["id"]
    assert second["instructions"] is None


async def test_every_event_with_a_response_names_the_previous_one(api: Api) -> None:
    async with api.client() as client:
        id = (await last_response(client, False))["id"]
        got = await client.post("/v1/responses", json={**ECHO, "previous_response_id": id, "stream": True})
        kept = (await client.get(f"/v1/responses/{events(got.text)[-1]['response']['id']}")).json()
    told = events(got.text)
    assert {event["response"]["previous_response_id"] for event in told if "response" in event} == {id}
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert kept["previous_response_id"] == id


async def test_the_input_items_of_a_follow_up_are_the_whole_conversation(api: Api) -> None:
    async with api.client() as client:
        id = (await last_response(client, False, input="One"))["id"]
        id = (await last_response(client, False, input="Two", previous_response_id=id))["id"]
        items = (await client.get(f"/v1/responses/{id}/input_items?order=asc")).json()["data"]
    assert [(item["role"], said(item)) for item in items] == [("user", "One"), ("assistant", "One"), ("user", "Two")]


@pytest.mark.parametrize("model", ["morello:echo", "chat:m"])
async def test_an_unknown_previous_response_is_a_404(api: Api, model: str) -> None:
    async with far_end(answers(200, CHAT)) as far, api.client() as client:
        await api.gateway.providers.add("chat", "openai_chat", far.url, None)
        got = await client.post("/v1/responses", json={**ECHO, "model": model, "previous_response_id": "resp_none"})
    error = got.json()["error"]
    assert (got.status_code, error["code"]) == (404, "previous_response_not_found")
    assert error["param"] == "previous_response_id"
    assert not far.received


async def test_a_provider_of_the_same_dialect_is_asked_for_what_only_it_knows(api: Api) -> None:
    async with far_end(answers(200, WHOLE["openai_responses"])) as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_responses", f"{far.url}/v1", None)
        await last_response(client, False, model="far:m", previous_response_id="resp_theirs")
    assert json.loads(far.last.body)["previous_response_id"] == "resp_theirs"


async def test_a_provider_that_keeps_its_responses_is_asked_as_the_caller_asked(api: Api) -> None:
    kept = json.dumps({**json.loads(WHOLE["openai_responses"]), "store": True}).encode()
    async with far_end(answers(200, kept)) as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_responses", f"{far.url}/v1", None)
        first = await last_response(client, False, model="far:m")
        await last_response(client, False, model="far:m", input="More", previous_response_id=first["id"])
        assert json.loads(far.last.body) == {
            "model": "m",
            "input": "More",
            "previous_response_id": first["id"],
            "stream": False,
        }


async def test_a_provider_that_does_not_say_it_keeps_them_gets_the_conversation(api: Api) -> None:
    forgets = json.dumps({**json.loads(WHOLE["openai_responses"]), "store": False}).encode()
    async with far_end(answers(200, forgets)) as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_responses", f"{far.url}/v1", None)
        first = await last_response(client, False, model="far:m")
        second = await last_response(client, False, model="far:m", input="More", previous_response_id=first["id"])
    sent = json.loads(far.last.body)
    assert "previous_response_id" not in sent
    assert [item["role"] for item in sent["input"]] == ["user", "assistant", "user"]
    assert second["previous_response_id"] == first["id"]


async def test_bytes_that_pass_are_not_touched_by_keeping_them(api: Api) -> None:
    frames = FRAMES["openai_responses"](["Hello", " there"])
    async with far_end(says(*frames)) as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_responses", f"{far.url}/v1", None)
        got = await client.post("/v1/responses", json={**ECHO, "model": "far:m", "stream": True})
        last = events(got.text)[-1]["response"]
        kept = await client.get(f"/v1/responses/{last['id']}")
    assert got.content == b"".join(frames)
    assert kept.json() == last


async def test_a_response_that_broke_off_is_not_kept(api: Api) -> None:
    ask = {"model": "morello:error", "input": "cut", "stream": True}
    async with api.client() as client:
        got = await client.post("/v1/responses", json=ask)
        last = events(got.text)[-1]
        id = next(event["response"]["id"] for event in events(got.text) if "response" in event)
        assert (await client.get(f"/v1/responses/{id}")).status_code == 404
    assert last["type"] in ("response.failed", "error")


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": 5},
        {"input": None},
        {"input": []},
        {"model": None},
        {"store": "yes"},
        {"input": [5]},
        {"previous_response_id": 5},
        {"stream": "yes"},
        {"model": ""},
    ],
)
async def test_a_wrong_field_is_a_400_in_the_callers_dialect(api: Api, wrong: dict[str, Any]) -> None:
    async with api.client() as client:
        got = await client.post("/v1/responses", json={**ECHO, **wrong})
    assert got.status_code == 400
    assert set(got.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("body", [b'{"id":"r","output":[', b'{"id":"\xff"}', b'{"id":5}', b"{}"])
async def test_a_reply_that_cannot_be_kept_goes_out_as_it_came(api: Api, body: bytes) -> None:
    async with far_end(answers(200, body)) as far, api.client() as client:
        await api.gateway.providers.add("far", "openai_responses", f"{far.url}/v1", None)
        id = (await last_response(client, False))["id"]
        asked = {"model": "far:m", "input": "Hi"}
        plain = await client.post("/v1/responses", json=asked)
        following = await client.post("/v1/responses", json={**asked, "previous_response_id": id})
    assert plain.content == body
    assert following.status_code == 200

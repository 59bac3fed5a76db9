"""Moderations: texts and pictures judged by the provider that can, named or found."""

import json
from typing import Any

import httpx2
import openai
import pytest

from tests.conftest import Api
from tests.fakes import FarEnd, answers, far_end

KINDS = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm"),
    *("self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic"),
)
FOUND: dict[str, Any] = {
    "flagged": True,
    "categories": {kind: kind == "violence" for kind in KINDS},
    "category_scores": {kind: 0.9 if kind == "violence" else 0.01 for kind in KINDS},
    "category_applied_input_types": {kind: ["text"] for kind in KINDS},
}
JUDGED = json.dumps({"id": "modr-1", "model": "omni-moderation-latest", "results": [FOUND]}, indent=1).encode()
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
INPUTS: list[Any] = ["I will find you.", ["one", "two"], [{"type": "text", "text": "look"}, PICTURE]]


# Nothing here speaks TLS; loading the world's certificates takes longer than most tests.
def sdk(api: Api, **headers: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=api.key,
        base_url=f"{api.url}/v1",
        max_retries=0,
        http_client=httpx2.AsyncClient(verify=False, timeout=20),
        default_headers=headers,
    )


async def provide(api: Api, far: FarEnd, name: str = "far", dialect: str = "openai_chat") -> None:
    await api.gateway.providers.add(name, dialect, f"{far.url}/v1", "sk-far-0123456789")


@pytest.mark.parametrize("said", INPUTS, ids=["text", "texts", "parts"])
async def test_an_input_of_every_kind_arrives_as_it_was_said(api, said):
    async with far_end(answers(200, JUDGED)) as far, sdk(api) as client:
        await provide(api, far)

        judged = await client.moderations.create(model="far:omni-moderation-latest", input=said)

        assert judged.results[0].categories.violence
        assert judged.results[0].category_scores.violence == 0.9
        assert far.last.path == "/v1/moderations"
        assert json.loads(far.last.body) == {"model": "omni-moderation-latest", "input": said}
    [row] = await api.rows()
    assert (row.provider, row.served, row.status) == ("far", "omni-moderation-latest", 200)


async def test_without_a_model_the_only_provider_is_asked(api):
    async with far_end(answers(200, JUDGED)) as far, sdk(api) as client:
        await provide(api, far)
        await provide(api, far, "claude", "anthropic")  # which has none

        judged = await client.moderations.create(input="x")

        assert judged.id == "modr-1"
        assert json.loads(far.last.body) == {"input": "x"}
    [row] = await api.rows()
    assert (row.asked, row.provider, row.served) == (None, "far", None)


async def test_of_several_providers_the_one_that_is_named_is_asked(api):
    async with far_end(answers(200, JUDGED)) as far, far_end() as other:
        await provide(api, other, "one")
        await provide(api, far, "two")

        async with sdk(api) as client:
            with pytest.raises(openai.BadRequestError, match=r"“one” and “two”.*x-morello-provider"):
                await client.moderations.create(input="x")
        async with sdk(api, **{"x-morello-provider": "two"}) as client:
            await client.moderations.create(input="x")

        assert (len(far.received), other.connections) == (1, 0)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("nobody", "There is no provider “nobody”"),
        ("off", "switched off"),
        ("claude", "“claude”"),
        ("morello", "“morello”"),
    ],
)
async def test_a_named_provider_that_cannot_is_told_of(api, named, words):
    async with far_end() as far, sdk(api, **{"x-morello-provider": named}) as client:
        await provide(api, far, "off")
        await provide(api, far, "claude", "anthropic")
        await api.gateway.providers.switch("off", False)

        with pytest.raises(openai.BadRequestError, match=words):
            await client.moderations.create(input="x")

        assert far.connections == 0


async def test_where_nobody_can_it_is_said(api):
    async with sdk(api) as client:
        with pytest.raises(openai.BadRequestError) as told:
            await client.moderations.create(input="x")

    assert told.value.code == "unsupported_by_provider"


async def test_a_provider_that_turns_out_to_have_none_is_not_asked_again(api):
    async with far_end(answers(404, b'{"error":{"message":"Unknown path"}}')) as far, sdk(api) as client:
        await provide(api, far)

        for _ in range(2):
            with pytest.raises(openai.BadRequestError) as told:
                await client.moderations.create(model="far:m", input="x")
            assert told.value.code == "unsupported_by_provider"

        assert len(far.received) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b'{"model":7,"input":"x"}', b'{"input":"x","stream":1}', b"\xff"])
async def test_nonsense_is_refused_in_words(api, body):
    async with far_end() as far, api.client() as client:
        await provide(api, far)

        answer = await client.post("/v1/moderations", content=body, headers={"content-type": "application/json"})

        assert answer.status_code == 400
        assert answer.json()["error"]["message"].endswith(".")
        assert far.connections == 0

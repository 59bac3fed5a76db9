"""The owner's own model file, and the child's end when nobody asks: the real llama.cpp, with a model of nothing."""

import asyncio
import base64
import os
import struct
from array import array
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from api.errors import OwnerError
from api.gateway import Gateway
from api.home import Home
from api.providers import gguf, local, local_files
from api.providers.local import LocalModel, LocalModelFailed
from api.upstream.h1 import H1Transport
from tests import tiny_model
from tests.conftest import Api
from tests.fakes import CHAT, Received, Wire, far_end

needs_llama = pytest.mark.skipif(
    local.unavailable(own=True) is not None, reason="the extra morello[local] (xllamacpp) is not installed"
)
HELLO: Any = [{"role": "user", "content": "Hi"}]
NAME = "local:tiny-model"
GONE = "There is no file “%s”. Look whether it was moved."


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_model.write(tmp_path / "tiny model.gguf")


def sdk(api: Api) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key, max_retries=0)


async def eventually(happened: Any) -> None:
    while not happened():
        await asyncio.sleep(0.005)


class TestTheFile:
    def test_its_context_and_how_it_pools_are_read_without_loading_it(self, tmp_path: Path) -> None:
        plain = tiny_model.write(tmp_path / "plain.gguf")
        pooled = tiny_model.write(tmp_path / "pooled.gguf", llama__pooling_type=1, llama__attention__causal=False)
        assert gguf.read(plain) == gguf.Facts(context=tiny_model.CONTEXT, pools=False, causal=True)
        assert gguf.read(pooled) == gguf.Facts(context=tiny_model.CONTEXT, pools=True, causal=False)

    def test_lists_that_stand_before_what_matters_are_passed_over(self, tmp_path: Path) -> None:
        lists = {"general.tags": ["a", "b"], "general.sizes": [1, 2, 3]}
        path = tiny_model.write(tmp_path / "tags.gguf", first=lists)
        assert gguf.read(path).context == tiny_model.CONTEXT

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "does not begin with “GGUF”"),
            (b"PK\3\4 and so on", "does not begin with “GGUF”"),
            (b"GGUF", "is damaged, or was not copied to its end"),
            (b"GGUF" + struct.pack("<IQQ", 3, 0, 9), "is damaged, or was not copied to its end"),
            (b"GGUF" + struct.pack("<IQQQ", 3, 0, 9, 1 << 60), "is damaged, or was not copied to its end"),
            (b"GGUF" + struct.pack("<IQQQcI", 3, 0, 1, 1, b"k", 99), "is damaged, or was not copied to its end"),
            (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "is in version 1 of the GGUF format"),
            (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is in version 50331648 of the GGUF format"),
        ],
        ids=["empty", "zip", "magic", "no pairs", "long key", "unknown kind", "old", "big-endian"],
    )
    def test_what_is_no_model_is_refused_in_words(self, tmp_path: Path, content: bytes, sentence: str) -> None:
        path = tmp_path / "a.gguf"
        path.write_bytes(content)
        with pytest.raises(gguf.Unusable, match=sentence) as refused:
            gguf.read(path)
        assert str(path) in str(refused.value)

    def test_a_folder_and_a_pipe_are_no_files(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe"):
            with pytest.raises(gguf.Unusable, match="is not a file"):
                gguf.read(path)

    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("Qwen3-8B-Q4_K_M.gguf", "Qwen3-8B-Q4_K_M"),
            ("my model (final).GGUF", "my-model-final"),
            ("a:b/../c?.gguf", "c"),
            ("模型.gguf", "model"),
            ("noend", "noend"),
            ("x" * 200 + ".gguf", "x" * 100),
        ],
    )
    def test_a_model_is_called_by_its_files_name_without_what_no_name_should_hold(self, file: str, name: str) -> None:
        assert local_files.name_of(Path("/models") / file) == name

    def test_a_path_is_whole_or_none(self) -> None:
        assert local_files.chosen("  ") is None
        with pytest.raises(OwnerError, match="is not a whole path"):
            local_files.chosen("models/a.gguf")

    @needs_llama
    def test_it_needs_no_weights_of_ours(self, monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
        has = {local_files.LLAMA: object()}
        monkeypatch.setattr("importlib.util.find_spec", has.get)
        assert local.unavailable(own=True) is None
        assert "weights are not installed" in str(local.unavailable())
        assert local_files.chosen(str(tiny)) == tiny
        has.clear()
        for reason in (local.unavailable(), local.unavailable(own=True), local_files.trouble(tiny)):
            assert "Install the extra morello[local]" in str(reason)

    def test_the_context_is_the_files_within_reason_and_a_text_is_embedded_in_one_piece(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
        large = tiny_model.write(tmp_path / "l.gguf", llama__context_length=131072)
        reads = tiny_model.write(tmp_path / "r.gguf", llama__context_length=8192, llama__attention__causal=False)
        plans = [local_files.plan(tmp_path, path) for path in (large, reads)]
        assert [(plan.context, plan.batch, plan.own) for plan in plans] == [(16384, 1024, True), (8192, 8192, True)]

    @pytest.mark.parametrize("said", [-1, 0, True, 1.5, "many", [1, 2]])
    def test_a_context_that_is_none_counts_as_unsaid(self, tmp_path: Path, said: Any) -> None:
        assert gguf.read(tiny_model.write(tmp_path / "a.gguf", llama__context_length=said)).context == 0

    def test_what_stands_before_the_vocabulary_is_read_no_further_than_it_can_reach(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gguf, "FURTHEST", 10_000)
        for number, text in enumerate(("x" * 20_000, ["x" * 9_000] * 3)):
            path = tiny_model.write(tmp_path / f"{number}.gguf", first={"general.description": text})
            with pytest.raises(gguf.Unusable, match="is damaged"):
                gguf.read(path)


@needs_llama
class TestServed:
    async def test_it_takes_the_place_of_the_built_in_model(self, api: Api, tiny: Path) -> None:
        await api.gateway.serve_file(str(tiny))
        async with sdk(api) as client:
            listed = [model.id async for model in client.models.list() if model.id.startswith("local:")]
            chat = await client.chat.completions.create(model=NAME, messages=HELLO, max_tokens=4)
            text = await client.completions.create(model=NAME, prompt="Hi", max_tokens=4)
            vector = await client.embeddings.create(model=NAME, input="Hi")
        assert listed == [NAME]
        assert chat.usage is not None
        assert text.usage is not None
        assert (chat.usage.completion_tokens, text.usage.completion_tokens) == (4, 4)
        assert len(vector.data[0].embedding) == tiny_model.WIDTH

    async def test_it_is_asked_by_the_template_in_the_file(self, tmp_path: Path, tiny: Path) -> None:
        model = LocalModel(tmp_path, tiny)
        try:
            endpoint = await model.endpoint()
            headers = {"authorization": f"Bearer {endpoint.key}"}
            async with httpx.AsyncClient(base_url=endpoint.base_url, headers=headers, trust_env=False) as client:
                prompt = (await client.post("/apply-template", json={"messages": HELLO})).json()["prompt"]
                settings = (await client.get("/props")).json()["default_generation_settings"]
        finally:
            await model.close()
        assert prompt == "<user>Hi<reply>"
        assert settings["n_ctx"] == tiny_model.CONTEXT
        assert settings["params"]["temperature"] == pytest.approx(0.8)
        assert settings["params"]["repeat_penalty"] == 1

    async def test_the_other_model_is_unknown_then_and_the_error_names_the_one_there_is(
        self, api: Api, tiny: Path
    ) -> None:
        assert (await api.gateway.providers.resolve(f"local:{local.MODEL}")).model == local.MODEL
        await api.gateway.serve_file(str(tiny))
        async with sdk(api) as client:
            with pytest.raises(openai.NotFoundError, match=f"has “{NAME}” now"):
                await client.embeddings.create(model=f"local:{local.MODEL}", input="Hi")

    async def test_a_change_ends_the_child_and_the_next_call_starts_another(self, api: Api, tiny: Path) -> None:
        other = tiny_model.write(tiny.with_name("other.gguf"))
        async with sdk(api) as client:
            await api.gateway.serve_file(str(tiny))
            await client.embeddings.create(model=NAME, input="Hi")
            old = await api.gateway.local.endpoint()
            await api.gateway.serve_file(str(other))
            assert not api.gateway.local.is_running
            vector = await client.embeddings.create(model="local:other", input="Hi")
        assert vector.model == "other"
        assert await api.gateway.local.endpoint() != old

    async def test_an_empty_path_takes_it_back_and_it_is_kept_until_then(
        self, home: Home, cache: Path, tiny: Path
    ) -> None:
        async with Gateway.open(home, cache) as gateway:
            await gateway.serve_file(str(tiny))
        async with Gateway.open(home, cache) as gateway:
            assert [model.id for _, model in gateway.providers.listed()][-1] == "tiny-model"
            await gateway.serve_file("")
            assert [model.id for _, model in gateway.providers.listed()][-1] == local.MODEL
        async with Gateway.open(home, cache) as gateway:
            assert gateway.local.model.id == local.MODEL

    async def test_a_file_that_is_not_there_changes_nothing(self, gateway: Gateway, tiny: Path) -> None:
        await gateway.serve_file(str(tiny))
        with pytest.raises(OwnerError, match="There is no file"):
            await gateway.serve_file("/nowhere/a.gguf")
        assert gateway.settings.local_model == str(tiny)
        assert gateway.local.model.id == "tiny-model"

    async def test_a_file_that_vanished_is_named_and_is_served_again_when_it_is_back(
        self, api: Api, tiny: Path
    ) -> None:
        await api.gateway.serve_file(str(tiny))
        away = tiny.with_suffix(".away")
        os.rename(tiny, away)
        async with api.client() as client:
            body = {"model": NAME, "input": "Hi"}
            refused = await client.post("/v1/embeddings", json=body)
            trouble = api.gateway.local.trouble()
            os.rename(away, tiny)
            answered = await client.post("/v1/embeddings", json=body)
        assert (refused.status_code, refused.json()["error"]["message"]) == (503, GONE % tiny)
        assert str(trouble) == GONE % tiny
        assert answered.status_code == 200
        assert api.gateway.local.trouble() is None

    async def test_one_that_llama_cannot_load_is_told_in_words_and_stays_where_it_is(self, tmp_path: Path) -> None:
        strange = tiny_model.write(tmp_path / "strange.gguf", general__architecture="nobody")
        with pytest.raises(LocalModelFailed, match=r"llama\.cpp cannot load “.*strange\.gguf”"):
            await LocalModel(tmp_path, strange).endpoint()
        assert strange.exists()

    async def test_a_text_that_is_too_long_to_be_embedded_is_refused_with_what_to_do(
        self, api: Api, tiny: Path
    ) -> None:
        await api.gateway.serve_file(str(tiny))
        async with sdk(api) as client:
            with pytest.raises(openai.BadRequestError, match=r"embeds at most 1024 at a time\. Send it in smaller"):
                await client.embeddings.create(model=NAME, input="x" * 1500)
            whole = await client.embeddings.create(model=NAME, input="x" * 1000, encoding_format="base64")
        packed = whole.data[0].embedding
        assert isinstance(packed, str)
        assert len(array("f", base64.b64decode(packed))) == tiny_model.WIDTH


class Lines:
    """Connections of which it is said whether they are busy."""

    def __init__(self, busy: bool) -> None:
        self.busy, self.asked, self.forgotten = busy, 0, ""

    def is_busy(self, base_url: str) -> bool:
        self.asked += 1
        return self.busy

    def forget(self, base_url: str) -> None:
        self.forgotten = base_url


@needs_llama
class TestIdle:
    async def test_the_child_ends_when_nobody_asks_and_comes_back_with_the_next_call(
        self, tmp_path: Path, tiny: Path
    ) -> None:
        heard: list[bool] = []
        lines = Lines(busy=False)
        model = LocalModel(tmp_path, tiny, lines=lines, idle_seconds=0.1, told=lambda: heard.append(model.is_running))
        first = await model.endpoint()
        await eventually(lambda: lines.forgotten)
        assert (lines.forgotten, heard) == (first.base_url, [True, False])
        second = await model.endpoint()
        await model.close()
        assert second != first

    async def test_a_call_that_takes_long_is_not_cut(self, tmp_path: Path, tiny: Path) -> None:
        lines = Lines(busy=True)
        model = LocalModel(tmp_path, tiny, lines=lines, idle_seconds=0.02)
        await model.endpoint()
        await eventually(lambda: lines.asked > 3 * local.LOOKS)
        assert model.is_running
        lines.busy = False
        await eventually(lambda: not model.is_running)
        await model.close()

    async def test_whoever_asks_again_and_again_keeps_it(self, tmp_path: Path, tiny: Path) -> None:
        lines = Lines(busy=False)
        model = LocalModel(tmp_path, tiny, lines=lines, idle_seconds=0.02)
        first = await model.endpoint()
        while lines.asked < 3 * local.LOOKS:
            seen = lines.asked
            assert await model.endpoint() == first
            await eventually(lambda seen=seen: lines.asked > seen)
        await model.close()

    async def test_a_call_that_comes_as_the_child_ends_is_answered(self, api: Api, tiny: Path) -> None:
        await api.gateway.serve_file(str(tiny))
        own = api.gateway.local
        own._look_seconds = 0  # it ends as soon as it is idle, again and again
        endpoints, statuses = set(), set()
        async with api.client() as client:
            for pause in range(7):
                got = await client.post("/v1/embeddings", json={"model": NAME, "input": "Hi"})
                statuses.add(got.status_code)
                endpoints.add(own._child.endpoint.base_url if own._child else "")
                await asyncio.sleep(pause / 2000)
        assert statuses == {200}
        assert len(endpoints) > 1

    async def test_an_origin_is_busy_while_something_is_asked_there_and_can_be_forgotten(self) -> None:
        asked, answer = asyncio.Event(), asyncio.Event()

        async def hold(_received: Received, wire: Wire) -> None:
            asked.set()
            await answer.wait()
            await wire.reply(200, CHAT)

        async with far_end(hold) as far, httpx.AsyncClient(transport=H1Transport()) as client:
            lines = client._transport
            assert isinstance(lines, H1Transport)
            assert not lines.is_busy(far.url)
            call = asyncio.create_task(client.get(f"{far.url}/v1/models"))
            await asked.wait()
            assert lines.is_busy(far.url)
            answer.set()
            await call
            assert not lines.is_busy(far.url)
            assert lines._origins
            lines.forget(f"{far.url}/v1")
            assert not lines._origins

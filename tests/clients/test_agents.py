"""Agents read a file and write another one, with a provider at the far end that speaks a dialect of its own."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import pytest

from tests.clients.conftest import Desk
from tests.clients.driving import after, claude_code, codex, gemini_cli, qwen_code
from tests.clients.installing import from_pypi
from tests.connecting import (
    Call,
    call,
    conversations,
    copied,
    dialects_asked,
    models_asked,
    offered,
    providing,
    say,
    tool_results,
    works_through,
)
from tests.fakes import CALLS, Received, Wire, chat_frames, says
from tests.webui.conftest import Dashboard

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

Agent = Callable[[Dashboard, Desk, str], Awaitable[str]]

MODEL: Final = "some-model"
ALL: Final = ("openai_chat", "openai_responses", "anthropic", "gemini")
TASK: Final = "Read the file secret.txt. Then write the file made.txt."
SECRET: Final = "the cherry 🍒 is red"
WORDS: Final = 'it\'s a "cherry" 🍒\n'
PATCH: Final = '*** Begin Patch\n*** Add File: made.txt\n+it\'s a "cherry" 🍒\n*** End Patch'


async def works(
    agent: Agent, dashboard: Dashboard, desk: Desk, dialect: str, *calls: Call, at_once: bool = False
) -> None:
    """Have `agent` read a file and write one, as a provider of `dialect` tells it to."""
    desk.save("secret.txt", SECRET)
    speaks = works_through(*calls, at_once=at_once)
    async with providing(dashboard, MODEL, dialect=dialect, speaks=speaks) as far:
        answer = await agent(dashboard, desk, TASK)
    read, written = tool_results(conversations(far)[-1])
    assert SECRET in read
    assert f"Done: {written}".split() == answer.split()
    assert (desk.project / "made.txt").read_text() == WORDS
    assert (models_asked(far), dialects_asked(far)) == ({MODEL}, {dialect})
    assert {row.status for row in await dashboard.api.rows()} == {200}


@pytest.mark.parametrize("dialect", ALL)
async def test_codex_reads_a_file_and_writes_one(dashboard, desk, dialect):
    read = ("exec_command", {"cmd": "cat secret.txt"})
    write = ("exec_command", {"cmd": f"apply_patch <<'EOF'\n{PATCH}\nEOF"})
    await works(codex, dashboard, desk, dialect, read, write)


@pytest.mark.parametrize("dialect", ALL)
async def test_claude_code_reads_a_file_and_writes_one(dashboard, desk, dialect):
    read = ("Read", {"file_path": str(desk.project / "secret.txt")})
    write = ("Write", {"file_path": str(desk.project / "made.txt"), "content": WORDS})
    await works(claude_code, dashboard, desk, dialect, read, write)


@pytest.mark.parametrize("dialect", ALL)
async def test_codex_makes_two_calls_of_one_turn(dashboard, desk, dialect):
    read = ("exec_command", {"cmd": "cat secret.txt"})
    write = ("exec_command", {"cmd": f"apply_patch <<'EOF'\n{PATCH}\nEOF"})
    await works(codex, dashboard, desk, dialect, read, write, at_once=True)


@pytest.mark.parametrize("dialect", ALL)
async def test_claude_code_makes_two_calls_of_one_turn(dashboard, desk, dialect):
    read = ("Read", {"file_path": str(desk.project / "secret.txt")})
    write = ("Write", {"file_path": str(desk.project / "made.txt"), "content": WORDS})
    await works(claude_code, dashboard, desk, dialect, read, write, at_once=True)


@pytest.mark.parametrize("dialect", ALL)
async def test_gemini_cli_reads_a_file_and_writes_one(dashboard, desk, dialect):
    read = ("read_file", {"file_path": "secret.txt"})
    write = ("write_file", {"file_path": str(desk.project / "made.txt"), "content": WORDS})
    await works(gemini_cli, dashboard, desk, dialect, read, write)


@pytest.mark.parametrize("dialect", ALL)
async def test_qwen_code_reads_a_file_and_writes_one(dashboard, desk, dialect):
    read = ("read_file", {"file_path": str(desk.project / "secret.txt")})
    write = ("write_file", {"file_path": str(desk.project / "made.txt"), "content": WORDS})

    async def qwen(dashboard: Dashboard, desk: Desk, words: str) -> str:
        return await qwen_code(dashboard, desk, words, f"far:{MODEL}")

    await works(qwen, dashboard, desk, dialect, read, write)


SEAL: Final = "c2VhbGVk"
THOUGHT: Final = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SEAL}


def sealed(dialect: str, name: str, arguments: Mapping[str, object]) -> list[bytes]:
    """A call of a tool after thoughts that the provider sealed."""
    frames = CALLS[dialect](("call_0", name, json.dumps(arguments)))
    match dialect:
        case "gemini":
            return [
                frame.replace(b'{"functionCall"', b'{"thoughtSignature": "%b", "functionCall"' % SEAL.encode())
                for frame in frames
            ]
        case "anthropic":
            thought = {"type": "thinking", "thinking": "", "signature": ""}
            told = ({"type": "thinking_delta", "thinking": "Well."}, {"type": "signature_delta", "signature": SEAL})
            return [
                frames[0],
                named("content_block_start", index=0, content_block=thought),
                *(named("content_block_delta", index=0, delta=delta) for delta in told),
                named("content_block_stop", index=0),
                *(frame.replace(b'"index": 0', b'"index": 1') for frame in frames[1:]),
            ]
        case _:
            return [
                *frames[:2],
                named("response.output_item.added", sequence_number=2, output_index=0, item=THOUGHT),
                named("response.output_item.done", sequence_number=3, output_index=0, item=THOUGHT),
                *(frame.replace(b'"output_index": 0', b'"output_index": 1') for frame in frames[2:]),
            ]


def named(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


@pytest.mark.parametrize("dialect", ["openai_responses", "anthropic", "gemini"])
@pytest.mark.parametrize("agent", [claude_code, codex, gemini_cli], ids=lambda agent: agent.__name__)
async def test_what_a_provider_sealed_comes_back_to_it_through_every_agent(dashboard, desk, agent, dialect):
    secret = desk.save("secret.txt", SECRET)
    name, arguments = {
        claude_code: ("Read", {"file_path": str(secret)}),
        codex: ("exec_command", {"cmd": "cat secret.txt"}),
        gemini_cli: ("read_file", {"file_path": "secret.txt"}),
    }[agent]

    async def speaks(received: Received, wire: Wire) -> None:
        if tool_results(json.loads(received.body)) or name not in offered(json.loads(received.body)):
            await say(received, wire, "Done.")
        else:
            await says(*sealed(dialect, name, arguments))(received, wire)

    async with providing(dashboard, MODEL, dialect=dialect, speaks=speaks) as far:
        assert await agent(dashboard, desk, "Read the file secret.txt.") == "Done."
    last = far.received[-1].body
    assert SECRET in tool_results(json.loads(last))[-1]
    assert f'"{SEAL}"'.encode() in last


@pytest.mark.parametrize("agent", [claude_code, codex, gemini_cli], ids=lambda agent: agent.__name__)
async def test_the_heartbeats_of_a_silent_provider_disturb_no_agent(dashboard, desk, monkeypatch, agent):
    monkeypatch.setattr("api.relay.turn.HEARTBEAT_SECONDS", 0.05)
    async with providing(dashboard, MODEL, speaks=says(*chat_frames(["Par", "is"]), pause=0.4)):
        assert await agent(dashboard, desk, "What is the capital of France?") == "Paris"


AGENT_SDK: Final = """\
import asyncio, sys
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query

async def main():
    options = ClaudeAgentOptions(allowed_tools=["Read", "Write"])
    async for message in query(prompt=sys.argv[1], options=options):
        if isinstance(message, ResultMessage):
            print(message.result)

asyncio.run(main())
"""


@pytest.mark.parametrize("dialect", ALL)
async def test_claudes_agent_sdk_reads_a_file_and_writes_one(dashboard, desk, dialect):
    async def agent(dashboard: Dashboard, desk: Desk, words: str) -> str:
        lines = desk.save("lines.sh", await copied(dashboard, "claude-code"))
        python = from_pypi("claude-agent-sdk") / "python"
        return await after(lines, python, desk.save("agent.py", AGENT_SDK), words, desk=desk)

    read = ("Read", {"file_path": str(desk.project / "secret.txt")})
    write = ("Write", {"file_path": str(desk.project / "made.txt"), "content": WORDS})
    await works(agent, dashboard, desk, dialect, read, write)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "gemini"])
async def test_codex_knows_its_tool_of_a_namespace_again(dashboard, desk, dialect):
    async def speaks(received: Received, wire: Wire) -> None:
        asked = json.loads(received.body)
        names = [name for name in offered(asked) if name.endswith("close_agent")]
        if tool_results(asked) or not names:
            await say(received, wire, "Done.")
        else:
            await call(received, wire, ("call_0", names[0], '{"target": "nobody"}'))

    async with providing(dashboard, MODEL, dialect=dialect, speaks=speaks) as far:
        assert await codex(dashboard, desk, "Close the agent.") == "Done."
    assert "nobody" in tool_results(conversations(far)[-1])[-1]

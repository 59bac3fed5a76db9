"""Agents read a file and write another one, with a provider at the far end that speaks a dialect of its own."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from tests.clients.conftest import Desk
from tests.clients.driving import after, claude_code, codex, gemini_cli, qwen_code
from tests.clients.installing import from_pypi
from tests.connecting import (
    Call,
    conversations,
    copied,
    dialects_asked,
    models_asked,
    providing,
    tool_results,
    works_through,
)
from tests.fakes import chat_frames, says
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

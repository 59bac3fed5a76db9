"""Real clients, unmodified, each connected by what the page's Copy gave and by nothing else."""

import json

import pytest

from tests.clients.driving import claude_code, continues, file_of, opencode
from tests.clients.installing import from_npm, from_pypi
from tests.connecting import calls_tool, conversations, copied, providing, run, tool_results
from tests.fakes import Received, Wire, chat_frames, says
from webui.clients import QUESTION

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

MODEL = 'it\'s a "model" 🍒'
TASK = "Make the file made.txt."
WORDS = "made-by-a-tool"
COMMAND = f"printf '{WORDS}' > made.txt && cat made.txt"


@pytest.fixture(params=["plain-model", MODEL], ids=["plain", "odd"])
def model(request):
    """A name as it usually is, and one with every quote."""
    return request.param


async def test_openai_for_node(dashboard, desk, model):
    modules = from_npm("openai")
    (desk.project / "node_modules").symlink_to(modules)
    async with providing(dashboard, model) as far:
        program = desk.save(file_of("node"), await copied(dashboard, "node"))
        answer = await run("node", program, cwd=desk.project, HOME=str(desk.home))
    [asked] = conversations(far)
    assert answer == "Paris\n"
    assert (asked["model"], asked["stream"], asked["messages"][0]["content"]) == (model, True, QUESTION)


async def test_langchain(dashboard, desk, model):
    programs = from_pypi("langchain-openai")
    async with providing(dashboard, model) as far:
        program = desk.save(file_of("langchain"), await copied(dashboard, "langchain"))
        answer = await run(programs / "python", program, HOME=str(desk.home), LANGSMITH_TRACING="false")
    [asked] = conversations(far)
    assert answer == "Paris\n"
    assert (asked["model"], asked["stream"], asked["messages"][0]["content"]) == (model, True, QUESTION)


async def test_claude_code_runs_a_tool_and_reads_its_result(dashboard, desk, model):
    call = calls_tool("Bash", {"command": COMMAND, "description": "make a file"})
    async with providing(dashboard, model, dialect="anthropic", speaks=call) as far:
        assert await claude_code(dashboard, desk, TASK) == f"Done: {WORDS}"
    assert (desk.project / "made.txt").read_text() == WORDS
    assert {asked["model"] for asked in conversations(far)} == {model}
    assert tool_results(conversations(far)[-1]) == [WORDS]


async def test_continue_runs_a_tool_and_reads_its_result(dashboard, desk, model):
    async with providing(dashboard, model, speaks=calls_tool("Bash", {"command": COMMAND})) as far:
        assert f"Done: {WORDS}" in await continues(dashboard, desk, TASK)
    assert (desk.project / "made.txt").read_text() == WORDS
    assert {asked["model"] for asked in conversations(far)} == {model}
    assert WORDS in tool_results(conversations(far)[-1])[-1]


async def test_opencode_runs_a_tool_and_reads_its_result(dashboard, desk, model):
    call = calls_tool("write", {"filePath": str(desk.project / "made.txt"), "content": WORDS})
    async with providing(dashboard, model, speaks=call) as far:
        assert "Done: " in await opencode(dashboard, desk, TASK)
    assert (desk.project / "made.txt").read_text() == WORDS
    assert {asked["model"] for asked in conversations(far)} == {model}
    assert tool_results(conversations(far)[-1])


async def test_aider_edits_a_file(dashboard, desk, model):
    aider = from_pypi("aider-chat") / "aider"
    # With a list of prices at hand it does not fetch one.
    desk.save("~/.aider/caches/model_prices_and_context_window.json", '{"none": {}}')

    async def edits(received: Received, wire: Wire) -> None:
        await says(*chat_frames(["made.txt\n```\n", WORDS, "\n```\n"]))(received, wire)

    async with providing(dashboard, model, speaks=edits) as far:
        desk.save(file_of("aider"), await copied(dashboard, "aider"))
        await run(
            *(aider, "--message", TASK, "--no-git", "--yes-always", "--no-show-model-warnings"),
            *("--analytics-disable", "--no-check-update", "--no-show-release-notes", "--no-detect-urls"),
            cwd=desk.project,
            HOME=str(desk.home),
            LITELLM_LOCAL_MODEL_COST_MAP="True",
        )
    assert (desk.project / "made.txt").read_text() == f"{WORDS}\n"
    assert {asked["model"] for asked in conversations(far)} == {model}
    assert conversations(far)[0]["messages"][-1]["content"].startswith(TASK)


async def test_claude_code_works_with_the_built_in_model(dashboard, desk):
    words = json.dumps({"command": COMMAND, "description": "make a file"})
    assert await claude_code(dashboard, desk, f"Bash {words}") == WORDS
    assert (desk.project / "made.txt").read_text() == WORDS


async def test_continue_works_with_the_built_in_model(dashboard, desk):
    assert WORDS in await continues(dashboard, desk, f"Bash {json.dumps({'command': COMMAND})}")
    assert (desk.project / "made.txt").read_text() == WORDS


async def test_opencode_works_with_the_built_in_model(dashboard, desk):
    words = json.dumps({"filePath": str(desk.project / "made.txt"), "content": WORDS}, separators=(",", ":"))
    await opencode(dashboard, desk, f"write {words}")
    assert (desk.project / "made.txt").read_text() == WORDS

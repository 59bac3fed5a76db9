"""How each client is started, unmodified, connected by what the page's Copy gave and by nothing else."""

import json
from pathlib import Path

from tests.clients.conftest import Desk
from tests.clients.installing import from_npm
from tests.connecting import copied, run
from tests.webui.conftest import Dashboard
from webui.clients import BY_ID


def file_of(client: str, block: int = 0) -> str:
    """Where the page says that a block is to be saved."""
    name = BY_ID[client].blocks[block].file
    assert name
    return name


async def claude_code(dashboard: Dashboard, desk: Desk, words: str) -> str:
    """What it answers to `words`."""
    lines = desk.save("lines.sh", await copied(dashboard, "claude-code"))
    told = await after(
        *(lines, from_npm("@anthropic-ai/claude-code") / ".bin" / "claude"),
        *("-p", words, "--output-format", "json", "--allowedTools", "Bash,Read,Write"),
        desk=desk,
        ANTHROPIC_API_KEY="another one's",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )
    answer: str = json.loads(told)["result"]
    return answer


async def codex(dashboard: Dashboard, desk: Desk, words: str) -> str:
    """What it answers to `words`; its sandbox asks more of the kernel than a container gives."""
    desk.save(file_of("codex"), await copied(dashboard, "codex"))
    told = await run(
        *(from_npm("@openai/codex") / ".bin" / "codex", "exec", "--skip-git-repo-check", "--json"),
        *("--dangerously-bypass-approvals-and-sandbox", words),
        cwd=desk.project,
        HOME=str(desk.home),
    )
    items = [event["item"] for event in map(json.loads, told.splitlines()) if event["type"] == "item.completed"]
    return "".join(item["text"] for item in items if item["type"] == "agent_message")


async def gemini_cli(dashboard: Dashboard, desk: Desk, words: str) -> str:
    """What it answers to `words`; of a new folder it would ask first whether to trust it."""
    lines = desk.save("lines.sh", await copied(dashboard, "gemini-cli"))
    desk.save(file_of("gemini-cli", 1), await copied(dashboard, "gemini-cli", 1))
    told = await after(
        *(lines, from_npm("@google/gemini-cli") / ".bin" / "gemini", "-p", words, "--yolo"),
        desk=desk,
        GEMINI_CLI_TRUST_WORKSPACE="true",
    )
    return told.strip()


async def continues(dashboard: Dashboard, desk: Desk, words: str) -> str:
    """What Continue's command answers to `words`."""
    settings = desk.save(file_of("vscode"), await copied(dashboard, "vscode"))
    return await run(
        *(from_npm("@continuedev/cli") / ".bin" / "cn", "-p", words, "--auto", "--config", settings),
        cwd=desk.project,
        HOME=str(desk.home),
        CONTINUE_TELEMETRY_ENABLED="0",
    )


async def opencode(dashboard: Dashboard, desk: Desk, words: str) -> str:
    """What it answers to `words`, which it would put into quotes if they came as one."""
    desk.save(file_of("opencode"), await copied(dashboard, "opencode"))
    return await run(
        from_npm("opencode-ai") / ".bin" / "opencode",
        "run",
        *words.split(),
        cwd=desk.project,
        HOME=str(desk.home),
        OPENCODE_DISABLE_AUTOUPDATE="1",
        OPENCODE_DISABLE_MODELS_FETCH="1",
        OPENCODE_DISABLE_LSP_DOWNLOAD="1",
    )


async def qwen_code(dashboard: Dashboard, desk: Desk, words: str, model: str) -> str:
    """What it answers to `words`. It has no card of its own: its variables are those of anything like OpenAI."""
    told = await run(
        *(from_npm("@qwen-code/qwen-code") / ".bin" / "qwen", "-p", words, "--yolo", "--auth-type", "openai"),
        cwd=desk.project,
        HOME=str(desk.home),
        OPENAI_BASE_URL=f"{dashboard.api.url}/v1",
        OPENAI_API_KEY=dashboard.api.key,
        OPENAI_MODEL=model,
    )
    return told.strip()


async def after(lines: Path, *words: str | Path, desk: Desk, **more: str) -> str:
    """What a program prints in a shell that has read `lines`."""
    shell = ("bash", "-c", '. "$0" && exec "$@"', lines)
    return await run(*shell, *words, cwd=desk.project, HOME=str(desk.home), **more)

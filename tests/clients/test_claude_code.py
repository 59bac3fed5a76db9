"""Claude Code, unmodified, from npm: a tool round trip through Morello."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.program import ROOT, Program, environment, free_port

CACHE = ROOT / ".cache" / "clients"
PACKAGE = "@anthropic-ai/claude-code"

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def claude() -> Path:
    """The client's command, installed where the next run finds it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(CACHE), PACKAGE]
    subprocess.run(command, check=True, capture_output=True)
    return CACHE / "node_modules" / ".bin" / "claude"


def test_it_runs_a_tool_and_reads_its_result(claude: Path, tmp_path: Path) -> None:
    with Program(tmp_path / "home", port=free_port()) as program:
        program.ready()
        settings = {
            "HOME": str(tmp_path),
            "ANTHROPIC_BASE_URL": program.status()["address"],
            "ANTHROPIC_AUTH_TOKEN": program.do("key", "show").stdout.strip(),
            "ANTHROPIC_MODEL": "morello:tools",
            "ANTHROPIC_SMALL_FAST_MODEL": "morello:tools",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        words = 'Bash {"command":"printf %s-%s mo rello > made.txt && cat made.txt","description":"make a file"}'
        told = subprocess.run(
            [str(claude), "-p", words, "--output-format", "json", "--allowedTools", "Bash"],
            env={name: value for name, value in environment(**settings).items() if name != "ANTHROPIC_API_KEY"},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr
        assert (tmp_path / "made.txt").read_text() == "mo-rello"
        assert "mo-rello" in json.loads(told.stdout)["result"]

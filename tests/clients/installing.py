"""The clients under test: which version of each, and how it comes onto this machine.

They are kept in the checkout's cache, so that a second run installs nothing. Moving a version is a change of one
line here.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.program import ROOT

CACHE: Final = ROOT / ".cache" / "clients"
NPM: Final = {
    "@ai-sdk/anthropic": "4.0.105",
    "@ai-sdk/openai": "4.0.118",
    "@ai-sdk/openai-compatible": "3.0.92",
    "@anthropic-ai/claude-code": "2.1.330",
    "@continuedev/cli": "1.5.47",
    "@google/gemini-cli": "0.61.0",
    "@openai/codex": "0.169.0",
    "@qwen-code/qwen-code": "0.24.4",
    "ai": "7.0.173",
    "openai": "7.57.0",
    "opencode-ai": "1.18.33",
}
PYPI: Final = {
    "aider-chat": "0.86.2",
    "claude-agent-sdk": "0.2.187",
    "instructor": "1.17.0",
    "langchain-anthropic": "1.7.7",
    "langchain-openai": "1.7.3",
    "litellm": "1.106.2",
    "llama-index-llms-openai-like": "0.8.1",
    "llm": "0.36",
    "openai-agents": "0.24.0",
    "pydantic-ai-slim": "2.68.0",
    "smolagents": "1.26.0",
}
EXTRAS: Final = {
    "instructor": "anthropic",
    "litellm": "mcp",  # without it no call with tools gets far
    "pydantic-ai-slim": "anthropic,openai",
    "smolagents": "openai",
}
NEWEST_PYTHON: Final = {"aider-chat": (3, 12)}


def from_npm(package: str, *others: str) -> Path:
    """The folder `node_modules` that has `package` and `others`; without it the calling test is skipped, and says why.

    They are kept in the folder of `package`.
    """
    folder = _folder(package, NPM[package])
    if not _is_complete(folder):
        (folder / "package.json").write_text('{"private": true}')
        named = [f"{name}@{NPM[name]}" for name in (package, *others)]
        _install(folder, "npm", "install", "--no-fund", "--no-audit", "--prefix", str(folder), *named)
    return folder / "node_modules"


def from_pypi(package: str) -> Path:
    """The folder `bin` of an environment of its own that has `package`; without it the calling test is skipped."""
    folder = _folder(package, PYPI[package])
    if not _is_complete(folder):
        # This environment's pip fills the other one too: a small Debian has no ensurepip.
        _run(package, _python(package), "-m", "venv", "--without-pip", "--clear", str(folder / "env"))
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "env" / "bin" / "python")]
        extras = f"[{EXTRAS[package]}]" if package in EXTRAS else ""
        _install(folder, *pip, "install", "--quiet", f"{package}{extras}=={PYPI[package]}")
    return folder / "env" / "bin"


def _folder(package: str, version: str) -> Path:
    folder = CACHE / f"{package.rpartition('/')[2]}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_complete(folder: Path) -> bool:
    return (folder / "complete").exists()


def _install(folder: Path, *command: str) -> None:
    _run(folder.name, *command)
    (folder / "complete").touch()


def _run(what: str, *command: str) -> None:
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip(f"{what} cannot be installed here: {told.stderr.strip()[-300:]}")


def _python(package: str) -> str:
    """A Python that the package supports."""
    newest = NEWEST_PYTHON.get(package)
    if newest is None or sys.version_info[:2] <= newest:
        return sys.executable
    found = [path for minor in range(newest[1], 9, -1) if (path := shutil.which(f"python3.{minor}"))]
    return found[0] if found else pytest.skip(f"{package} wants Python 3.{newest[1]} or older, which is not here")

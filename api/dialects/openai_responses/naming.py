"""The names of tools: those inside a namespace have one name abroad and two at home.

Codex offers tools in namespaces (`{"type": "namespace", "name": "mcp__files__", "tools": [...]}`) and wants a call
back with `name` and `namespace` apart. No other dialect knows namespaces, so both are joined to one name there.
"""

import re
from typing import Final

from msgspec import Struct

from api.conversation import ChatRequest

NAME: Final = "openai_responses"
TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
LONGEST_NAME: Final = 64


class Home(Struct, frozen=True):
    """How a tool is called in this dialect."""

    name: str
    namespace: str | None = None
    takes_text: bool = False


def joined(name: str, namespace: str | None) -> str:
    """One name for a tool in a namespace, the same one every time."""
    if not namespace:
        return name
    return f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"


def homes(request: ChatRequest) -> dict[str, Home]:
    """Where each tool that is more than a function is at home, by the name it has abroad."""
    if request.dialect != NAME:
        return {tool.name: Home(tool.name, takes_text=True) for tool in request.tools if tool.takes_text}
    return {
        tool.name: Home(tool.carried.get("name", tool.name), tool.carried.get("namespace"), tool.takes_text)
        for tool in request.tools
        if tool.takes_text or "namespace" in tool.carried
    }

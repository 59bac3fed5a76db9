"""The tools a provider is offered, under names that Google takes."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

from api.conversation import ChatRequest, Choice, Tool, ToolChoice
from api.dialects.gemini.losses import Losses
from api.dialects.gemini.schema import cleaned

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_OTHERWISE: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_LONGEST: Final = 64
_TEXT: Final = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_MODES: Final = {Choice.AUTO: "AUTO", Choice.NONE: "NONE", Choice.REQUIRED: "ANY"}


class Names:
    """Names of tools as Google takes them. A name that does not fit gets one that says which it was."""

    __slots__ = ("given",)

    def __init__(self) -> None:
        self.given: dict[str, str] = {}  # Google's name for each that did not fit, to the caller's

    def fit(self, name: str) -> str:
        """Google's name for a tool: always the same for the same name."""
        if _NAME.fullmatch(name):
            return name
        mark = "_" + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
        fitting = _OTHERWISE.sub("_", name)
        if not fitting[:1].isalpha():
            fitting = f"_{fitting}"
        fitting = fitting[: _LONGEST - len(mark)] + mark
        self.given[fitting] = name
        return fitting


def write_tools(request: ChatRequest, refused: Iterable[str], names: Names, losses: Losses) -> list[dict[str, Any]]:
    """`tools`: those of the caller, and those the provider runs itself where the caller named them in this dialect."""
    at_home = request.dialect == "gemini"
    declared = [_declaration(tool, at_home, refused, names, losses) for tool in request.tools]
    tools = [{"functionDeclarations": declared}] if declared else []
    for hosted in request.hosted:
        if at_home:
            tools.append(hosted.raw)
        else:
            losses.drop(f"tools.{hosted.kind}")
    return tools


def _declaration(tool: Tool, at_home: bool, refused: Iterable[str], names: Names, losses: Losses) -> dict[str, Any]:
    told: dict[str, Any] = {"name": names.fit(tool.name)}
    if tool.description:
        told["description"] = tool.description
    schema = (tool.schema if at_home else cleaned(tool.schema, refused)) or (_TEXT if tool.takes_text else {})
    if schema:
        told["parametersJsonSchema"] = schema
    if tool.strict:
        losses.drop("tools.strict")
    if at_home:
        told.update(tool.carried)
    else:
        losses.drop_carried("tools", tool.carried)
    return told


def write_choice(choice: ToolChoice, names: Names) -> dict[str, Any]:
    """`functionCallingConfig`. Only some tools and no duty to call: that is what VALIDATED is for."""
    if not choice.names:
        return {"mode": _MODES[choice.choice]}
    mode = "VALIDATED" if choice.choice is Choice.AUTO else _MODES[choice.choice]
    return {"mode": mode, "allowedFunctionNames": list(map(names.fit, choice.names))}

"""Messages of other dialects as the turns a provider of this one takes.

It wants results first in the turn that follows their calls, one for each, and nothing empty. A system message in
mid-conversation is one where the model takes it; elsewhere it stands in the user's turn, marked as what it is.
"""

from collections.abc import Iterable
from typing import Any, Final

from api.conversation import Message, Role
from api.dialects.anthropic.blocks import Blocks, Json
from api.dialects.anthropic.families import Family

UNANSWERED: Final = "There is no result of this call."
SYSTEMS: Final = (Role.SYSTEM, Role.DEVELOPER)
MARKERS: Final = 4  # cache markers a request may have


def apart(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The system messages that lead, and the talk."""
    count = next((at for at, message in enumerate(messages) if message.role not in SYSTEMS), len(messages))
    return messages[:count], messages[count:]


def as_they_came(messages: Iterable[Message], blocks: Blocks) -> list[Json]:
    """Messages of this dialect as they were sent."""
    return [
        {"role": message.role.value, "content": blocks.write(message.parts), **message.carried} for message in messages
    ]


def turns(messages: tuple[Message, ...], blocks: Blocks, known: Family) -> list[Json]:
    """Messages of another dialect as turns."""
    said: list[Json] = []
    for at, message in enumerate(messages):
        if message.role in SYSTEMS:
            last = at + 1 == len(messages) or messages[at + 1].role is Role.ASSISTANT
            if not _say_system(said, blocks.write(message.parts), known.listens and last):
                blocks.renamed.add("messages.system")
        else:
            _say(said, message.role.value, _marked(blocks.write(message.parts), blocks.carried(message.carried)))
    _pair(said, blocks)
    _finish(said)
    return said


def _say(said: list[Json], role: str, content: list[Json]) -> None:
    """Add to the turn of `role`, or begin one."""
    if content and said and said[-1]["role"] == role:
        said[-1]["content"] += content
    elif content:
        said.append({"role": role, "content": content})


def _say_system(said: list[Json], content: list[Json], here: bool) -> bool:
    """Whether it could be said as one: after a turn of the user and before one of the assistant, nowhere else."""
    if here and said and said[-1]["role"] == "user":
        _say(said, "system", content)
        return True
    texts = [block["text"] for block in content if block["type"] == "text"]
    _say(said, "user", [{"type": "text", "text": f"<system>\n{text}\n</system>"} for text in texts])
    return False


def _marked(content: list[Json], carried: Json) -> list[Json]:
    """A cache marker of a whole message stands on its last block."""
    if content and carried:
        content[-1] = {**content[-1], **carried}
    return content


def _pair(said: list[Json], blocks: Blocks) -> None:
    """See to it that each call has its result in the next turn, and no result stands without its call."""
    calls: list[str] = []
    whole: list[Json] = []
    for turn in said:
        if turn["role"] == "assistant":
            calls = _settle(whole, calls, blocks)
            calls = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        elif turn["role"] == "user":
            turn["content"] = _results(turn["content"], calls, blocks)
            calls = []
        whole.append(turn)
    _settle(whole, calls, blocks)
    said[:] = whole


def _settle(whole: list[Json], calls: list[str], blocks: Blocks) -> list[str]:
    """Answer calls after which the user said nothing."""
    if calls:
        whole.append({"role": "user", "content": _results([], calls, blocks)})
    return []


def _results(content: list[Json], calls: list[str], blocks: Blocks) -> list[Json]:
    """A user's turn with the results of `calls` first."""
    results: list[Json] = []
    others: list[Json] = []
    open_calls = dict.fromkeys(calls)
    for block in content:
        if block["type"] != "tool_result":
            others.append(block)
        elif block["tool_use_id"] in open_calls:
            del open_calls[block["tool_use_id"]]
            results.append(block)
        else:
            blocks.renamed.add("messages.tool_result")
            others += _as_text(block)
    for call in open_calls:
        blocks.renamed.add("messages.tool_calls")
        results.append({"type": "tool_result", "tool_use_id": call, "content": UNANSWERED, "is_error": True})
    return results + others


def _as_text(block: Json) -> list[Json]:
    """A result that no call asked for, as text: the provider would refuse the request."""
    content: Any = block.get("content") or []
    inner = [{"type": "text", "text": content}] if isinstance(content, str) else content
    number = block["tool_use_id"]
    opening: Json = {"type": "text", "text": f'<tool_result id="{number}">'}
    return [opening, *inner, {"type": "text", "text": "</tool_result>"}]


def _finish(said: list[Json]) -> None:
    """An assistant's words that are to be continued may not end in a space."""
    if said and said[-1]["role"] == "assistant":
        last = said[-1]["content"][-1]
        if last["type"] == "text":
            last["text"] = last["text"].rstrip()


def cap_markers(places: Iterable[Json], most: int = MARKERS) -> bool:
    """Leave the first cache marker, which covers what all talks share, and the last ones, which cover most."""
    marked = [place for place in places if "cache_control" in place]
    for place in marked[1 : len(marked) - (most - 1)] if len(marked) > most else []:
        del place["cache_control"]
    return len(marked) > most

"""A request in the words of a provider of this dialect.

What came in this dialect goes out as it came. What came in another is fitted to what the model takes: the provider
refuses a request for one field too many.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from api.conversation import ChatRequest, Choice, Tool
from api.dialects import free_text, schemas
from api.dialects.anthropic.blocks import Blocks, Json
from api.dialects.anthropic.families import Family, family
from api.dialects.anthropic.thinking import Thoughts, thoughts, thoughts_as_they_came
from api.dialects.anthropic.turns import apart, as_they_came, cap_markers, turns
from api.dialects.anthropic.words import NAME
from api.dialects.decoding import not_too_deep
from api.dialects.dialect import Written
from api.dialects.quirks import Quirks
from api.dialects.silent import SILENT

LONGEST_USER: Final = 256
COUNTED: Final = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}
)
HARMLESS: Final[dict[str, Any]] = {"truncation": "disabled", "modalities": ["text"]}
TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only", "priority": "auto"}
UNSAYABLE: Final = ("seed", "presence_penalty", "frequency_penalty", "logit_bias", "verbosity", "cache_key")
# Keywords that structured outputs refuse.
REFUSED: Final = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    }
)
COMBINED: Final = ("anyOf", "oneOf", "allOf")


@not_too_deep()
def write_request(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    """`request` in this dialect, for the provider of that id."""
    return _Writing(request, quirks, provider).written()


@not_too_deep()
def write_count_request(request: ChatRequest, quirks: Quirks, provider: str) -> Written:
    """The body that asks the provider to count what `request` would read."""
    return _Writing(request, quirks, provider).written(COUNTED)


class _Writing:
    """One request while it is written."""

    def __init__(self, request: ChatRequest, quirks: Quirks, provider: str) -> None:
        self.request, self.quirks = request, quirks
        self.own = request.dialect == NAME
        self.known: Family = family(request.model)
        texts = frozenset(tool.name for tool in request.tools if tool.takes_text)
        self.blocks = Blocks(request.dialect, quirks, provider, texts)
        self.dropped, self.renamed = self.blocks.dropped, self.blocks.renamed

    def written(self, fields: frozenset[str] | None = None) -> Written:
        body = self._body()
        if self.blocks.names.given:
            self.renamed.add("tools.name")
        kept = body if fields is None else {name: value for name, value in body.items() if name in fields}
        return Written(
            msgspec.json.encode(kept), tuple(sorted(self.dropped)), tuple(sorted(self.renamed)), self.blocks.names.given
        )

    def _body(self) -> Json:
        request = self.request
        system, talk = self._said()
        choice = self._choice()
        thought = self._thoughts(talk, bool(choice) and choice["type"] in ("any", "tool"))
        if thought.unforced:
            choice = {**choice, "type": "auto"}
            choice.pop("name", None)
            self.renamed.add("tool_choice")
        body = {
            "model": request.model,
            "max_tokens": thought.max_tokens,
            "system": system,
            "messages": talk,
            "tools": self._tools(),
            "tool_choice": choice,
            "thinking": thought.thinking,
            "output_config": self._output(thought),
            **self._sampling(thought),
            **self._ends(),
        }
        said = {name: value for name, value in body.items() if value is not None and value != [] and value != {}}
        said |= {"stream": True} if request.stream else {}
        return self._with_extra(said)

    def _said(self) -> tuple[list[Json], list[Json]]:
        leading, talk = apart(self.request.messages)
        system = [block for message in leading for block in self.blocks.write(message.parts)]
        said = as_they_came(talk, self.blocks) if self.own else turns(talk, self.blocks, self.known)
        if not said and system:
            said, system = [{"role": "user", "content": system}], []  # a talk of nothing is refused
            self.renamed.add("messages.system")
        return system, said

    def _thoughts(self, talk: list[Json], forced: bool) -> Thoughts:
        if self.own:
            return thoughts_as_they_came(self.request, self.known)
        return thoughts(self.request, self.known, talk, forced, self.dropped, self.renamed)

    # Tools

    def _tools(self) -> list[Json]:
        choice = self.request.tool_choice
        narrow = (
            choice.names if choice and not self.own and len(choice.names) > (choice.choice is Choice.REQUIRED) else ()
        )
        wanted = frozenset(narrow)
        offered = [tool for tool in self.request.tools if not wanted or tool.name in wanted]
        if self.own:
            return [*map(self._own_tool, offered), *(tool.raw for tool in self.request.hosted)]
        self.dropped |= {f"tools.{tool.kind}" for tool in self.request.hosted}
        return [self._tool(tool) for tool in offered]

    def _own_tool(self, tool: Tool) -> Json:
        said = {"name": tool.name, "description": tool.description, "input_schema": tool.schema, "strict": tool.strict}
        return {**{name: value for name, value in said.items() if value is not None}, **tool.carried}

    def _tool(self, tool: Tool) -> Json:
        said: Json = {"name": self.blocks.names.say(tool.name)}
        if tool.description:
            said["description"] = tool.description
        schema = self._schema(tool)
        if tool.strict and self.quirks.strict_schemas and self.known.formats:
            closed = _closed(schemas.without(schema, REFUSED))
            if closed is None:
                self.dropped.add("tools.strict")
            schema, said = closed or schema, said | ({"strict": True} if closed else {})
        elif tool.strict:
            self.dropped.add("tools.strict")
        return {**said, "input_schema": schema, **self.blocks.carried(tool.carried, "tools")}

    def _schema(self, tool: Tool) -> Json:
        if tool.takes_text:
            return free_text.SCHEMA
        schema = {"type": "object", **tool.schema}
        schema.setdefault("properties", {})
        if any(word in schema for word in COMBINED):
            # Refused at the top of a schema, not below it.
            self.renamed.add("tools.schema")
            schema = _merged(schema)
        return schemas.pruned(schemas.without(schema, self.quirks.schema_refused))

    def _choice(self) -> Json:
        said, parallel = self.request.tool_choice, self.request.parallel_tools
        if not self.own and not self.request.tools:
            return {}
        choice: Json = {}
        if said is not None:
            one = said.names[0] if said.choice is Choice.REQUIRED and len(said.names) == 1 else None
            kind = {Choice.AUTO: "auto", Choice.NONE: "none", Choice.REQUIRED: "tool" if one else "any"}[said.choice]
            choice = {"type": kind, "name": self.blocks.names.say(one)} if one else {"type": kind}
        if parallel is not None and (self.own or not parallel) and choice.get("type") != "none":
            choice = {"type": "auto", **choice, "disable_parallel_tool_use": not parallel}
        return choice

    # How to answer

    def _output(self, thought: Thoughts) -> Json:
        output: Json = {"effort": thought.effort} if thought.effort else {}
        form = self.request.format
        if form is None:
            return output
        schema = form.schema
        if schema is not None and not self.own:
            schema = _closed(schemas.pruned(schemas.without(schema, REFUSED))) if self.known.formats else None
        if schema is None:
            self.dropped.add("format")
            return output
        return {**output, "format": {"type": "json_schema", "schema": schema}}

    def _sampling(self, thought: Thoughts) -> Json:
        request = self.request
        said = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
        if self.own:
            return said
        if said["temperature"] is not None and said["temperature"] > 1:
            said["temperature"] = 1.0
            self.renamed.add("temperature")
        allowed = dict.fromkeys(said, self.known.samples)
        if self.known.samples and thought.thinks:
            allowed = {"temperature": said["temperature"] == 1, "top_p": (said["top_p"] or 0) >= 0.95, "top_k": False}
        if said["temperature"] is not None and not self.known.both:
            allowed["top_p"] = False
        self.dropped |= {
            name for name, value in said.items() if value is not None and not allowed[name] and (name, value) != _PLAIN
        }
        return {name: value for name, value in said.items() if allowed[name]}

    def _ends(self) -> Json:
        """What bounds or accompanies the answer."""
        request = self.request
        if self.own:
            metadata = {**(request.metadata or {}), **({"user_id": request.user} if request.user else {})}
            return {"stop_sequences": list(request.stop), "metadata": metadata, "service_tier": request.service_tier}
        self._name_unsayable()
        stops = [text for text in request.stop if text.strip()]
        if len(stops) < len(request.stop):
            self.dropped.add("stop")
        user = request.user if request.user and len(request.user) <= LONGEST_USER else None
        if request.user and not user:
            self.dropped.add("user")
        tier = TIERS.get(request.service_tier or "")
        if request.service_tier and not tier:
            self.dropped.add("service_tier")
        return {"stop_sequences": stops, "metadata": {"user_id": user} if user else {}, "service_tier": tier}

    def _name_unsayable(self) -> None:
        request = self.request
        self.dropped |= {name for name in UNSAYABLE if getattr(request, name)}
        if request.seed is not None:
            self.dropped.add("seed")
        if (request.n or 1) > 1:
            self.dropped.add("n")
        if request.logprobs or request.top_logprobs:
            self.dropped.add("logprobs")
        if request.metadata:
            self.dropped.add("metadata")

    def _with_extra(self, said: Json) -> Json:
        extra = self.request.extra
        if self.own:
            output = {**extra.get("output_config", {}), **said.get("output_config", {})}
            return {**said, **extra, **({"output_config": output} if output else {})}
        self.dropped |= {
            name
            for name, value in extra.items()
            if name not in SILENT and value not in (None, False, [], {}, "") and HARMLESS.get(name) != value
        }
        if cap_markers(_places(said)):
            self.dropped.add("messages.cache_control")
        return said


_PLAIN: Final = ("temperature", 1)


def _places(said: Json) -> Iterator[Json]:
    """Everything that can bear a cache marker, in the order the provider reads it."""
    yield from said.get("tools", [])
    yield from said.get("system", [])
    for turn in said.get("messages", ()):
        for block in turn["content"]:
            yield block
            if isinstance(inner := block.get("content"), list):
                yield from inner


def _merged(schema: Json) -> Json:
    """A schema whose alternatives are its own properties, none of them required."""
    combined = [schema[word] for word in COMBINED if isinstance(schema.get(word), list)]
    branches = [schema, *(branch for several in combined for branch in several if isinstance(branch, dict))]
    properties: Json = {}
    for branch in branches:
        properties |= branch["properties"] if isinstance(branch.get("properties"), dict) else {}
    return {name: value for name, value in schema.items() if name not in COMBINED} | {"properties": properties}


def _closed(schema: Json) -> Json | None:
    """`schema` with every object closed, as structured outputs demand; None where an object has free keys."""
    if isinstance(schema.get("additionalProperties"), dict):
        return None
    free = schema.get("type") == "object" and "properties" not in schema
    if free and schema.get("additionalProperties") is not False:
        return None
    broken = False

    def close(inner: Json) -> Json:
        nonlocal broken
        closed = _closed(inner)
        broken = broken or closed is None
        return closed or {}

    kept = schemas.below(schema, close)
    if "properties" in schema:
        kept["additionalProperties"] = False
    return None if broken else kept

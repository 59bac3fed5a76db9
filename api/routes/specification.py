"""The OpenAPI 3.1 document, put together from what the routes say of themselves."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from sanic import Sanic
from sanic_routing.route import Route

from api import VERSION
from api.dialects import anthropic, gemini, ollama, openai_chat
from api.errors import (
    GatewayError,
    InvalidRequest,
    NotAllowed,
    TooLarge,
    UnknownModel,
    UnsupportedMedia,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
    WrongHost,
)
from api.relay.rehearsing import DryRun
from api.routes.documenting import NOTE, Described, shown

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
FILE: Final = {"type": "string", "format": "binary"}
NULL: Final = {"type": "null"}
NAMES: Final = {int: "integer", str: "string", bool: "boolean"}
REQUEST_ID: Final = "req_0123456789abcdef01234567"
Schema = dict[str, Any]


class Failure(Struct, frozen=True):
    """A status that is no success: when it comes, an error that has it, and the headers it may carry."""

    when: str
    error: GatewayError
    headers: tuple[str, ...] = ()


# Ranges rather than `default`: that would allow every status, and a check of them would find nothing.
FAILURES: Final = {
    "400": Failure(
        "The request is wrong, or its provider cannot do this; the sentence says what to change",
        InvalidRequest("“messages” must be an array. Send at least one message.", "messages"),
    ),
    "401": Failure("No key, or a wrong one", NotAllowed("No API key came with the request."), ("www-authenticate",)),
    "404": Failure("There is no such model, or nothing with this id", UnknownModel("There is no model “nobody:x”.")),
    "413": Failure("The request is too large", TooLarge("The request is larger than 32 MiB. Send less.")),
    "415": Failure(
        "The body is of another kind than this route takes",
        UnsupportedMedia("The body is sent as “text/plain”. Send JSON, with Content-Type: application/json."),
    ),
    "421": Failure(
        "The Host header is not this machine's",
        WrongHost("This address answers to 127.0.0.1 and localhost only. Use one of them as the host."),
    ),
    "429": Failure(
        "The provider's limit",
        UpstreamRefused("Rate limit reached", 429, "rate_limit_exceeded", retry_after="20"),
        ("retry-after",),
    ),
    "502": Failure(
        "The provider cannot be reached, refused its own key, or sent no answer",
        UpstreamUnreachable("The provider “openai” cannot be reached: the connection was refused."),
    ),
    "503": Failure(
        "The server was stopped while it answered, or the provider is overloaded",
        UpstreamRefused("The model is overloaded", 503, "overloaded"),
        ("retry-after",),
    ),
    "504": Failure(
        "The provider did not answer in time", UpstreamTimeout("The provider “openai” did not answer in time.")
    ),
    "4XX": Failure(
        "Another refusal of the provider's own, with its status",
        UpstreamRefused("Insufficient balance", 402, "insufficient_balance"),
    ),
    "5XX": Failure(
        "Another failure of the provider's own; its 500 is told as 502",
        UpstreamRefused("Not implemented", 501, "not_implemented"),
    ),
}
HEADERS: Final = {
    "x-request-id": "The id of this request, for the log and the dashboard",
    "x-morello-dropped": "Fields that this provider could not be told, with commas between them",
    "x-morello-estimated": "1 if the count is an estimate, for the provider counts none",
    "x-morello-error-source": "Whose fault it is: gateway, provider or network",
    "retry-after": "Seconds to wait before the next try",
    "www-authenticate": "The scheme that would have worked",
}
ON_EVERY_ERROR: Final = ("x-request-id", "x-morello-error-source")
WISHES: Final = {
    "x-morello-strict": "1: answer 400 rather than leave out a field that the provider cannot be told",
    "x-morello-dry-run": "1: answer what would be asked of whom, and send nothing",
}
PLACES: Final = {
    "model": ("The model, as provider:model", "morello:echo"),
    "provider": ("The provider's id, as its models' names begin", "morello"),
}
IDS: Final = {"responses": "resp_0123456789abcdef01234567", "files": "file-0123456789"}
Writer = Callable[[GatewayError, str], bytes]
WRITERS: Final[dict[type[Struct], Writer]] = {
    openai_chat.ErrorReply: openai_chat.write_error,
    anthropic.AnthropicErrorReply: anthropic.write_error,
    gemini.StatusReply: gemini.write_error,
    ollama.OllamaError: ollama.write_error,
}


def generate(app: Sanic[Any, Any], tags: dict[str, str], description: str) -> dict[str, Any]:
    """The document of those of the app's routes that are described, in the order of `tags`."""
    from sanic_ext.extensions.openapi.builders import SpecificationBuilder

    order = list(tags)
    described = [route for route in app.router.routes if hasattr(route.handler, NOTE)]
    described.sort(key=lambda route: (order.index(_room(route)), shown(route.path), sorted(route.methods)))
    structs: dict[type[Struct], None] = dict.fromkeys((openai_chat.ErrorReply, DryRun))
    structs |= dict.fromkeys(struct for route in described for struct in getattr(route.handler, NOTE).structs)
    references, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    pen = _Pen(dict(zip(structs, references, strict=True)), schemas)
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        for method in sorted(route.methods - {"HEAD", "OPTIONS"}):
            paths.setdefault(shown(route.path), {})[method.lower()] = pen.operation(route)
    SpecificationBuilder.reset()
    builder = SpecificationBuilder()
    builder.describe("Morello", VERSION, description)
    builder.add_security_scheme("key", "http", scheme="bearer", bearer_format="cs-sk-…")
    used = {_room(route): None for route in described}
    builder.raw({"paths": paths, "tags": [{"name": name, "description": tags[name]} for name in used]})
    builder.raw({"components": pen.components()})
    built: dict[str, Any] = builder.build(app).serialize()
    return _renamed({**built, "openapi": "3.1.0", "servers": [{"url": "/"}]}, schemas)


class _Pen:
    """Writes operations, and gathers what they have in common."""

    def __init__(self, references: dict[type[Struct], Schema], schemas: dict[str, Schema]) -> None:
        self._references, self._schemas = references, schemas
        self._responses: dict[str, Schema] = {}

    def operation(self, route: Route) -> dict[str, Any]:
        """What one route does."""
        note: Described = getattr(route.handler, NOTE)
        said: Schema = {
            "operationId": route.name.rpartition(".")[2],
            "tags": [_room(route)],
            "summary": note.summary,
            "description": note.description,
            "parameters": [*_places(route), *_query(note), *_wishes(note)],
            "requestBody": self._body(note) if note.body else None,
            "responses": {**self._successes(note), **self._failures(route, note)},
            "security": None if note.public else [{"key": []}],
        }
        return {name: value for name, value in said.items() if value}

    def components(self) -> dict[str, Any]:
        """What operations refer to."""
        headers = {name: {"description": words, "schema": {"type": "string"}} for name, words in HEADERS.items()}
        wishes = {
            name: {"name": name, "in": "header", "description": words, "schema": {"type": "string", "enum": ["1"]}}
            for name, words in WISHES.items()
        }
        return {"schemas": self._schemas, "responses": self._responses, "headers": headers, "parameters": wishes}

    def _body(self, note: Described) -> Schema:
        assert note.body
        content: Schema = {"schema": self._references[note.body]}
        if note.upload:
            self._make_form(content["schema"])
        if note.example:
            content["example"] = note.example
        return {"required": True, "content": {FORM if note.upload else JSON: content}}

    def _make_form(self, reference: Schema) -> None:
        """In a form a file is its bytes, and nothing is null."""
        schema = self._schemas[reference["$ref"].rpartition("/")[2]]
        for name, field in schema["properties"].items():
            schema["properties"][name] = _form_field(field)

    def _successes(self, note: Described) -> Schema:
        content: Schema = {}
        if kinds := self._kinds(note):
            content[JSON] = {"schema": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}
            content[JSON] |= {"example": note.answer} if note.answer else {}
        if note.streams:
            content[note.stream] = {"schema": {"type": "string"}}
        if note.binary:
            content[note.binary] = {"schema": FILE if not note.binary.startswith("text/") else {"type": "string"}}
        if not content:
            return {}
        names = ["x-request-id", *(["x-morello-dropped", "x-morello-estimated"] if note.is_asked_on else [])]
        return {"200": {"description": "The answer", "headers": _headers(names), "content": content}}

    def _kinds(self, note: Described) -> list[Schema]:
        """What a JSON answer can be."""
        reply = [self._references[note.reply]] if note.reply else []
        if note.listed:
            reply = [{"type": "array", "items": reply[0]}]
        return [*reply, *([self._references[DryRun]] if _can_be_tried(note) else [])]

    def _failures(self, route: Route, note: Described) -> Schema:
        error = note.error or openai_chat.ErrorReply
        return {status: self._failure(status, error) for status in _statuses(route, note)}

    def _failure(self, status: str, error: type[Struct]) -> Schema:
        name = _short(self._references[error]["$ref"].rpartition("/")[2]) + status
        if name not in self._responses:
            failure = FAILURES[status]
            content: Schema = {"schema": self._references[error]}
            if writer := WRITERS.get(error):
                content["example"] = msgspec.json.decode(writer(failure.error, REQUEST_ID))
            headers = _headers([*ON_EVERY_ERROR, *failure.headers])
            self._responses[name] = {"description": failure.when, "headers": headers, "content": {JSON: content}}
        return {"$ref": f"#/components/responses/{name}"}


def _statuses(route: Route, note: Described) -> list[str]:
    """The failures a route can answer with, in order."""
    wanted = {"413", "421"}
    if not note.public:
        wanted |= {"400", "401"}
    if note.body or "<" in route.path or note.is_asked_on:
        wanted |= {"404"}
    if note.body:
        wanted |= {"415"}
    if note.is_asked_on:
        wanted |= {"429", "502", "503", "504", "4XX", "5XX"}
    return sorted(wanted)


def _places(route: Route) -> list[Schema]:
    """The parameters in a path."""
    return [_place(name, route.path) for name in _names_in(shown(route.path))]


def _names_in(path: str) -> list[str]:
    return [piece.partition("}")[0] for piece in path.split("{")[1:]]


def _place(name: str, path: str) -> Schema:
    of = next((word for word in IDS if word in path.split("/")), "")
    words, example = PLACES.get(name, ("The id, as an earlier answer gave it", IDS.get(of, name)))
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": words, "schema": schema, "example": example}


def _query(note: Described) -> list[Schema]:
    return [
        {"name": name, "in": "query", "description": words, "schema": {"type": NAMES[kind]}}
        for name, kind, words in note.query
    ]


def _wishes(note: Described) -> list[Schema]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in WISHES] if _can_be_tried(note) else []


def _can_be_tried(note: Described) -> bool:
    return note.is_asked_on and note.body is not None and note.rehearses


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _form_field(field: Schema) -> Schema:
    """A field of a Struct as a form has it."""
    field = {name: value for name, value in field.items() if name != "default" or value is not None}
    if field.get("contentEncoding") == "base64":
        return {**{name: value for name, value in field.items() if name != "contentEncoding"}, **FILE}
    if "items" in field:
        return {**field, "items": _form_field(field["items"])}
    if "anyOf" not in field:
        return field
    kinds = [_form_field(kind) for kind in field.pop("anyOf") if kind != NULL]
    return {**field, **kinds[0]} if len(kinds) == 1 else {**field, "anyOf": kinds}


def _room(route: Route) -> str:
    """The name of the blueprint that a route belongs to."""
    return route.name.split(".")[-2]


def _short(name: str) -> str:
    """A shape's name for readers. Where several modules have one of that name, msgspec puts the module before it."""
    parts = name.split(".")
    return name if len(parts) == 1 else f"{parts[2]}.{parts[-1]}"


def _renamed(document: dict[str, Any], schemas: dict[str, Schema]) -> dict[str, Any]:
    text = msgspec.json.encode(document).decode()
    for name in sorted((name for name in schemas if "." in name), key=len, reverse=True):
        text = text.replace(f'"{name}"', f'"{_short(name)}"').replace(f'/schemas/{name}"', f'/schemas/{_short(name)}"')
    renamed: dict[str, Any] = msgspec.json.decode(text)
    return renamed

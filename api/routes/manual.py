"""The OpenAPI document as one Markdown text, for agents that read rather than click."""

from typing import Any, Final

import msgspec

from api.routes.documenting import PASSED_ON

METHODS: Final = ("get", "post", "put", "patch", "delete")
ROUTES: Final = "<!-- routes -->"  # where the template wants each
HEADERS: Final = "<!-- headers -->"
STATUSES: Final = "<!-- statuses -->"
ERRORS: Final = "<!-- errors -->"
Json = dict[str, Any]


def write_manual(document: Json, template: str) -> str:
    """The whole manual: the template's words, with what `document` says of the routes and their shapes."""
    filled = {
        ROUTES: "\n\n".join([*_chapters(document), *_shapes(document)]),
        HEADERS: _headers(document["components"]),
        STATUSES: _statuses(document["components"]["responses"]),
        ERRORS: _errors(document["components"]["responses"]),
    }
    for mark, text in filled.items():
        template = template.replace(mark, text)
    return template.replace("<!-- version -->", document["info"]["version"]).rstrip() + "\n"


def _chapters(document: Json) -> list[str]:
    return [_chapter(document, tag) for tag in document["tags"]]


def _chapter(document: Json, tag: Json) -> str:
    """The routes of one tag. Those that do the same stand together, and no example comes twice."""
    alike: dict[bytes, list[tuple[str, str, Json]]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods and tag["name"] in methods[method]["tags"]:
                kept = {name: said for name, said in methods[method].items() if name != "operationId"}
                alike.setdefault(msgspec.json.encode(kept), []).append((method, path, methods[method]))
    errors = sorted({_link(_error_of(document, routes[0][2])) for routes in alike.values()})
    chapter = [f"## {tag['description'].rstrip('.')}", f"Errors are told as {' or '.join(errors)}."]
    for routes in alike.values():
        chapter += [part for part in _route(document, routes) if "```" not in part or part not in chapter]
    return "\n\n".join(part for part in chapter if part)


def _error_of(document: Json, operation: Json) -> str:
    failure = next(_resolved(document, reply) for status, reply in operation["responses"].items() if status != "200")
    return _name_of(failure["content"]["application/json"]["schema"])


def _route(document: Json, routes: list[tuple[str, str, Json]]) -> list[str]:
    method, path, operation = routes[0]
    others = ", ".join(f"`{other}`" for _, other, _ in routes[1:])
    words = operation["description"].replace(PASSED_ON, "").strip()
    parts = [
        f"### {method.upper()} {path}",
        f"{operation['summary']}. {words}{f' Also at {others}.' if others else ''}",
    ]
    parameters = [_resolved(document, parameter) for parameter in operation.get("parameters", ())]
    if rows := [_parameter(parameter) for parameter in parameters if parameter["in"] != "header"]:
        parts.append(_table(("parameter", "in", "type", "meaning"), rows))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts += _body(kind, content)
    return [*parts, *_answer(operation["responses"].get("200", {}).get("content", {}))]


def _parameter(parameter: Json) -> tuple[str, ...]:
    example = f", such as `{parameter['example']}`" if "example" in parameter else ""
    meaning = f"{parameter.get('description', '')}{example}"
    return f"`{parameter['name']}`", parameter["in"], _type(parameter["schema"]), meaning


def _body(kind: str, content: Json) -> list[str]:
    said = [f"Body: {_link(_name_of(content['schema']))}, as `{kind}`."]
    if "example" in content:
        is_form = kind.startswith("multipart/")
        said.append(_form(content["example"]) if is_form else _json(content["example"]))
    return said


def _form(example: Json) -> str:
    """The fields of a form, as curl's option -F takes them."""
    said = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in example.items()
    }
    return _fenced("text", "\n".join(f"{name}={value}" for name, value in said.items()))


def _answer(content: Json) -> list[str]:
    if not content:
        return []
    told = [f"Answer: {', or '.join(_answers(content))}."]
    if example := content.get("application/json", {}).get("example"):
        told.append(_json(example))
    return told


def _answers(content: Json) -> list[str]:
    return [" as ".join(filter(None, (_kind(shape["schema"]), f"`{kind}`"))) for kind, shape in content.items()]


def _kind(schema: Json) -> str:
    """What an answer is; that of a dry run is told once, with its header."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if _name_of(kind) != "DryRun"]
    return " or ".join(_type(kind) for kind in kinds if _name_of(kind) or kind.get("type") == "array")


def _shapes(document: Json) -> list[str]:
    schemas = document["components"]["schemas"]
    names = sorted(_wanted(document), key=str.lower)
    return [
        "## Shapes",
        "What bodies hold, and answers without an example. A field that must be there is marked *.",
        *(_shape(name, schemas[name]) for name in names),
    ]


def _wanted(document: Json) -> set[str]:
    """The shapes that a reader needs: those of bodies and of answers without an example, and what is in them."""
    found: set[str] = set()
    _gather(document, _named_in(document["components"]["schemas"].get("DryRun", {})) | {"DryRun"}, found)
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            answers = operation["responses"].get("200", {}).get("content", {})
            silent = [shape["schema"] for shape in answers.values() if "example" not in shape]
            _gather(document, _named_in([shape["schema"] for shape in content.values()]) | _named_in(silent), found)
    return found


def _gather(document: Json, names: set[str], found: set[str]) -> None:
    for name in names - found:
        found.add(name)
        _gather(document, _named_in(document["components"]["schemas"].get(name, {})), found)


def _named_in(value: Any) -> set[str]:
    """The shapes that are referred to anywhere in `value`."""
    if isinstance(value, dict):
        own = {_name_of(value)} - {""} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_named_in(inner) for inner in value.values()))
    return set().union(*(_named_in(inner) for inner in value)) if isinstance(value, list) else set()


def _shape(name: str, schema: Json) -> str:
    """A shape in a table, but for fields of which there is nothing to say: these are only named."""
    required = schema.get("required", ())
    rows: list[tuple[str, ...]] = []
    plain: list[str] = []
    for field, shape in schema.get("properties", {}).items():
        called, kind, meaning = f"`{field}`{' *' if field in required else ''}", _type(shape), _meaning(shape)
        if meaning:
            rows.append((called, kind, meaning))
        else:
            plain.append(f"{called} {kind}")
    words = schema.get("description", "").split("\n\n")[0]
    also = f"{'Also ' if rows else ''}{', '.join(plain)}." if plain else ""
    return "\n\n".join(
        part for part in (f"### {name}", words, _table(("field", "type", "meaning"), rows), also) if part
    )


def _meaning(shape: Json) -> str:
    """What is said of a field, its default among it."""
    words = [shape[key] for key in ("description",) if key in shape]
    for alternative in shape.get("anyOf", ()):
        words += [alternative["description"]] if "description" in alternative and not words else []
    if shape.get("default") not in (None, [], {}, ""):
        words.append(f"{msgspec.json.encode(shape['default']).decode()} unless said")
    return "; ".join(word.rstrip(".") for word in words)


def _type(shape: Json) -> str:
    """A type in words."""
    if name := _name_of(shape):
        return _link(name)
    if "enum" in shape:
        return " or ".join(f"`{value}`" for value in shape["enum"])
    if "const" in shape:
        return f"`{shape['const']}`"
    if alternatives := shape.get("anyOf") or shape.get("oneOf"):
        kinds = [_type(kind) for kind in alternatives if kind != {"type": "null"}]
        return " or ".join(dict.fromkeys(kinds)) or "null"
    if shape.get("type") == "array":
        return f"list of {_type(shape['items'])}" if shape.get("items") else "list"
    if shape.get("format") == "binary":
        return "file"
    return f"{shape.get('type', 'anything')}{_bounds(shape)}"


def _bounds(shape: Json) -> str:
    low, high = shape.get("minimum"), shape.get("maximum")
    match low, high:
        case None, None:
            return ""
        case _, None:
            return f" from {low}"
        case None, _:
            return f" up to {high}"
        case _:
            return f" from {low} to {high}"


def _headers(components: Json) -> str:
    wishes = [(f"`{name}`", "with a request", wish["description"]) for name, wish in components["parameters"].items()]
    told = [(f"`{name}`", "with an answer", header["description"]) for name, header in components["headers"].items()]
    return _table(("header", "comes", "meaning"), [*wishes, *told])


def _statuses(responses: Json) -> str:
    words = {_status(name): reply["description"] for name, reply in responses.items()}
    return _table(("status", "when"), sorted(words.items()))


def _errors(responses: Json) -> str:
    """One example for each shape that errors have."""
    examples: dict[str, Json] = {}
    for name in sorted(responses, key=lambda name: (_status(name) != "400", name)):
        content = responses[name]["content"]["application/json"]
        if "example" in content:
            examples.setdefault(_name_of(content["schema"]), content["example"])
    return "\n\n".join(f"{_link(name)}:\n\n{_json(example)}" for name, example in sorted(examples.items()))


def _status(name: str) -> str:
    return name[-3:]


def _resolved(document: Json, value: Json) -> Json:
    """What a reference leads to; anything else is itself."""
    if "$ref" not in value:
        return value
    found: Any = document
    for step in value["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    resolved: Json = found
    return resolved


def _name_of(shape: Json) -> str:
    """The name of the shape that is referred to; nothing where none is."""
    name: str = shape.get("$ref", "").rpartition("/")[2]
    return name


def _link(name: str) -> str:
    """A link to a shape, as Markdown's readers name a heading."""
    return f"[{name}](#{name.lower().replace('.', '')})"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, tuple("---" for _ in head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _json(value: Any) -> str:
    return _fenced("json", msgspec.json.encode(value).decode())


def _fenced(kind: str, text: str) -> str:
    return f"```{kind}\n{text}\n```"

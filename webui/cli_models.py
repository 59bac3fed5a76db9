"""The commands `models` and `groups`: what there is to ask for, on a terminal."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from api.errors import SaidInWords

PRICES: Final = (
    *("input", "output", "cached", "cache_written", "cache_written_long", "reasoning"),
    *("audio_in", "audio_out", "image_in", "image_out", "per_image", "per_request"),
)
Do = Callable[..., Any]
Print = Callable[[argparse.Namespace, Any, str], None]
Command = Callable[..., argparse.ArgumentParser]


def add_model_verbs(parser: argparse.ArgumentParser, command: Command) -> None:
    """What may be typed behind `models`; nothing lists them. `command` makes a command that can print JSON."""
    verbs, action = parser.add_subparsers(metavar="VERB"), parser.get_default("action")
    parser.set_defaults(verb="list")
    command(verbs, "list", "aliases, groups, and every model that is on", action).set_defaults(verb="list")
    refresh = command(verbs, "refresh", "ask the providers for their lists now", action)
    refresh.add_argument("providers", nargs="*", metavar="PROVIDER", help="without one, all that can be asked")
    refresh.set_defaults(verb="refresh")
    for verb, text in (
        ("enable", "let it be asked"),
        ("disable", "list it no more, and refuse it by name"),
        ("add", "list it though its provider does not"),
        ("remove", "take back what was added"),
    ):
        chosen = command(verbs, verb, text, action)
        chosen.add_argument("model", metavar="PROVIDER:MODEL")
        chosen.set_defaults(verb=verb)

    price = command(verbs, "price", "say what a million tokens of a model cost, or ask", action)
    price.add_argument("model", metavar="PROVIDER:MODEL")
    for kind in PRICES:
        price.add_argument(f"--{kind.replace('_', '-')}", metavar="N", help=argparse.SUPPRESS if "_" in kind else None)
    price.add_argument("--currency", metavar="CODE", help="USD, if nothing is said")
    price.set_defaults(verb="price")
    table = command(verbs, "table", "compare the table of facts with a newer one, LiteLLM's or Morello's", action)
    table.add_argument("file", metavar="FILE", type=Path)
    table.add_argument("--apply", action="store_true", help="have it in force")
    table.set_defaults(verb="table")


def add_group_verbs(parser: argparse.ArgumentParser, command: Command) -> None:
    """What may be typed behind `groups`; nothing lists them."""
    verbs, action = parser.add_subparsers(metavar="VERB"), parser.get_default("action")
    parser.set_defaults(verb="list")
    command(verbs, "list", "every alias and group", action).set_defaults(verb="list")
    new = command(verbs, "set", "have a name stand for models; the first is asked first", action)
    new.add_argument("name", metavar="NAME")
    new.add_argument("models", nargs="+", metavar="PROVIDER:MODEL")
    new.add_argument("--no-retry", dest="retry", action="store_false", help="do not go on to the next model")
    new.add_argument("--no-circuit", dest="circuit", action="store_false", help="ask providers that keep failing too")
    new.add_argument("--most", type=int, default=None, metavar="N", help="attempts for one call")
    new.add_argument("--patience", type=float, default=None, metavar="SECONDS", help="to wait for one that is busy")
    new.add_argument("--first-byte", type=float, default=None, metavar="SECONDS", help="until the next is asked")
    new.set_defaults(verb="set")
    gone = command(verbs, "remove", "forget a name; the models stay", action)
    gone.add_argument("name", metavar="NAME")
    gone.set_defaults(verb="remove")


def run_models(options: argparse.Namespace, do: Do, show: Print) -> int:
    """List models, fetch the lists anew, or choose."""
    match options.verb:
        case "list":
            models = do(options, "models")
            show(options, models, "\n".join(map(_model, models)))
        case "refresh":
            lists = do(options, "models refresh", providers=options.providers)
            show(options, lists, "\n".join(map(_refreshed, lists)))
            return int(any(row["error"] for row in lists))
        case "price":
            given = {name: getattr(options, name) for name in (*PRICES, "currency") if getattr(options, name)}
            priced = do(options, "models price", model=options.model, prices=given or None)
            show(options, priced, _prices(priced))
        case "table":
            told = do(options, "models table", **_file(options.file), wanted=options.apply)
            show(options, told, "\n".join(_differs(told)))
        case verb:
            model = do(options, f"models {verb}", model=options.model)
            _tell(options, model, f"{model['id']} is {'on' if model['enabled'] else 'off'}.", show)
    return 0


def run_groups(options: argparse.Namespace, do: Do, show: Print) -> int:
    """List groups, set or remove one."""
    match options.verb:
        case "list":
            groups = do(options, "groups list")
            show(options, groups, "\n".join(map(_group, groups)))
        case "set":
            names = ("retry", "circuit", "most", "patience", "first_byte")
            policy = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
            group = do(options, "groups set", name=options.name, models=options.models, policy=policy)
            _tell(options, group, _group(group), show)
        case _:
            do(options, "groups remove", name=options.name)
            _tell(options, None, f"{options.name} is no alias or group any more.", show)
    return 0


def _file(path: Path) -> dict[str, str]:
    try:
        return {"text": path.read_text(encoding="utf-8"), "source": path.name}
    except (OSError, UnicodeDecodeError) as error:
        raise SaidInWords("%(file)s cannot be read: %(why)s.", file=path, why=str(error)) from error


def _prices(row: dict[str, Any]) -> str:
    if not row["prices"]:
        return f"{row['id']}: unknown"
    return f"{row['id']}: {', '.join(f'{kind} {price}' for kind, price in row['prices'].items())} ({row['source']})"


def _differs(told: dict[str, Any]) -> Iterator[str]:
    yield from (f"+ {name}" for name in told["added"])
    yield from (f"- {name}" for name in told["gone"])
    for row in told["changed"]:
        yield f"  {row['provider']}:{row['model']} {row['fact']}: {row['old']} → {row['new']}"
    state = "in force" if told["applied"] else "--apply has it in force"
    yield f"{told['source']} of {told['date']} instead of {told['old']['source']} of {told['old']['date']}: {state}."


def _tell(options: argparse.Namespace, data: Any, sentence: str, show: Print) -> None:
    if options.json and data is not None:
        show(options, data, "")
    print(sentence, file=sys.stderr)


def _model(row: dict[str, Any]) -> str:
    return f"{row['id']}  →  {', then '.join(row['models'])}" if row.get("models") else str(row["id"])


def _group(row: dict[str, Any]) -> str:
    return f"{row['name']}  →  {', then '.join(row['models'])}"


def _refreshed(row: dict[str, Any]) -> str:
    if row["error"]:
        return f"{row['provider']}: {row['error']}"
    changes = [f"+{name}" for name in row["added"]] + [f"-{name}" for name in row["gone"]]
    return f"{row['provider']}: {row['models']} models{', ' if changes else ''}{' '.join(changes)}"

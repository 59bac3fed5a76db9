"""The command `limits`: how long calls may take and how large they may be, on a terminal."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from api.limits import KINDS, NAMES, SIZES

Do = Callable[..., Any]
Print = Callable[[argparse.Namespace, Any, str], None]


def add_verbs(parser: argparse.ArgumentParser, command: Callable[..., argparse.ArgumentParser]) -> None:
    """What may be typed behind `limits`; nothing lists everything. `command` makes a command that can print JSON."""
    verbs, action = parser.add_subparsers(metavar="VERB"), parser.get_default("action")
    parser.set_defaults(verb="list")
    command(verbs, "list", "everything that was said", action).set_defaults(verb="list")

    setting = command(verbs, "set", "say one: set [PROVIDER] [--route R] NAME VALUE", action)
    setting.add_argument("words", metavar="[PROVIDER] NAME")
    setting.add_argument("more", metavar="VALUE")
    setting.add_argument("last", nargs="?", help=argparse.SUPPRESS)
    resetting = command(verbs, "reset", "have one as usual, or all: reset [--route R] [PROVIDER] [NAME]", action)
    resetting.add_argument("words", nargs="?", metavar="PROVIDER")
    resetting.add_argument("more", nargs="?", metavar="NAME")
    for verb, made in (("set", setting), ("reset", resetting)):
        made.add_argument("--route", choices=KINDS, help="only for this kind of call")
        made.set_defaults(verb=verb, usage_error=made.error)


def run(options: argparse.Namespace, do: Do, show: Print) -> int:
    """Show, set or reset limits."""
    if options.verb == "list":
        rows = do(options, "limits list")
        show(options, rows, "\n".join([*_table(rows[0]), *map(_line, rows[1:])]))
        return 0
    given = _set(options) if options.verb == "set" else _reset(options)
    row = do(options, f"limits {options.verb}", route=options.route, **given)
    if options.json:
        show(options, row, "")
    print(_line(row), file=sys.stderr)
    return 0


def _set(options: argparse.Namespace) -> dict[str, str | None]:
    words = (options.words, options.more, options.last)
    *provider, name, value = [word for word in words if word is not None]
    return {"provider": provider[0] if provider else None, "name": name, "value": value}


def _reset(options: argparse.Namespace) -> dict[str, str | None]:
    """One word is a limit if it can be, else a provider."""
    if options.more is None and options.words in NAMES:
        return {"provider": None, "name": options.words}
    return {"provider": options.words, "name": options.more}


def _table(row: dict[str, Any]) -> list[str]:
    return [f"{name:<12} {_said(name, row['limits'][name])}" for name in NAMES]


def _line(row: dict[str, Any]) -> str:
    whose = " ".join(filter(None, (row["provider"], row["route"]))) or "all"
    chosen = ", ".join(f"{name} {_said(name, value)}" for name, value in row["chosen"].items())
    return f"{whose:<24} {chosen or 'as usual'}"


def _said(name: str, value: float) -> str:
    return f"{value:g} {'MiB' if name in SIZES else 's'}"

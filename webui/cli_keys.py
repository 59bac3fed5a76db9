"""The command `providers keys`: the pool of a provider's keys, on a terminal."""

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

Do = Callable[..., Any]
Print = Callable[[argparse.Namespace, Any, str], None]
Command = Callable[..., argparse.ArgumentParser]


def add_verbs(parser: argparse.ArgumentParser, command: Command, action: Callable[[argparse.Namespace], int]) -> None:
    """What may be typed behind `providers keys`. `command` makes a command that takes a provider's id."""
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    command(verbs, "list", "every key, masked, and whether it rests", action).set_defaults(verb="list")
    add = command(verbs, "add", "one more; it is read from standard input", action)
    add.add_argument("--key-env", metavar="VAR", help="take it from this environment variable instead")
    edit = command(verbs, "edit", "change a label or a weight, or let it be used or not", action)
    remove = command(verbs, "remove", "forget one: it is gone from the disk at once", action)
    for made, verb in ((add, "add"), (edit, "edit"), (remove, "remove")):
        made.set_defaults(verb=verb)
    for made in (edit, remove):
        made.add_argument("number", type=int, metavar="NUMBER", help="as list shows it")
    for made in (add, edit):
        made.add_argument("--label", help="what it is called")
        made.add_argument(
            "--weight", type=int, metavar="N", help="its share of the conversations; 1, if nothing is said"
        )
    switch = edit.add_mutually_exclusive_group()
    switch.add_argument("--enable", dest="enabled", action="store_true", default=None, help="use it, and at once")
    switch.add_argument("--disable", dest="enabled", action="store_false", help="keep it, but do not use it")


def run(options: argparse.Namespace, do: Do, show: Print, key_of: Callable[[str], str]) -> int:
    """Show a provider's keys, or change them. `key_of` reads an environment variable."""
    given = {name: getattr(options, name) for name in ("id", "number", "label", "weight", "enabled") if name in options}
    if options.verb == "add":
        given["key"] = key_of(options.key_env) if options.key_env else sys.stdin.readline()
    keys = do(options, f"providers keys {options.verb}", **given)
    show(options, keys, "\n".join(map(_line, keys)))
    return 0


def _line(row: dict[str, Any]) -> str:
    state = "" if row["enabled"] else "  off"
    if row["rests_until"]:
        state = f"  rests until {datetime.fromtimestamp(row['rests_until']):%H:%M:%S}: {row['why']}"
    return f"{row['number']:>3}  {row['key']}  {row['label'] or '-'}  weight {row['weight']}{state}"

"""The commands that read and write files: import and export."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from api.errors import SaidInWords

ENVIRONMENT: Final = "env"
STANDARD_OUTPUT: Final = "-"

Do = Callable[..., Any]


def import_file(options: argparse.Namespace, do: Do) -> int:
    """Show what a file holds, and take it over if that is wanted."""
    from api.importing.drafts import packed

    imported = packed(_imported(options))
    told = do(options, "import apply" if options.apply else "import look", imported=imported)
    if options.json:
        print(msgspec.json.encode(told).decode())
    else:
        print("\n".join(_lines(told)))
    print(_outcome(options, told), file=sys.stderr)
    return 0


def export_file(options: argparse.Namespace, do: Do) -> int:
    """Write everything the owner set up into a new file."""
    passphrase = None if options.without_secrets else _new_passphrase(options)
    text: str = do(options, "export", passphrase=passphrase)
    if options.file == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return 0
    _write(Path(options.file), text)
    if options.json:
        print(msgspec.json.encode({"file": options.file, "secrets": passphrase is not None}).decode())
    told = "Without its passphrase nobody reads the keys in it." if passphrase else "There are no keys in it."
    print(f"Written to {options.file}. {told}", file=sys.stderr)
    return 0


def _imported(options: argparse.Namespace) -> Any:
    from api import importing

    if options.file == ENVIRONMENT:
        return importing.from_environment(os.environ)
    content = _read(Path(options.file))
    passphrase = _passphrase(options) if importing.wants(content) else None
    return importing.read(content, os.environ, passphrase)


def _read(path: Path) -> bytes:
    from api.importing.archive import LARGEST

    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise SaidInWords(f"{path} cannot be read: {error.strerror}.") from error


def _write(path: Path, text: str) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise SaidInWords(f"There is a file {path} already. Choose another name.") from error
    except OSError as error:
        raise SaidInWords(f"{path} cannot be written: {error.strerror}.") from error


def _passphrase(options: argparse.Namespace) -> str:
    return _line() if options.passphrase_stdin else _typed("Passphrase of the file: ")


def _new_passphrase(options: argparse.Namespace) -> str:
    if options.passphrase_stdin:
        return _line()
    new = _typed("A passphrase for the file: ")
    if new != _typed("Again: "):
        raise SaidInWords("The two are not the same. Nothing was written.")
    return new


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _typed(prompt: str) -> str:
    from getpass import getpass

    if not sys.stdin.isatty():
        raise SaidInWords(
            "There is no terminal to type a passphrase into. Give it as one line with --passphrase-stdin, or export "
            "--without-secrets."
        )
    try:
        return getpass(prompt)
    except (EOFError, KeyboardInterrupt):
        raise SaidInWords("Nothing was done.") from None


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [_provider(row) for row in told["providers"]]
    lines += [_row(row["state"], row["name"], " → ".join(row["models"]), row["why"]) for row in told["groups"]]
    lines += [_row("model", name, "as it was chosen there", None) for name in told["models"]]
    lines += [_row("setting", row["name"], f"{row['now']} → {row['new']}", None) for row in told["settings"]]
    lines += [_row("limits", row["provider"] or "all", _limits(row), None) for row in told["limits"]]
    lines += [_row("left out", row["what"], "", row["why"]) for row in told["left"]]
    return lines


def _provider(row: dict[str, Any]) -> str:
    keys = ", ".join(f"{key['label']} {key['end']}".strip() for key in row["keys"]) or "no key"
    return _row(row["state"], row["id"], f"{row['dialect']}  {row['base_url']}  {keys}", row["why"])


def _limits(row: dict[str, Any]) -> str:
    return " ".join([row["route"], *(f"{name}={value:g}" for name, value in row["chosen"].items())]).strip()


def _row(state: str, name: str, told: str, why: str | None) -> str:
    return "  ".join(filter(None, (f"{state:<8}", f"{name:<16}", told, why)))


def _outcome(options: argparse.Namespace, told: dict[str, Any]) -> str:
    if not told["comes"]:
        return "There is nothing to take over."
    if not options.apply:
        return f"Nothing was changed. To take it over: morello import {options.file} --apply"
    done = told["done"]
    return f"Taken over: {_counted(done['providers'], 'provider')}, {_counted(done['groups'], 'name')}."


def _counted(things: list[Any], what: str) -> str:
    return f"{len(things) or 'no'} {what}{'' if len(things) == 1 else 's'}"

"""The command `providers`: whom Morello may ask, on a terminal."""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from api.errors import SaidInWords
from webui import cli_keys

DIALECTS: Final = "openai_chat, openai_responses, anthropic or gemini; several with a + between them, the default first"
PROXIES: Final = {"none": "", "default": None}
Action = Callable[[argparse.Namespace], int]
Command = Callable[..., argparse.ArgumentParser]


class Hands(NamedTuple):
    """What a command works with: `do` obeys an order, `show` prints data, `typed` reads a value that may be secret."""

    do: Callable[..., Any]
    show: Callable[[argparse.Namespace, Any, str], None]
    typed: Callable[[str, str], str]


def add_verbs(parser: argparse.ArgumentParser, command: Command, hands: Hands) -> None:
    """What may be typed behind `providers`. `command` makes a command that can print JSON."""

    def of_one(
        verbs: Any, name: str, text: str, action: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        made = command(verbs, name, text, action)
        made.add_argument("id", metavar="ID", help="what stands before the colon in a model's name")
        made.set_defaults(usage_error=made.error)
        return made

    verbs = parser.add_subparsers(required=True, metavar="VERB")
    command(verbs, "list", "every provider", partial(_list, hands))
    command(verbs, "presets", "providers that are known by name", partial(list_presets, hands))

    add = of_one(verbs, "add", "add one; nobody is called", partial(_add, hands))
    add.add_argument("--preset", metavar="NAME", help="take dialect and base URL from a preset")
    _fields(add)
    edit = of_one(verbs, "edit", "change one; what is not given stays", partial(_edit, hands))
    _fields(edit)
    through = "whom it is asked through; none for nobody, default for the proxy of the settings, - for standard input"
    edit.add_argument("--proxy", metavar="URL", help=through)

    of_one(verbs, "enable", "let it be asked", partial(_switch, hands)).set_defaults(enabled=True)
    of_one(verbs, "disable", "keep it, but do not ask it", partial(_switch, hands)).set_defaults(enabled=False)
    of_one(verbs, "test", "ask it for its models, with its key", partial(_test, hands))
    measure = of_one(verbs, "conformance", "find out what its models can do, in six calls", partial(_measure, hands))
    measure.add_argument("--model", default="", help="to converse with; without it, the first that can")
    measure.add_argument(
        "--embedder", default="", metavar="MODEL", help="to embed with; without it, the first that can"
    )
    of_one(verbs, "remove", "forget one, and its keys", partial(_remove, hands))
    cli_keys.add_verbs(verbs.add_parser("keys", help="the keys of one"), of_one, partial(_keys, hands))


def _fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dialect", help=DIALECTS)
    parser.add_argument("--base-url", help="with the version, as its documentation gives it")
    parser.add_argument("--name", help="how the dashboard calls it")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key-env", metavar="VAR", help="take the key from this environment variable, now")
    key.add_argument("--key-stdin", action="store_true", help="read the key from standard input")
    key.add_argument("--no-key", action="store_true", help="the provider wants none")
    parser.add_argument(
        "--quirk",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how it wants to be asked, such as stream_options=false; NAME= is as usual again; may be repeated",
    )


def _list(hands: Hands, options: argparse.Namespace) -> int:
    providers = hands.do(options, "providers list")
    rows = [
        f"{row['id']:<16} {row['dialect']:<29} {row['calls']}{_quirks(row['quirks'])}{_trouble(row)}"
        for row in providers
    ]
    hands.show(options, providers, "\n".join(rows))
    return 0


def _quirks(quirks: dict[str, Any]) -> str:
    """What is not as usual, as it is typed."""
    told = {name: msgspec.json.encode(value).decode().strip('[]"').replace('"', "") for name, value in quirks.items()}
    return "".join(f"  {name}={value}" for name, value in told.items())


def _trouble(row: dict[str, Any]) -> str:
    return "" if row["enabled"] and not row["fault"] else f"  ({row['fault'] or 'off'})"


def list_presets(hands: Hands, options: argparse.Namespace) -> int:
    """Print every preset."""
    from api.facts import bundled
    from api.providers.asking import written
    from api.providers.presets import PRESETS

    known = bundled().models
    rows = [
        f"{preset.id:<16} {preset.dialect:<29} {preset.base_url}{_quirks(written(preset.quirks))}" for preset in PRESETS
    ]
    data = [
        {name: getattr(preset, name) for name in ("id", "name", "base_url", "dialect", "auth", "docs")}
        | {"key_url": preset.key_page, "quirks": written(preset.quirks), "models": sorted(known.get(preset.id, ()))}
        for preset in PRESETS
    ]
    hands.show(options, data, "\n".join(rows))
    return 0


def _add(hands: Hands, options: argparse.Namespace) -> int:
    preset, given = _preset(options), _given(options)
    quirks = {**preset.get("quirks", {}), **given.get("quirks", {})}
    given = {**preset, **given, "quirks": quirks}
    if missing := [option for option in ("dialect", "base_url") if option not in given]:
        options.usage_error(f"give --preset, or --{' and --'.join(missing).replace('_', '-')}")
    if "key" not in given:
        options.usage_error("say where its key is: --key-env, --key-stdin or --no-key")
    provider = hands.do(options, "providers add", **given)
    _tell(hands, options, provider, f"Added. Conversations go to {provider['calls']}.")
    return 0


def _preset(options: argparse.Namespace) -> dict[str, Any]:
    """What a preset fills in; a program on this computer wants no key."""
    from api.providers.asking import written
    from api.providers.presets import preset

    if options.preset is None:
        return {}
    found = preset(options.preset)
    if found is None:
        raise SaidInWords(f"There is no preset “{options.preset}”. List them with: morello providers presets")
    filled: dict[str, Any] = {"dialect": found.dialect, "base_url": found.base_url, "name": found.name}
    if options.dialect in (None, found.dialect):
        filled["quirks"] = written(found.quirks)
    return {**filled, "key": None} if found.is_local else filled


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The fields that were given on the command line."""
    fields = {name: getattr(options, name) for name in ("id", "name", "dialect", "base_url")}
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if options.quirk:
        given["quirks"] = dict(_quirk(options, text) for text in options.quirk)
    if options.no_key:
        return {**given, "key": None}
    if options.key_stdin:
        return {**given, "key": sys.stdin.readline()}
    return {**given, "key": _key_of_environment(options.key_env)} if options.key_env else given


def _quirk(options: argparse.Namespace, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        options.usage_error(f"“{text}” says no value: write --quirk {text}=VALUE, or {text}= for what is usual")
    return name, value


def _key_of_environment(name: str) -> str:
    if name not in os.environ:
        raise SaidInWords(f"The environment variable {name} is not set. Set it, or use --key-stdin.")
    return os.environ[name]


def _edit(hands: Hands, options: argparse.Namespace) -> int:
    given = _given(options)
    if options.proxy is not None:
        given["proxy"] = PROXIES[options.proxy] if options.proxy in PROXIES else hands.typed("proxy", options.proxy)
    if len(given) == 1:
        options.usage_error(
            "say what to change: --name, --base-url, --dialect, --quirk, --proxy, --key-env, --key-stdin or --no-key"
        )
    provider = hands.do(options, "providers edit", **given)
    _tell(hands, options, provider, f"Changed. Conversations go to {provider['calls']}.")
    return 0


def _switch(hands: Hands, options: argparse.Namespace) -> int:
    provider = hands.do(options, "providers switch", id=options.id, enabled=options.enabled)
    _tell(hands, options, provider, "Switched on." if options.enabled else "Switched off.")
    return 0


def _test(hands: Hands, options: argparse.Namespace) -> int:
    check = hands.do(options, "providers test", id=options.id)
    count = len(check["models"])
    models = "One model" if count == 1 else f"{count} models"
    _tell(hands, options, check, check["error"] or f"Connected in {check['ms']} ms. {models} found.")
    return 0 if check["ok"] else 1


def _measure(hands: Hands, options: argparse.Namespace) -> int:
    rows = hands.do(options, "providers conformance", id=options.id, model=options.model, embedder=options.embedder)
    lines = (
        f"{row['question']:<11} {row['outcome']:<8} {row['model']}{'  ' + row['words'] if row['words'] else ''}"
        for row in rows
    )
    hands.show(options, rows, "\n".join(lines))
    return int(any(row["outcome"] == "failed" for row in rows))


def _remove(hands: Hands, options: argparse.Namespace) -> int:
    hands.do(options, "providers remove", id=options.id)
    _tell(hands, options, {"id": options.id}, "Removed.")
    return 0


def _tell(hands: Hands, options: argparse.Namespace, data: Any, sentence: str) -> None:
    """Data is only printed where it is asked for: the sentence says what was done."""
    if options.json:
        hands.show(options, data, "")
    print(sentence, file=sys.stderr)


def _keys(hands: Hands, options: argparse.Namespace) -> int:
    return cli_keys.run(options, hands.do, hands.show, _key_of_environment)

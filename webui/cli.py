"""morello: the commands.

Data goes to standard output and nothing else does. Exit codes: 0 done, 1 refused or failed with a sentence,
2 another instance on this home, 3 the dashboard's port is taken, 4 data newer than the program, 64 usage.

Most commands only speak to the running process, so what serves and stores is imported where it is needed.
"""

import argparse
import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from api import VERSION
from api.errors import AnotherInstance, CannotRun, SaidInWords
from api.home import Home, Occupant
from api.loopback import address
from api.running import default_cache, default_home, run
from webui.control import Order, Report, send, socket_path

USAGE: Final = 64
DASHBOARD_PORT: Final = 23300
STARTING_SECONDS: Final = 5.0  # how long a process that just started may take to open its socket
# These speak to a running process or not at all; the others work on the stored data too.
NEEDS_PROCESS: Final = frozenset(("start", "stop", "restart", "login-url"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, do what it says, return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "serve")
    try:
        options = _parser().parse_args(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    options.home = (options.home or default_home(os.environ)).absolute()
    action: Callable[[argparse.Namespace], int] = options.action
    try:
        return action(options)
    except CannotRun as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except SaidInWords as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


class Parser(argparse.ArgumentParser):
    """argparse with the exit code that sysexits.h gives to wrong usage."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> Parser:
    parser = Parser("morello", description="The one local door to every AI model.")
    parser.add_argument("--version", action="version", version=f"morello {VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = _command(commands, "serve", "start the dashboard and the API (the default)", _serve)
    serve.add_argument("--dashboard-port", type=_port, default=None, help=f"{DASHBOARD_PORT}; 0 picks a free one")
    serve.add_argument("--no-browser", action="store_true", help="do not open the dashboard in a browser")
    serve.add_argument("--no-start", action="store_true", help="leave the API stopped")
    levels = ("debug", "info", "warning", "error")
    serve.add_argument("--log-level", choices=levels, default="info", help="what the log keeps")

    _data_command(commands, "status", "what the API does now", _show_status)
    for name, text in (
        ("start", "open the API"),
        ("stop", "close it, at once"),
        ("restart", "cut every connection"),
    ):
        _command(commands, name, text, _transition).set_defaults(command=name)
    _data_command(commands, "login-url", "a link that opens the dashboard once", _value("login-url", "url"))

    key = commands.add_parser("key", help="the API key").add_subparsers(required=True, metavar="VERB")
    _data_command(key, "show", "print it", _value("key show", "key"))
    _data_command(key, "regenerate", "replace it; only while the API is not running", _value("key regenerate", "key"))

    port = _data_command(commands, "port", "print the API's port, or change it", _show_port)
    port.add_argument("port", nargs="?", metavar="N")

    _data_command(commands, "models", "every model there is", _list_models)
    _provider_commands(commands.add_parser("providers", help="whom Morello may ask"))
    return parser


def _provider_commands(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _data_command(verbs, "list", "every provider", _list_providers)
    add = _data_command(verbs, "add", "add one; nobody is called", _add_provider)
    add.add_argument("id", metavar="ID", help="what stands before the colon in a model's name")
    add.add_argument("--dialect", required=True, help="openai_chat or anthropic")
    add.add_argument("--base-url", required=True, help="with the version, as its documentation gives it")
    add.add_argument("--name", help="how the dashboard calls it")
    key = add.add_mutually_exclusive_group(required=True)
    key.add_argument("--key-env", metavar="VAR", help="take the key from this environment variable, now")
    key.add_argument("--key-stdin", action="store_true", help="read the key from standard input")
    key.add_argument("--no-key", action="store_true", help="the provider wants none")
    remove = _command(verbs, "remove", "forget one, and its key", _remove_provider)
    remove.add_argument("id", metavar="ID")


def _command(commands: Any, name: str, text: str, action: Callable[[argparse.Namespace], int]) -> Parser:
    parser: Parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--home", type=Path, default=None, help="the data directory")
    parser.set_defaults(action=action)
    return parser


def _data_command(commands: Any, name: str, text: str, action: Callable[[argparse.Namespace], int]) -> Parser:
    parser = _command(commands, name, text, action)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


# What the commands do


def _serve(options: argparse.Namespace) -> int:
    from webui.serve import Options, serve

    dashboard = options.dashboard_port
    if dashboard is None:
        dashboard = _port_of_environment()
    chosen = Options(
        options.home,
        default_cache(os.environ),
        dashboard,
        not options.no_browser,
        not options.no_start,
        options.log_level,
        called_as(options.home),
    )
    return run(lambda: serve(chosen))


def _port_of_environment() -> int:
    text = os.environ.get("MORELLO_DASHBOARD_PORT") or str(DASHBOARD_PORT)
    try:
        return _port(text)
    except ValueError:
        raise CannotRun(f"MORELLO_DASHBOARD_PORT is “{text}”, which is not a port. Set a number up to 65535.") from None


def _show_status(options: argparse.Namespace) -> int:
    status = _status(options)
    text = f"{status['state']}  {status['address']}"
    if status["pid"]:
        text += f"  pid {status['pid']}  dashboard {status['dashboard'] or 'none'}"
    _print(options, status, f"{text}\n{status['reason']}" if status["reason"] else text)
    return 0


def _status(options: argparse.Namespace) -> dict[str, Any]:
    report = asyncio.run(_ask(options, Order("status")))
    if report:
        running: dict[str, Any] = report.data
        return running
    status: dict[str, Any] = {
        "state": "stopped",
        "reason": None,
        "dashboard": None,
        "pid": None,
        "version": VERSION,
    }
    occupant = Home(options.home).occupant()
    if occupant and occupant.api:  # `python -m api`: no control socket, but its lock says where it listens
        port = int(occupant.api.rpartition(":")[2])
        status |= {"state": "running", "pid": occupant.pid}
    else:
        port = _saved_port(options)
    return {**status, "address": address(port), "port": port}


def _saved_port(options: argparse.Namespace) -> int:
    from api.settings import Settings

    if not (options.home / "morello.db").exists():
        return Settings().port
    port: int = _do(options, "port")
    return port


def _transition(options: argparse.Namespace) -> int:
    data = _do(options, options.command)
    if options.command == "stop":
        told = f"Stopped. {data['cut']} streams were cut." if data["cut"] else "Stopped."
    else:
        told = f"Running at {data['address']}."
    print(told, file=sys.stderr)
    return 0


def _value(command: str, name: str) -> Callable[[argparse.Namespace], int]:
    def show(options: argparse.Namespace) -> int:
        value = _do(options, command)
        _print(options, {name: value}, str(value))
        return 0

    return show


def _show_port(options: argparse.Namespace) -> int:
    port = _do(options, "port", port=options.port)
    _print(options, {"port": port}, str(port))
    return 0


def _list_models(options: argparse.Namespace) -> int:
    models = _do(options, "models")
    _print(options, models, "\n".join(model["id"] for model in models))
    return 0


def _list_providers(options: argparse.Namespace) -> int:
    providers = _do(options, "providers list")
    rows = [f"{row['id']:<16} {row['dialect']:<12} {row['calls']}" for row in providers]
    _print(options, providers, "\n".join(rows))
    return 0


def _add_provider(options: argparse.Namespace) -> int:
    given = {"id": options.id, "dialect": options.dialect, "base_url": options.base_url, "name": options.name}
    provider = _do(options, "providers add", key=_key(options), **given)
    if options.json:
        _print(options, provider, "")
    print(f"Added. Conversations go to {provider['calls']}.", file=sys.stderr)
    return 0


def _key(options: argparse.Namespace) -> str | None:
    if options.no_key:
        return None
    if options.key_stdin:
        return sys.stdin.readline()
    if options.key_env not in os.environ:
        raise SaidInWords(f"The environment variable {options.key_env} is not set. Set it, or use --key-stdin.")
    return os.environ[options.key_env]


def _remove_provider(options: argparse.Namespace) -> int:
    _do(options, "providers remove", id=options.id)
    print("Removed.", file=sys.stderr)
    return 0


# The way to the data


def _do(options: argparse.Namespace, command: str, **given: Any) -> Any:
    """What the command gives, from the running process or from the stored data."""
    return asyncio.run(_done(options, Order(command, given)))


async def _done(options: argparse.Namespace, order: Order) -> Any:
    report = await _ask(options, order)
    if report is None:
        if order.command in NEEDS_PROCESS:
            raise SaidInWords(f"Morello is not running on {options.home}. Start it with: {called_as(options.home)}")
        report = await _do_alone(options, order)
    if report.refused is not None:
        raise SaidInWords(report.refused)
    return report.data


async def _ask(options: argparse.Namespace, order: Order) -> Report | None:
    """The report of the running process; None if there is none. One that just started is waited for."""
    path, home = socket_path(options.home), Home(options.home)
    ends = asyncio.get_running_loop().time() + STARTING_SECONDS
    while (report := await send(path, order)) is None:
        occupant = home.occupant()
        if occupant is None or occupant.api or asyncio.get_running_loop().time() > ends:
            return None
        await asyncio.sleep(0.05)
    return report


async def _do_alone(options: argparse.Namespace, order: Order) -> Report:
    from api import app
    from api.door import Door
    from api.gateway import Gateway
    from api.listener import Listener
    from webui.commands import READING, Commands

    home = Home(options.home)
    home.prepare()
    read_only = False
    try:
        home.lock()
        home.tell(Occupant(os.getpid()))
    except AnotherInstance:
        read_only = order.command in READING
        if not read_only:
            raise
    try:
        async with Gateway.open(home, default_cache(os.environ), read_only) as gateway:
            return await Commands(Door(gateway, Listener(app.build(gateway))), None, None).obey(order)
    finally:
        home.release()


def called_as(home: Path) -> str:
    """How this program is called on this machine, for this home."""
    found = shutil.which("morello")
    program = Path(sys.argv[0]).absolute()
    if program.name == "__main__.py":
        words = [sys.executable, "-m", "webui"]
    elif found and Path(found).samefile(program):
        words = ["morello"]
    else:
        words = [str(program)]
    if home != default_home(os.environ).absolute():
        words += ["--home", str(home)]
    return shlex.join(words)


def _print(options: argparse.Namespace, data: Any, text: str) -> None:
    if options.json:
        print(msgspec.json.encode(data).decode())
    elif text:
        print(text)

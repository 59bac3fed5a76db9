"""morello: the commands.

Data goes to standard output and nothing else does. Exit codes: 0 done, 1 refused or failed with a sentence,
2 another instance on this home, 3 the dashboard's port is taken, 4 data newer than the program, 64 usage, 130 Ctrl-C.

Most commands only speak to the running process, so what serves and stores is imported where it is needed.
"""

import argparse
import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from api import VERSION
from api.errors import AnotherInstance, CannotRun, SaidInWords
from api.home import Home, Occupant
from api.loopback import address
from api.running import default_cache, default_home, run
from webui import cli_files, cli_limits, cli_models, cli_providers
from webui.control import Order, Report, send, socket_path

USAGE: Final = 64
INTERRUPTED: Final = 130  # what a shell says of a command that Ctrl-C ended
DASHBOARD_PORT: Final = 23300
LOG_LINES: Final = 100
FILES: Final = ("local_model", "ca_file")  # settings that are paths
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
    except KeyboardInterrupt:
        return INTERRUPTED
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

    password = commands.add_parser("password", help="the dashboard's password").add_subparsers(
        required=True, metavar="VERB"
    )
    new = _command(password, "set", "set it, or another one; every browser is signed out then", _set_password)
    new.add_argument("--stdin", action="store_true", help="read it as one line of standard input")
    _command(password, "clear", "have none; a one-time link still opens the dashboard", _clear_password)

    port = _data_command(commands, "port", "print the API's port, or change it", _show_port)
    port.add_argument("port", nargs="?", metavar="N")

    settings = _data_command(commands, "settings", "print what can be chosen, or choose", _show_settings)
    settings.add_argument("name", nargs="?", metavar="NAME")
    settings.add_argument("value", nargs="?", metavar="VALUE")

    limits = _data_command(commands, "limits", "print how long and how large calls may be, or say it", _limits)
    cli_limits.add_verbs(limits, _data_command)

    logs = _command(commands, "logs", "print the end of the log", _show_log)
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is written, until Ctrl-C")
    logs.add_argument("-n", "--lines", type=_count, default=LOG_LINES, metavar="N", help=f"how many; {LOG_LINES}")

    cli_models.add_model_verbs(_data_command(commands, "models", "every model there is", _models), _data_command)
    groups = _data_command(commands, "groups", "names of your own, each for a model or several in order", _groups)
    cli_models.add_group_verbs(groups, _data_command)
    hands = cli_providers.Hands(_do, _print, _typed)
    presets = partial(cli_providers.list_presets, hands)
    _data_command(commands, "presets", "providers that are known by name", presets)
    cli_providers.add_verbs(commands.add_parser("providers", help="whom Morello may ask"), _data_command, hands)
    _file_commands(commands)
    return parser


def _file_commands(commands: Any) -> None:
    brought = _data_command(commands, "import", "show what a file holds; --apply takes it over", _import)
    brought.add_argument(
        "file",
        metavar="FILE",
        help="a backup of Cherry Studio, LiteLLM's config.yaml, an export of Morello; env: the keys in the environment",
    )
    brought.add_argument("--apply", action="store_true", help="take it over, all of it")
    taken = _data_command(commands, "export", "write what was set up into a new file", _export)
    taken.add_argument("file", metavar="FILE", help="- is standard output")
    taken.add_argument("--without-secrets", action="store_true", help="leave the keys out")
    for parser in (brought, taken):
        parser.add_argument("--passphrase-stdin", action="store_true", help="read its passphrase from standard input")


def _command(commands: Any, name: str, text: str, action: Callable[[argparse.Namespace], int]) -> Parser:
    parser: Parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--home", type=Path, default=None, help="the data directory")
    parser.set_defaults(action=action)
    return parser


def _data_command(commands: Any, name: str, text: str, action: Callable[[argparse.Namespace], int]) -> Parser:
    parser = _command(commands, name, text, action)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


# What the commands do


def _serve(options: argparse.Namespace) -> int:
    from api.providers.presets import ENVIRONMENT
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
        {name: text for name, text in os.environ.items() if name in ENVIRONMENT},
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


def _set_password(options: argparse.Namespace) -> int:
    new = sys.stdin.readline().rstrip("\r\n") if options.stdin else _typed_twice()
    ended = _do(options, "password set", password=new)["ended"]
    told = f"Password set. {ended} browsers were signed out." if ended > 1 else "Password set."
    print("Password set. One browser was signed out." if ended == 1 else told, file=sys.stderr)
    return 0


def _typed_twice() -> str:
    from getpass import getpass

    if not sys.stdin.isatty():
        raise SaidInWords("There is no terminal to type a password into. Give it as one line with --stdin.")
    try:
        new, again = getpass("New password: "), getpass("Again: ")
    except (EOFError, KeyboardInterrupt):
        raise SaidInWords("Nothing was changed.") from None
    if again != new:
        raise SaidInWords("The two are not the same. Nothing was changed.")
    return new


def _clear_password(options: argparse.Namespace) -> int:
    _do(options, "password clear")
    print("Password removed.", file=sys.stderr)
    return 0


def _show_port(options: argparse.Namespace) -> int:
    port = _do(options, "port", port=options.port)
    _print(options, {"port": port}, str(port))
    return 0


def _models(options: argparse.Namespace) -> int:
    return cli_models.run_models(options, _do, _print)


def _groups(options: argparse.Namespace) -> int:
    return cli_models.run_groups(options, _do, _print)


def _show_settings(options: argparse.Namespace) -> int:
    if options.value is None:
        settings = _do(options, "settings", name=options.name)
    else:
        settings = _do(options, "settings set", name=options.name, value=_typed(options.name, options.value))
    data = settings[0] if options.name else settings
    _print(options, data, "\n".join(_setting(row, alone=bool(options.name)) for row in settings))
    return 0


def _typed(name: str, value: str) -> str:
    """A file is meant from where the command was typed, which the running process cannot know.

    A proxy may be given on standard input: whoever lists the processes of this machine sees their arguments.
    """
    if name == "proxy" and value == "-":
        return sys.stdin.readline().rstrip("\r\n")
    return str(Path(value).expanduser().absolute()) if name in FILES and value.strip() else value


def _setting(row: dict[str, Any], alone: bool) -> str:
    value, default = (msgspec.json.encode(row[name]).decode() for name in ("value", "default"))
    if alone:
        return row["value"] if isinstance(row["value"], str) else value
    return f"{row['name']:<16} {value}" if value == default else f"{row['name']:<16} {value}  (default {default})"


def _show_log(options: argparse.Namespace) -> int:
    from api.logs import log_file
    from webui.log import follow, last_lines, show

    log = log_file(options.home)
    if not log.exists():
        raise SaidInWords(f"There is no log yet. Once Morello has run, it is at {log}")
    with suppress(KeyboardInterrupt):  # how following ends
        show(follow(log, options.lines) if options.follow else last_lines(log, options.lines))
    return 0


def _limits(options: argparse.Namespace) -> int:
    return cli_limits.run(options, _do, _print)


def _import(options: argparse.Namespace) -> int:
    return cli_files.import_file(options, _do)


def _export(options: argparse.Namespace) -> int:
    return cli_files.export_file(options, _do)


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
            return await Commands(Door(gateway, Listener(app.build(gateway))), None).obey(order)
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

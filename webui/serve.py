"""Compose and run: the gateway, its two doors, and the socket for the commands."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from api import app as api_app
from api import ports
from api.door import Door
from api.errors import DashboardPortTaken, OwnerError
from api.gateway import Gateway
from api.home import Home, Occupant
from api.listener import Failed, Listener, Running
from api.logs import close_log, open_log
from api.loopback import address
from api.running import raise_file_limit, settle_memory, told_to_end
from webui import app as dashboard_app
from webui.commands import Commands
from webui.control import Control, socket_path
from webui.render import warm
from webui.session import Sessions


class Options(Struct, frozen=True):
    """How to serve. `command` is how this program is called here, for the sentences that name it.

    `environment` holds the variables in which keys of providers are usually kept.
    """

    home: Path
    cache: Path
    dashboard_port: int
    browser: bool
    start: bool
    log_level: str
    command: str
    environment: Mapping[str, str] = {}


async def serve(options: Options) -> int:
    """Serve until told to end."""
    home = Home(options.home)
    home.prepare()
    home.lock()
    raise_file_limit()
    try:
        async with Gateway.open(home, options.cache) as gateway:
            open_log(home.path, options.log_level, gateway.redact)
            if gateway.keys.was_unreadable:
                say("The API key could not be read: master.key is not the one it was sealed with. There is a new key.")
            await _serve(options, home, gateway)
        return 0
    finally:
        close_log()
        home.release()


async def _serve(options: Options, home: Home, gateway: Gateway) -> None:
    ends = told_to_end()
    port = _dashboard_port(options.dashboard_port)
    api = api_app.build(gateway)
    door = Door(gateway, Listener(api, gateway.news.tell))
    sessions = Sessions(gateway.store, port)
    dashboard = Listener(
        dashboard_app.build(
            gateway,
            door,
            sessions,
            document=api.ctx.document,
            login_command=f"{options.command} login-url",
            environment=options.environment,
        )
    )
    opened = await dashboard.open(port)
    if not isinstance(opened, Running):
        raise DashboardPortTaken(_no_dashboard(port, opened.reason if isinstance(opened, Failed) else None))
    gateway.dashboard = address(port)
    home.tell(Occupant(os.getpid(), gateway.dashboard))
    control = Control(socket_path(home.path), Commands(door, sessions).obey)
    try:
        await control.open()
        if gateway.settings.api_wanted and options.start:
            await door.start()
        _greet(options, door, sessions)
        await api.ctx.document.read()
        await asyncio.to_thread(warm)
        settle_memory()
        await ends.wait()
    finally:
        await control.close()
        await door.conformance.close()
        await door.listener.close(gateway.settings.drain)
        await dashboard.close()


def _dashboard_port(wanted: int) -> int:
    if wanted:
        return wanted
    # The cookie is named after the port, so it must be known before the page is built.
    with ports.bind(0) as free:
        port: int = free.getsockname()[1]
        return port


def _no_dashboard(port: int, reason: OwnerError | None) -> str:
    return f"The dashboard cannot be opened. {reason} Or choose another one with --dashboard-port."


def _greet(options: Options, door: Door, sessions: Sessions) -> None:
    assert door.gateway.dashboard is not None
    link = sessions.new_link(door.gateway.dashboard)
    if isinstance(door.state, Running):
        say(f"API:       {door.address}/v1")
    elif isinstance(door.state, Failed):
        say(f"API:       could not start. {door.state.reason}")
    else:
        say(f"API:       stopped. Start it in the dashboard, or with: {options.command} start")
    say(f"Dashboard: {door.gateway.dashboard}")
    say(f"Log in:    {link}")
    if options.browser:
        open_browser(link, os.environ)


def open_browser(link: str, environment: Mapping[str, str]) -> None:
    """Show `link` in a browser with windows; where there is no screen, do nothing.

    Other users of this computer could read the link from the list of processes for a moment. It is good for one
    use: were it stolen, the owner's own browser would be refused, and say so.
    """
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    has_screen = sys.platform == "darwin" or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if has_screen and shutil.which(opener):
        # BROWSER may name a text browser, which would take over the terminal.
        quiet = {name: value for name, value in environment.items() if name != "BROWSER"}
        subprocess.Popen(
            [opener, link],
            env=quiet,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)

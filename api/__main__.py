"""python -m api: the API alone, without dashboard and without control socket."""

import argparse
import os
import sys
from pathlib import Path

from api import app
from api.door import Door
from api.errors import PortRefused
from api.gateway import Gateway
from api.home import Home, Occupant
from api.listener import Failed, Listener
from api.logs import close_log, open_log
from api.running import default_cache, default_home, raise_file_limit, run, settle_memory, told_to_end
from api.settings import HIGHEST_PORT, LOWEST_PORT

USAGE = 64


async def serve(path: Path, port: int | None) -> int:
    """Serve until told to end."""
    home = Home(path)
    home.prepare()
    home.lock()
    raise_file_limit()
    try:
        async with Gateway.open(home, default_cache(os.environ)) as gateway:
            open_log(home.path, "info", gateway.redact)
            api = app.build(gateway)
            listener = Listener(api, gateway.news.tell)
            state = await listener.open(gateway.settings.port if port is None else port)
            if isinstance(state, Failed):
                print(state.reason, file=sys.stderr)
                return 1
            door = Door(gateway, listener)
            home.tell(Occupant(os.getpid(), api=door.address))
            print(f"API: {door.address}", flush=True)
            ends = told_to_end()
            await api.ctx.document.read()
            settle_memory()
            await ends.wait()
            await listener.close(gateway.settings.drain)
        return 0
    finally:
        close_log()
        home.release()


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser("python -m api", description=__doc__)
    parser.add_argument("--home", type=Path, default=None, help="the data directory")
    parser.add_argument("--port", type=int, default=None, help="where to listen; the saved port if not given")
    try:
        options = parser.parse_args()
    except SystemExit as ended:
        return USAGE if ended.code else 0
    if options.port is not None and not (options.port == 0 or LOWEST_PORT <= options.port <= HIGHEST_PORT):
        print(PortRefused(f"Choose a port from {LOWEST_PORT} to {HIGHEST_PORT}."), file=sys.stderr)
        return USAGE
    return run(lambda: serve(options.home or default_home(os.environ), options.port))


if __name__ == "__main__":
    sys.exit(main())

"""Every state in which the server card can be seen."""

import time

from api.errors import Holder, PortRefused, PortTaken
from api.listener import Failed, Running, Starting, State, Stopped, Stopping

HOLDER = Holder("Cherry Studio", 8127, "kahei", time.time() - 18_000)
TAKEN = Failed(23333, PortTaken(23333, HOLDER, 23334), time.time())
MORELLO = Holder("python", 8127, "kahei", 1.0, is_morello=True, dashboard="http://127.0.0.1:24300")
REFUSED = PortRefused("Port 23333 cannot be used: Permission denied. Choose another port.")
STATES: dict[str, State] = {
    "not-started": Stopped(time.time()),
    "stopped": Stopped(time.time(), by_owner=True),
    "starting": Starting(23333),
    "running": Running(23333, time.time() - 16_640),
    "stopping": Stopping(23333, time.time() + 3600),
    "stopping-at-once": Stopping(23333, 0),
    "port-in-use": TAKEN,
    "port-in-use-unknown": Failed(23333, PortTaken(23333), time.time()),
    "port-in-use-morello": Failed(23333, PortTaken(23333, MORELLO, 23334), 1.0),
    "failed": Failed(23333, REFUSED, 1.0),
}

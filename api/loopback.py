"""Is this caller here, is this page ours: the rules for Host, Origin and Sec-Fetch-Site.

Pure functions over header values. The listener binds 127.0.0.1 only, but a web page can still reach it by a
name that resolves there (DNS rebinding) or by a form (CSRF); these rules are what stops it.
"""

import re
from collections.abc import Sequence
from typing import Final

ADDRESS: Final = "127.0.0.1"
_HOST: Final = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)


def address(port: int) -> str:
    """The URL of a port on this machine."""
    return f"http://{ADDRESS}:{port}"


def host_is_ours(hosts: Sequence[str]) -> bool:
    """Whether exactly one Host header came and it names this machine.

    The port is free: an SSH tunnel may listen on another one at the far side.
    """
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None


def change_is_ours(site: str | None, origin: str | None, host: str) -> bool:
    """Whether an unsafe request came from a page of this very origin.

    Ports of 127.0.0.1 are one *site*, so `same-site` is refused like `cross-site`. Clients that send no
    Sec-Fetch-Site (older browsers) must send the exact Origin instead.
    """
    if site is not None:
        return site == "same-origin"
    return origin == f"http://{host}"


def part_is_ours(site: str | None) -> bool:
    """Whether a part of a page, or the live stream, may be read: by our own page or by no browser at all."""
    return site in (None, "same-origin")

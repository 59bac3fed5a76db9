"""Who is calling: a Host header that names this machine, and the key.

Both are looked at before the body is read, on the route that Sanic matched and never on a URL put together
again. No cookie and no query parameter opens anything here: what a browser adds by itself must be worthless.
"""

from typing import Final

from sanic import Request

from api.errors import NotAllowed, WrongHost
from api.keys import PREFIX, Keyring
from api.loopback import host_is_ours

MISSING: Final = (
    "No API key came with the request. Send “Authorization: Bearer cs-sk-…” with the key from the dashboard."
)
WRONG: Final = "The API key is not the one in force. Copy the key from the dashboard; an older one was replaced."
TWO: Final = "“Authorization” and “x-api-key” carry two different keys. Send only one of them."


def require_host(request: Request) -> None:
    """Raise `WrongHost` unless the caller asked for this machine by a name that is ours."""
    if not host_is_ours(request.headers.getall("host", [])):
        raise WrongHost("This address answers to 127.0.0.1 and localhost only. Use one of them as the host.")


def require_key(request: Request, keys: Keyring) -> None:
    """Raise `NotAllowed` unless the request carries the key in force."""
    presented = _bearers(request) | set(request.headers.getall("x-api-key", ()))
    if not presented:
        raise NotAllowed(MISSING)
    ours = {key for key in presented if key.startswith(PREFIX)} if len(presented) > 1 else presented
    if len(ours) > 1:
        raise NotAllowed(TWO)
    # Header values are raw bytes in disguise: a strange key must be wrong, not a crash.
    if not all(keys.check(key.encode(errors="surrogateescape")) for key in ours or presented):
        raise NotAllowed(WRONG)


def _bearers(request: Request) -> set[str]:
    found = set()
    for value in request.headers.getall("authorization", ()):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            found.add(token.strip())
    return found

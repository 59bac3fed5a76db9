"""Who is calling: a Host header that names this machine, and the key.

Both are looked at before the body is read, on the route that Sanic matched and never on a URL put together
again. No cookie opens anything here: what a browser adds by itself must be worthless. The same goes for the query,
but on Gemini's own routes, whose callers know no other place for their key. In the path a key stands below /k/, for
programs that can be told an address and nothing else: only where the owner allowed it, for addresses are shown and
written down everywhere.
"""

import re
from typing import Final
from urllib.parse import unquote

from sanic import Request

from api.errors import NotAllowed, WrongHost
from api.keys import PREFIX, Keyring
from api.loopback import host_is_ours

GOOGLE_KEY: Final = "x-goog-api-key"
# Every SDK has its own: Anthropic's, Google's and Azure's.
KEY_HEADERS: Final = ("x-api-key", GOOGLE_KEY, "api-key")
IN_QUERY: Final = "v1beta/"  # the beginning of the routes that take `?key=`
HIDDEN: Final = "[hidden]"
_IN_PATH: Final = re.compile(r"(?<=^/k/)[^/]*")
MISSING: Final = (
    "No API key came with the request. Send “Authorization: Bearer cs-sk-…” with the key from the dashboard."
)
WRONG: Final = "The API key is not the one in force. Copy the key from the dashboard; an older one was replaced."
TWO: Final = "%(places)s carry different keys. Send only one of them."
NOT_IN_PATH: Final = (
    "A key in the path opens nothing as long as that is switched off. Switch it on with “morello settings path_keys "
    "true”, or send “Authorization: Bearer cs-sk-…” to the address without /k/."
)


def require_host(request: Request) -> None:
    """Raise `WrongHost` unless the caller asked for this machine by a name that is ours."""
    if not host_is_ours(request.headers.getall("host", [])):
        raise WrongHost("This address answers to 127.0.0.1 and localhost only. Use one of them as the host.")


def require_key(request: Request, keys: Keyring, in_query: bool = False, in_path: bool = False) -> None:
    """Raise `NotAllowed` unless the request carries the key in force.

    `in_query` and `in_path`: it may stand there.
    """
    presented = _presented(request, in_query)
    if place := _IN_PATH.search(request.path):
        if not in_path:
            raise NotAllowed(NOT_IN_PATH)
        presented = {unquote(place[0]): "/k/…"} | presented
    if not presented:
        raise NotAllowed(MISSING)
    ours = {key: places for key, places in presented.items() if key.startswith(PREFIX)}
    if len(presented) == 1 or not ours:
        ours = presented
    elif len(ours) > 1:
        raise NotAllowed(TWO, places=" and ".join(f"“{place}”" for place in sorted(set(ours.values()))))
    # Header values are raw bytes in disguise: a strange key must be wrong, not a crash.
    if not all(keys.check(key.encode(errors="surrogateescape")) for key in ours):
        raise NotAllowed(WRONG)


def without_key(path: str) -> str:
    """A path as it may be shown."""
    return _IN_PATH.sub(HIDDEN, path, count=1)


def _presented(request: Request, in_query: bool) -> dict[str, str]:
    """Every key that came, and where."""
    headers = request.headers
    found = {token: "Authorization" for value in headers.getall("authorization", ()) if (token := _bearer(value))}
    for name in KEY_HEADERS:
        if name in headers:
            found |= {key: name for key in headers.getall(name) if key not in found}
    if in_query and "key=" in request.query_string:
        found |= {key: "?key=" for key in request.args.getlist("key", ()) if key not in found}
    return found


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""

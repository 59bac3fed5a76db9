"""How things go wrong.

    GatewayError                  a call failed; each dialect prints it in its own shape
      InvalidRequest       400      the caller's body or query
        ProviderNotReady   400        switched off, or without a readable key
          ModelOff                    the owner switched the model off
        Incapable          400        the provider has no such endpoint; the sentence says who has
      NotAllowed           401      no key, or a wrong one
      UnknownPath          404
      UnknownModel         404
      UnknownResponse      404
        UnknownPrevious    404
      MethodNotAllowed     405
      TooLarge             413
      UnsupportedMedia     415
      WrongHost            421
      ApiStopped           503      the owner pressed Stop
      Unprepared           503      the built-in model could not start
      UpstreamFailed       502      everything a provider can do to us
        UpstreamRefused    as is      it answered with an error of its own
        UpstreamUnreachable 502
        UpstreamTimeout    504
        BadReply           502        what came back was not an answer
        StreamBroken       502        it stopped in the middle
    OwnerError                    what the owner asked of the dashboard or the command cannot be done
      PortTaken            409      EADDRINUSE, with who holds it
      PortRefused          422      not a port the API can have
      RunningNow           409      only while the API is not running
      ProviderRefused      422      a field of a provider's row
      StoreFailed          503      the disk is full, the database is held
    CannotRun                     the program ends, with an exit code of its own

An error knows a status, a kind and a sentence a person can act on. It has never heard of a wire format.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from msgspec import Struct


class SaidInWords(Exception):
    """An error whose text is the sentence shown to a person; equal when it says the same.

    `words` is the sentence with a `%(name)s` for each of the values `given`, so that it can be said in another
    language; without values it is the sentence itself.
    """

    def __init__(self, words: str, **given: object) -> None:
        # What is quoted may hold bytes of a header that are no text; no answer and no log could be written with them.
        super().__init__((words % given if given else words).encode(errors="replace").decode())
        self.words, self.given = words, given

    @property
    def message(self) -> str:
        """The sentence, in English."""
        return str(self)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))


class GatewayError(SaidInWords):
    """A call that failed. `source` says whose fault it is: gateway, provider or network."""

    status: int = 500
    kind: str = "internal_error"
    source: ClassVar[str] = "gateway"
    param: str | None = None
    headers: Mapping[str, str] = {}


class InvalidRequest(GatewayError):
    status, kind = 400, "invalid_request"

    def __init__(self, words: str, param: str | None = None, **given: object) -> None:
        super().__init__(words, **given)
        self.param = param


class ProviderNotReady(InvalidRequest):
    kind = "provider_not_configured"


class ModelOff(ProviderNotReady):
    kind = "model_switched_off"


class Incapable(InvalidRequest):
    kind = "unsupported_by_provider"


class NotAllowed(GatewayError):
    status, kind = 401, "invalid_api_key"
    # RFC 9110 11.6.1: a 401 names the scheme that would have worked.
    headers: Mapping[str, str] = {"www-authenticate": 'Bearer realm="Morello"'}


class UnknownPath(GatewayError):
    status, kind = 404, "not_found"


class UnknownModel(GatewayError):
    status, kind, param = 404, "model_not_found", "model"


class UnknownResponse(GatewayError):
    status, kind = 404, "response_not_found"

    def __init__(self, id: str) -> None:
        super().__init__(
            "There is no response “%(id)s”. Responses are kept for an hour, for the key that asked.", id=id[:80]
        )


class UnknownPrevious(UnknownResponse):
    kind, param = "previous_response_not_found", "previous_response_id"


class MethodNotAllowed(GatewayError):
    status, kind = 405, "method_not_allowed"

    def __init__(self, method: str, allowed: list[str]) -> None:
        allow = ", ".join(sorted(allowed))
        super().__init__(f"{method} is not possible here. Use {allow}.")
        self.headers = {"allow": allow}


class TooLarge(GatewayError):
    status, kind = 413, "request_too_large"


class UnsupportedMedia(GatewayError):
    status, kind = 415, "unsupported_media_type"


class WrongHost(GatewayError):
    status, kind = 421, "wrong_host"


class ApiStopped(GatewayError):
    status, kind = 503, "server_stopped"


class Unprepared(GatewayError):
    status, kind = 503, "local_model_unavailable"


class UpstreamFailed(GatewayError):
    status, kind, source = 502, "upstream_error", "provider"


class UpstreamRefused(UpstreamFailed):
    """The provider answered with an error: its own words, redacted, and the status a caller should see.

    `type` is the provider's own name for it, where the caller's dialect is the provider's.
    """

    def __init__(
        self,
        words: str,
        status: int,
        kind: str,
        type: str | None = None,
        retry_after: str | None = None,
        **given: object,
    ) -> None:
        super().__init__(words, **given)
        self.status, self.kind, self.type = status, kind, type
        if retry_after:
            self.headers = {"retry-after": retry_after}


class UpstreamUnreachable(UpstreamFailed):
    status, kind, source = 502, "upstream_unreachable", "network"


class UpstreamTimeout(UpstreamFailed):
    status, kind, source = 504, "upstream_timeout", "network"


class BadReply(UpstreamFailed):
    kind = "upstream_bad_response"


class StreamBroken(UpstreamFailed):
    kind, source = "stream_broken", "network"


class OwnerError(SaidInWords):
    """What the owner asked for cannot be done; the sentence stands beside the field or on the terminal."""

    status: int = 422


def marked(sentence: str) -> str:
    """`sentence` as it is: marked for the catalogues here, said in a reader's language elsewhere."""
    return sentence


# By whether it is known who holds the port, and whether another one is free.
TAKEN: Final = {
    (True, True): marked(
        "Port %(port)d is already in use by %(who)s (EADDRINUSE). Use port %(free)d instead, or stop that program and "
        "start again. `lsof -i :%(port)d` shows it."
    ),
    (True, False): marked(
        "Port %(port)d is already in use by %(who)s (EADDRINUSE). Use another port, or stop that program and start "
        "again. `lsof -i :%(port)d` shows it."
    ),
    (False, True): marked(
        "Port %(port)d is already in use by another program (EADDRINUSE). Use port %(free)d instead, or stop that "
        "program and start again. `lsof -i :%(port)d` shows it."
    ),
    (False, False): marked(
        "Port %(port)d is already in use by another program (EADDRINUSE). Use another port, or stop that program and "
        "start again. `lsof -i :%(port)d` shows it."
    ),
}


class Holder(Struct, frozen=True):
    """Who listens on a port, as far as the system tells. `since` is in seconds since 1970."""

    name: str | None = None
    pid: int | None = None
    user: str | None = None
    since: float | None = None
    is_morello: bool = False
    dashboard: str | None = None


class PortTaken(OwnerError):
    """`free` is the next port that proved free by binding, or None if none near did."""

    status = 409

    def __init__(self, port: int, holder: Holder | None = None, free: int | None = None) -> None:
        self.port, self.holder, self.free = port, holder or Holder(), free
        pid = f"(pid {self.holder.pid})" if self.holder.pid else None
        who = " ".join(filter(None, (self.holder.name, pid)))
        super().__init__(TAKEN[bool(who), bool(free)], port=port, who=who, free=free)


class PortRefused(OwnerError):
    pass


class RunningNow(OwnerError):
    status = 409


class StoreFailed(OwnerError):
    status = 503


class ProviderRefused(OwnerError):
    def __init__(self, words: str, field: str, **given: object) -> None:
        super().__init__(words, **given)
        self.field = field


class CannotRun(SaidInWords):
    """The program cannot go on; `exit_code` is the process's."""

    exit_code: int = 1


class AnotherInstance(CannotRun):
    exit_code = 2


class DashboardPortTaken(CannotRun):
    exit_code = 3


class DataTooNew(CannotRun):
    exit_code = 4

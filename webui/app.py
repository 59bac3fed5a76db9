"""The dashboard as one Sanic app: its page table, its headers, its errors."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic
from sanic.compat import Header
from sanic.exceptions import MethodNotAllowed, NotFound, PayloadTooLarge, SanicException
from sanic.response import BaseHTTPResponse, html, redirect, text

from api.app import Document, add_docs
from api.calls import Calls
from api.connection import hang_up_if_unread
from api.door import Door
from api.errors import OwnerError, SaidInWords
from api.gateway import Gateway
from webui.gate import Elsewhere, Gated, Refused
from webui.house import House, language
from webui.live import live
from webui.pages import (
    aliases,
    conformance,
    connect,
    facts,
    facts_table,
    files,
    first_run,
    health,
    importing,
    limits,
    login,
    models,
    overview,
    provider_keys,
    providers,
    server,
    settings,
)
from webui.pages.language import choose_language
from webui.render import render
from webui.session import Sessions
from webui.view import THEME, asked_by_htmx

log = logging.getLogger("morello.dashboard")

LIMITS: Final = {
    "ACCESS_LOG": False,
    "AUTO_EXTEND": False,
    "MOTD": False,
    "OAS": False,
    "TOUCHUP": False,  # Sanic can do it for one app in a process: the API
    "FALLBACK_ERROR_FORMAT": "text",
    "REQUEST_MAX_SIZE": 64 * 1024,
    "REQUEST_MAX_HEADER_SIZE": 16 * 1024,
    "REQUEST_TIMEOUT": 10,
    "KEEP_ALIVE_TIMEOUT": 30,
    "RESPONSE_TIMEOUT": 90,  # more than the longest drain, for which Stop waits
}
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "clipboard-write=(self)",
    "cache-control": "no-store",
}

GET, POST = ("GET", "HEAD"), ("POST",)
PAGE, PUBLIC, PART = {"ctx_page": True}, {"ctx_public": True}, dict[str, Any]()
UPLOAD: Final[dict[str, Any]] = {"ctx_upload": True, "stream": True}
PAGES: Final[tuple[tuple[str, tuple[str, ...], Any, dict[str, Any]], ...]] = (
    ("/", GET, overview.show, PAGE),
    ("/start", POST, server.start, PART),
    ("/restart", POST, server.restart, PART),
    ("/stop", POST, server.stop, PART),
    ("/port", POST, server.move, PART),
    ("/key/reveal", POST, server.reveal, PART),
    ("/key/copy", POST, server.copy, PART),
    ("/key/regenerate", POST, server.regenerate, PART),
    ("/connect/<client>", GET, connect.choose_client, PART),
    ("/connect/copy", POST, connect.copy_block, PART),
    ("/providers", GET, providers.list_providers, PAGE),
    ("/providers/add", GET, providers.new_provider, PAGE),
    ("/providers/add", POST, providers.add_provider, PART),
    ("/providers/check", POST, providers.check_provider, PART),
    ("/providers/calls", POST, providers.show_calls, PART),
    ("/providers/test", POST, providers.test_providers, PART),
    ("/providers/import", GET, importing.new_import, PAGE),
    ("/providers/import", POST, importing.read_import, UPLOAD),
    ("/providers/import/environment", POST, importing.read_environment, PART),
    ("/providers/import/apply", POST, importing.apply_import, PART),
    ("/providers/export", POST, importing.download_export, PART),
    ("/providers/<id>/edit", GET, providers.change_provider, PAGE),
    ("/providers/<id>/edit", POST, providers.keep_provider, PART),
    ("/providers/<id>/keys", POST, provider_keys.add_key, PART),
    ("/providers/<id>/keys/<number>", POST, provider_keys.change_key, PART),
    ("/providers/<id>/keys/<number>/wake", POST, provider_keys.wake_key, PART),
    ("/providers/<id>/keys/<number>/remove", POST, provider_keys.remove_key, PART),
    ("/providers/<id>/try", POST, provider_keys.close_circuit, PART),
    ("/providers/<id>/test", POST, providers.test_provider, PART),
    ("/providers/<id>/switch", POST, providers.switch_provider, PART),
    ("/providers/<id>/remove", POST, providers.remove_provider, PART),
    ("/providers/<id>/restore", POST, providers.restore_provider, PART),
    ("/models", GET, models.list_models, PAGE),
    ("/models/list", GET, models.find_models, PART),
    ("/models/refresh", POST, models.refresh_models, PART),
    ("/models/switch", POST, models.switch_model, PART),
    ("/models/add", POST, models.add_model, PART),
    ("/models/remove", POST, models.remove_model, PART),
    ("/models/facts", GET, facts.show_facts, PAGE),
    ("/models/facts", POST, facts.keep_facts, PART),
    ("/models/table", GET, facts_table.show_table, PAGE),
    ("/models/table", POST, facts_table.compare_table, UPLOAD),
    ("/models/table/apply", POST, facts_table.use_table, PART),
    ("/models/names/add", GET, aliases.new_alias, PAGE),
    ("/models/names", POST, aliases.keep_alias, PART),
    ("/models/names/arrange", POST, aliases.arrange_alias, PART),
    ("/models/names/<name>", GET, aliases.change_alias, PAGE),
    ("/models/names/<name>/remove", POST, aliases.remove_alias, PART),
    ("/models/names/<name>/restore", POST, aliases.restore_alias, PART),
    ("/first-run/found", GET, first_run.find, PART),
    ("/first-run/add", POST, first_run.add_found, PART),
    ("/first-run/skip", POST, first_run.skip, PART),
    ("/live", ("GET",), live, PART),
    ("/settings", GET, settings.show_settings, PAGE),
    ("/theme", POST, settings.choose_theme, PART),
    ("/drain", POST, settings.change_drain, PART),
    ("/responses", POST, settings.keep_responses, PART),
    ("/local-model", POST, settings.choose_local_model, PART),
    ("/path-keys", POST, settings.allow_path_keys, PART),
    ("/proxy", POST, settings.use_proxy, PART),
    ("/ca-file", POST, settings.use_ca_file, PART),
    ("/limits", POST, limits.change_limits, PART),
    ("/providers/<id>/limits", GET, limits.show_limits, PAGE),
    ("/providers/<id>/conformance", GET, conformance.show_conformance, PAGE),
    ("/providers/<id>/conformance", POST, conformance.start_conformance, PART),
    ("/providers/<id>/conformance/cancel", POST, conformance.cancel_conformance, PART),
    ("/password", POST, settings.set_password, PART),
    ("/password/clear", POST, settings.clear_password, PART),
    ("/sessions/end", POST, settings.end_session, PART),
    ("/sessions/end-others", POST, settings.end_other_sessions, PART),
    ("/login", ("GET",), login.enter, PUBLIC),
    ("/login", POST, login.enter_by_password, PUBLIC),
    ("/logout", POST, login.leave, PART),
    ("/language", POST, choose_language, PUBLIC),
    ("/health", GET, health.health, PUBLIC),
    ("/static/<name:path>", GET, files.serve, PUBLIC),
)


def build(
    gateway: Gateway,
    door: Door,
    sessions: Sessions,
    *,
    document: Document,
    login_command: str,
    environment: Mapping[str, str] | None = None,
    name: str = "dashboard",
) -> Sanic[Any, Any]:
    """The dashboard over `gateway` and its `door`. Built once; a `Listener` opens and closes it."""
    app = Gated(name, env_prefix=None, configure_logging=False)
    app.config.update(LIMITS)
    house = House(gateway, door, sessions, login_command, environment or {})
    app.ctx.calls, app.ctx.sessions = Calls(), sessions
    _add_pages(app, house)
    add_docs(app, document)
    app.middleware(_add_headers, "response")
    app.exception(Exception)(partial(_answer_error, house))
    return app


def _add_pages(app: Sanic[Any, Any], house: House) -> None:
    for path, methods, handler, marks in PAGES:
        app.add_route(partial(handler, house=house), path, methods, name=handler.__name__, **marks)


async def _add_headers(request: Request, response: BaseHTTPResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers = _Headers(response.headers)


class _Headers(Header):
    """Sanic writes an empty `alt-svc` on every answer: it is not wanted."""

    def __setitem__(self, name: str, value: str) -> None:
        if name != "alt-svc":
            super().__setitem__(name, value)


async def _answer_error(house: House, request: Request, error: Exception) -> HTTPResponse:
    """Any error as a small page, or as text for whoever is not a browser's window."""
    if isinstance(error, Elsewhere):
        return redirect(str(error), status=307)
    hang_up_if_unread(request)
    status, told = _told(error)
    said = language(request).said(told)
    headers = dict(getattr(error, "headers", {}))
    if asked_by_htmx(request):
        # The page that asked is older than the session or the program: loaded again it shows what is so.
        return text(said, status, {**headers, "hx-refresh": "true"} if status in (401, 403) else headers)
    if "text/html" not in request.headers.get("accept", "") or status == 421:
        return text(said, status, headers)
    if status == 401:
        return login.locked(request, house, said)
    return html(render(language(request), "message.html", said=said, theme=THEME.of(request)), status, headers)


def _told(error: Exception) -> tuple[int, SaidInWords]:
    match error:
        case Refused() | OwnerError():
            return error.status, error
        case NotFound():
            return 404, SaidInWords("There is nothing at this address.")
        case MethodNotAllowed():
            return 405, SaidInWords("This address is not meant to be used that way.")
        case PayloadTooLarge():
            return 413, SaidInWords("The request is too large.")
        case SanicException() if error.status_code < 500:
            return error.status_code, SaidInWords("The request could not be understood.")
        case _:
            log.error("the dashboard failed at a request", exc_info=error)
            return 500, SaidInWords("Morello failed at this. Its log says more.")

"""From what a page shows to what the browser gets: a whole page, or the part that changed."""

import re
import time
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from sanic import HTTPResponse, Request
from sanic.response import html, redirect

from webui.card import card
from webui.choice import Choice
from webui.house import House, language
from webui.render import render

THEME: Final = Choice("theme", ("light", "dark"))
HOME: Final = "/"
# A path of ours, and nothing that a browser would take for another host.
_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1000}")


class Wrong(Struct, frozen=True):
    """What was typed into a field, and why it cannot be."""

    field: str
    typed: str
    sentence: str


class Told(Struct, frozen=True):
    """What is said beside the page: a toast (with the address that undoes it), a wrong field, a secret in clear, a
    question to be answered."""

    toast: str | None = None
    undo: str | None = None
    wrong: Wrong | None = None
    key: str | None = None
    asks: str | None = None


class Part(Struct, frozen=True):
    """A part of a page that changes while you watch.

    Its template is `parts/<name>.html`, its root element has the id `<name>`, and what `look` gives is filled in as
    `<name>`. Two looks that are equal look the same; what is written in a language is written by the template.
    """

    name: str
    look: Callable[[Request, House], Any]

    @property
    def template(self) -> str:
        """The template's name."""
        return f"parts/{self.name}.html"


def path_of_ours(path: str | None) -> str:
    """`path` if it leads to a page of this dashboard, else home: whoever wrote it may have meant another site."""
    return path if path and _PATH.fullmatch(path) else HOME


def asked_by_htmx(request: Request) -> bool:
    """Whether a part is wanted rather than a page."""
    return "hx-request" in request.headers


def page(
    request: Request, house: House, name: str, told: Told | None = None, status: int = 200, **values: object
) -> HTTPResponse:
    """The page `name`, whole."""
    return html(_render(request, house, f"{name}.html", told, here=name, **values), status)


def answer(
    request: Request,
    house: House,
    template: str,
    told: Told | None = None,
    *,
    otherwise: Callable[[], HTTPResponse] | None = None,
    home: str = HOME,
    **values: object,
) -> HTTPResponse:
    """What an action answers: the part that changed for htmx, else `otherwise`, or back to the page `home`.

    htmx gets 200 also for a form that was filled in wrongly: a browser notes every other status as an error of
    the page, and the part says what is wrong.
    """
    if asked_by_htmx(request):
        return html(_render(request, house, template, told, **values))
    return otherwise() if otherwise else redirect(home, status=303)


def fill(request: Request, house: House, template: str, **values: object) -> str:
    """`template` in the reader's language, with what every page needs."""
    return _render(request, house, template, None, **values)


def _render(request: Request, house: House, template: str, told: Told | None, **values: object) -> str:
    base = {
        "server": card(house),
        "count": len(house.gateway.providers.all()),
        "told": told or Told(),
        "csrf": request.ctx.session.csrf,
        "now": time.time(),
        "theme": THEME.of(request),
    }
    return render(language(request), template, **{**base, **values})

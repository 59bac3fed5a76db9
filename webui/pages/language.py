"""The reader's choice of a language."""

from sanic import HTTPResponse, Request
from sanic.response import redirect

from webui.gate import field
from webui.house import LANGUAGE, House
from webui.locale import SPOKEN
from webui.view import path_of_ours


async def choose_language(request: Request, house: House) -> HTTPResponse:
    """Keep the language in a cookie, and go back to the page where it was chosen."""
    chosen = field(request, "language")
    response = redirect(path_of_ours(field(request, "back")), status=303)
    return LANGUAGE.keep(request, response, chosen) if chosen in SPOKEN else response

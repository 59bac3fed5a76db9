"""The reader's choice of a language."""

import re
from typing import Final

from sanic import HTTPResponse, Request
from sanic.response import redirect

from webui.gate import field
from webui.house import House, language_cookie
from webui.locale import SPOKEN

LIFE_SECONDS: Final = 400 * 86_400  # browsers keep no cookie for longer
# A path of ours: `//host` and `/\host` would lead elsewhere.
_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,500}")


async def choose_language(request: Request, house: House) -> HTTPResponse:
    """Keep the language in a cookie, and go back to the page where it was chosen."""
    back, tag = field(request, "back") or "", field(request, "language")
    response = redirect(back if _PATH.fullmatch(back) else "/", status=303)
    if tag in SPOKEN:
        response.headers["set-cookie"] = (
            f"{language_cookie(request)}={tag}; Path=/; Max-Age={LIFE_SECONDS}; HttpOnly; SameSite=Lax"
        )
    return response

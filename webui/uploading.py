"""A file that comes with a form of the dashboard: read as it comes, bounded, and only for the page's own token."""

from typing import Any, Final

from msgspec import Struct
from sanic import Request

from api import uploads
from api.errors import GatewayError, OwnerError, TooLarge
from webui.gate import require_owned
from webui.house import House
from webui.locale import marked

AROUND: Final = 64 * 1024  # bytes of a form beside its file


class Form(Struct, frozen=True):
    """What was uploaded. `name` is what the file was called."""

    content: bytes
    name: str
    passphrase: str | None


class WrongFile(OwnerError):
    """What cannot be read, with the field that is wrong."""

    def __init__(self, words: str, at: str, **given: object) -> None:
        super().__init__(words, **given)
        self.field = at


async def received(request: Request, house: House, largest: int) -> Form:
    """The form with its `file` of at most so many bytes, once it has come. `WrongFile` says what is wrong with it."""
    stream: Any = request.stream
    read = stream.read if stream.request_body else _nothing
    kind, announced = request.headers.get("content-type", ""), stream.request_bytes or 0
    upload = uploads.Upload(read, kind, house.gateway.home, announced, largest + AROUND)
    try:
        await upload.arrive()
        require_owned(request, upload.value("csrf"))
        files = upload.files("file")
        content = await upload.read(files[0], largest) if files and files[0].size else b""
        passphrase = upload.value("passphrase") or None
        name = (files[0].filename or "") if files else ""
    except TooLarge as error:
        raise WrongFile(marked("The file is larger than %(most)d MiB."), "file", most=largest // 1024**2) from error
    except GatewayError as error:
        raise WrongFile(error.words, "file", **error.given) from error
    finally:
        upload.close()
    if not content:
        raise WrongFile(marked("Choose a file that is not empty."), "file")
    return Form(content, name, passphrase)


async def _nothing() -> None:
    """A request without a body has nothing to read: Sanic would wait for it."""

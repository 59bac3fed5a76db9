"""Bytes to typed values, with errors that name the field."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import msgspec

from api.errors import InvalidRequest

T = TypeVar("T")
TOO_DEEP: Final = "The body is nested too deeply. Send JSON with fewer levels."
_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Decode a caller's JSON; `InvalidRequest` names the field that is wrong."""
    if not body or body.isspace():
        raise InvalidRequest("The body is empty. Send a JSON object.")
    try:
        if not body.isascii():
            body.decode()
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid UTF-8. Send JSON in UTF-8.") from error
    except RecursionError as error:
        raise InvalidRequest(TOO_DEEP) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error


@contextmanager
def not_too_deep() -> Iterator[None]:
    """For what walks a body level by level: more of them than the interpreter can follow are refused in words."""
    try:
        yield
    except RecursionError as error:
        raise InvalidRequest(TOO_DEEP) from error


def _wrong_field(text: str) -> InvalidRequest:
    place = _PLACE.search(text)
    what = re.sub(r"`([^`]*)`", r"“\1”", text[: place.start()] if place else text)
    where = place[1].replace("[...]", "[]") if place else None
    return InvalidRequest(f"{what}, in the field “{where}”." if where else f"{what}.", where or None)

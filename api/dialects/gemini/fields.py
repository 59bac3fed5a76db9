"""The fields of Google's JSON as callers fill them.

Google's servers take camelCase and snake_case. `thoughtSignature` holds base64 and nothing else, and Google's SDK for
Python decodes it: a seal from elsewhere is wrapped and then put into base64 once more.
"""

import base64
import binascii
import re
from typing import Any, Final, TypeVar

import msgspec

from api.conversation import Seal
from api.dialects import sealing
from api.errors import InvalidRequest

T = TypeVar("T")
MINTED: Final = "gemini"
# Google's own words for a call whose signature is not to be had: ai.google.dev/gemini-api/docs/thought-signatures.
UNSIGNED: Final = "skip_thought_signature_validator"
_MARK: Final = base64.b64encode(sealing.MARK[:12].encode()).decode()  # 12 letters are 16 of base64, unpadded
_STANDARD: Final = str.maketrans("-_", "+/")


def fields_of(value: object, where: str) -> dict[str, Any]:
    """The fields of an object in camelCase, those that are null left out."""
    if not isinstance(value, dict):
        raise wrong("an object", where)
    return {(camel(name) if "_" in name else name): field for name, field in value.items() if field is not None}


def camel(name: str) -> str:
    """`max_output_tokens` as `maxOutputTokens`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if first else name


def take(fields: dict[str, Any], name: str, kind: type[T], where: str = "") -> T | None:
    """Take a field out; a number may come as a string, as Protobuf's JSON has it."""
    value = fields.pop(name, None)
    if value is None:
        return None
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        place = f"{where}.{name}" if where else name
        reason = re.sub(r"`([^`]*)`", r"“\1”", str(error).split(" - at ")[0])
        raise InvalidRequest(f"{reason}, in the field “{place}”.", place) from error


def listed(value: object, where: str) -> list[Any]:
    """A list; a single thing is a list of it."""
    if isinstance(value, dict | str):
        return [value]
    if not isinstance(value, list):
        raise wrong("a list", where)
    return value


def wrong(kind: str, where: str) -> InvalidRequest:
    """The error of a field that is not of its `kind`."""
    return InvalidRequest(f"“{where or 'body'}” must be {kind}.", where or None)


def signature(seal: Seal) -> str:
    """The text of the field for `seal`."""
    text = sealing.wrap(seal, MINTED)
    return base64.b64encode(text.encode()).decode() if text.startswith(sealing.MARK) else text


def sealed(text: str | None) -> Seal | None:
    """The seal that the field holds."""
    if not text:
        return None
    if text.startswith(_MARK):
        try:
            return sealing.unwrap(base64.urlsafe_b64decode(text).decode(), MINTED)
        except (binascii.Error, ValueError):
            pass
    return Seal(MINTED, text)


def standard(data: str) -> str:
    """Base64 in the standard alphabet: Google's SDK for Python sends the one for URLs, which nobody else takes."""
    return data.translate(_STANDARD) if "-" in data or "_" in data else data

"""Thought signatures as they travel in `thoughtSignature`, which holds base64 and nothing else.

Google's SDK for Python decodes the field, so a seal from elsewhere is wrapped and then put into base64 once more.
"""

import base64
import binascii
from typing import Final

from api.conversation import Seal
from api.dialects import sealing

MINTED: Final = "gemini"
# Google's own words for a call whose signature is not to be had: ai.google.dev/gemini-api/docs/thought-signatures.
UNSIGNED: Final = "skip_thought_signature_validator"
_MARK: Final = base64.b64encode(sealing.MARK[:12].encode()).decode()  # 12 letters are 16 of base64, unpadded
_STANDARD: Final = str.maketrans("-_", "+/")


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

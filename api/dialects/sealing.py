"""A provider's seal inside a field of another dialect: wrapped so that it is known again, and known to be foreign.

A caller keeps a signature for us only if its own dialect has a field for one; there a foreign seal travels as
`morello-seal.` and the seal itself in base64. A provider never sees the wrapping.
"""

import base64
import binascii
from typing import Final

import msgspec

from api.conversation import Seal

MARK: Final = "morello-seal."
_SEAL: Final = msgspec.json.Decoder(Seal)


def wrap(seal: Seal, native: str) -> str:
    """A seal as the text of a field of the dialect that mints `native`: as it is at home, wrapped abroad.

    Wrapped too where it is known which provider made it: it must not come back to another one.
    """
    if seal.minted == native and not seal.provider:
        return seal.value
    return MARK + base64.urlsafe_b64encode(msgspec.json.encode(seal)).decode()


def unwrap(text: str, native: str) -> Seal:
    """The seal that a field of the dialect that mints `native` holds."""
    if text.startswith(MARK):
        try:
            return _SEAL.decode(base64.urlsafe_b64decode(text[len(MARK) :]))
        except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
            pass
    return Seal(native, text)


def fits(seal: Seal | None, minted: str, provider: str) -> bool:
    """Whether a seal may go to `provider`, asked in the dialect that mints `minted`."""
    return seal is not None and seal.minted == minted and seal.provider in ("", provider)

"""Vectors on their way to the caller: as numbers or as base64, and one for each input."""

import base64
import binascii
import math
import struct
from typing import Final

from api.dialects.embeddings.asked import Embedded, EmbeddingRequest
from api.errors import BadReply

Vector = tuple[float, ...]
WIDTH: Final = 4  # bytes of a 32-bit float
ROUNDED: Final = 1e-3  # how far from 1 a length may be that providers rounded


def lined_up(reply: Embedded, request: EmbeddingRequest) -> tuple[Vector, ...]:
    """The vectors of `reply`; `BadReply` unless there is one for each input."""
    got, wanted = len(reply.vectors), len(request.inputs)
    if got != wanted:
        raise BadReply("The provider sent %(got)d vectors for %(wanted)d inputs. Try again.", got=got, wanted=wanted)
    return reply.vectors


def unit(vector: Vector) -> Vector:
    """A vector of that direction with the length 1; as it is where it has that length already, or none."""
    length = math.hypot(*vector)
    if length in (0, math.inf) or math.isclose(length, 1, abs_tol=ROUNDED):
        return vector
    return tuple(number / length for number in vector)


def to_base64(vector: Vector) -> str:
    """A vector as the base64 of little-endian 32-bit floats."""
    try:
        packed = struct.pack(f"<{len(vector)}f", *vector)
    except OverflowError as error:
        raise BadReply("The provider sent a number that 32 bits cannot hold. Ask for floats.") from error
    return base64.b64encode(packed).decode()


def from_base64(text: str) -> Vector:
    """The vector that such text holds. `ValueError` if it holds none."""
    try:
        packed = base64.b64decode(text, validate=True)
        vector = struct.unpack(f"<{len(packed) // WIDTH}f", packed)
    except (binascii.Error, struct.error) as error:
        raise ValueError("The text is not the base64 of 32-bit floats.") from error
    if not all(map(math.isfinite, vector)):
        raise ValueError("The vector holds something that is no number.")
    return vector

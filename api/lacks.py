"""What providers turned out to lack: an endpoint, or a model that cannot do it, is not asked for again.

Kept in memory until the provider is edited, switched or tested again. What is learned in error would shut out what
works, so a refusal teaches only where it says that there is nothing: a status for it, or words that name the endpoint.
"""

import re
import time
from enum import Enum, auto
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct

from api.endpoints import Endpoint
from api.providers.provider import Provider

MOST: Final = 256  # of one provider: names of models are the callers'
LONGEST_WORDS: Final = 300
_NOWHERE: Final = (405, 501)  # whoever answers so has nothing there
_MISSING: Final = 404
_REFUSED: Final = (400, 404, 405, 422, 501)
_FORBIDDEN: Final = 502  # what becomes of a provider's 401 and 403
_MODEL: Final = re.compile(r"\bmodels?\b", re.IGNORECASE)
_UNKNOWN: Final = re.compile(r"\b(?:not found|not exist)\b", re.IGNORECASE)  # Gemini says: not found, or not supported
_SERVER: Final = re.compile(r"\b(?:server|provider)\b", re.IGNORECASE)
# How servers say that there is nothing at a path. A 404 may as well be about a model, a file or a policy.
_NO_PLACE: Final = re.compile(
    r"^(?:error:? *|404:? *)*(?:(?:file|page|path|url|resource|endpoint|route) )?not found[.!]?$"
    r"|\"(?:detail|error|message|msg)\": ?\"not found[.!]?\""  # a body that is no error of the dialect
    r"|\b(?:unknown|invalid|unrecognized) (?:request )?(?:url|path|route|endpoint)\b"
    r"|\bno route\b|\bcannot (?:get|post) /|\bunexpected endpoint\b"
    r"|\b(?:path|url|route|endpoint) .{0,80}\b(?:not found|does not exist|not exist)\b"
    r"|with status 404 and no words|web page \(status 404\)",
    re.IGNORECASE,
)
# What each endpoint's work is called by those who cannot do it.
_CALLED: Final = {
    Endpoint.COMPLETIONS: r"(?:text )?completions?|generate",
    Endpoint.EMBEDDINGS: r"(?:text )?embeddings?|embed|embedcontent",
    Endpoint.RERANK: r"re-?rank(?:ing)?|scor(?:e|ing)",
    Endpoint.IMAGES: r"images?(?: generations?)?|images/generations",
    Endpoint.IMAGE_EDITS: r"images? edit(?:s|ing)?|images/edits",
    Endpoint.IMAGE_VARIATIONS: r"image variations?|images/variations",
    Endpoint.SPEECH: r"(?:audio/)?speech|speech (?:synthesis|generation)|text[- ]to[- ]speech|tts",
    Endpoint.TRANSCRIPTIONS: r"(?:audio/)?transcriptions?|audio transcriptions?|speech[- ]to[- ]text",
    Endpoint.TRANSLATIONS: r"(?:audio/)?translations?|audio translations?",
    Endpoint.MODERATIONS: r"moderations?",
    Endpoint.FILES: r"files? api|file uploads?",
}
_SAYING: Final = (
    r"\b(?:does not|doesn.t|do not|cannot|can.t) support (?:the )?[\"'`]?/?(?:v1/)?(?:{called})[\"'`]?(?: \(\w+\))?"
    r"(?: api| endpoint| operation| task| requests)?\s*(?:[.,;:!)\"'`]|$)",
    r"\bnot supported (?:in|by|for|with|on) (?:the )?[\"'`]?/?(?:v1/)?(?:{called})\b(?!/)",
    r"\bcannot be used (?:with|for) (?:the )?[\"'`]?/?(?:v1/)?(?:{called})\b(?!/)",
    r"\bthe (?:{called}) operation does not work with the specified model\b",
    r"\bis not an? (?:{called}) model\b",
    r"\bnot allowed to generate (?:{called}) from this model\b",
)
_SAYINGS: Final = {
    endpoint: re.compile("|".join(_SAYING).replace("{called}", called), re.IGNORECASE)
    for endpoint, called in _CALLED.items()
}


class Scope(Enum):
    """What a refusal speaks of: nothing that is lacking, one model, or all that the provider has."""

    NOTHING = auto()
    MODEL = auto()
    PROVIDER = auto()


class Lack(Struct, frozen=True):
    """What a provider said when it was asked. `model` is empty where it is about them all.

    `at` is in seconds since 1970.
    """

    endpoint: Endpoint
    model: str
    words: str
    at: float


class Lacks:
    """By provider. A row that is edited is another value, and nothing is known of it."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Provider, dict[tuple[Endpoint, str], Lack]] = WeakKeyDictionary()

    def of(self, provider: Provider) -> tuple[Lack, ...]:
        """All that it is known to lack, the oldest first."""
        return tuple(self._known.get(provider, {}).values())

    def find(self, provider: Provider, endpoint: Endpoint, model: str = "") -> Lack | None:
        """Why it is not asked for `endpoint`: not at all, or not with `model`."""
        known = self._known.get(provider, {})
        return known.get((endpoint, "")) or known.get((endpoint, model))

    def learn(self, provider: Provider, endpoint: Endpoint, model: str, status: int, words: str) -> bool:
        """Whether a refusal says that there is nothing to be had: it is remembered from now on."""
        match scope(endpoint, model, status, words):
            case Scope.NOTHING:
                return False
            case Scope.PROVIDER:
                model = ""
        known = self._known.setdefault(provider, {})
        if len(known) >= MOST:
            del known[next(iter(known))]
        known[endpoint, model] = Lack(endpoint, model, words[:LONGEST_WORDS], time.time())
        return True

    def forget(self, provider: Provider) -> None:
        """Let it be asked again."""
        self._known.pop(provider, None)


def scope(endpoint: Endpoint, model: str, status: int, words: str) -> Scope:
    """What a refusal with `status` speaks of, as its words say."""
    if status not in (*_REFUSED, _FORBIDDEN):
        return Scope.NOTHING
    about_model = bool(_MODEL.search(words)) or _is_named(model, words)
    if _SAYINGS[endpoint].search(words) and not _UNKNOWN.search(words):
        return Scope.PROVIDER if not model or (_SERVER.search(words) and not about_model) else Scope.MODEL
    if status == _FORBIDDEN:
        return Scope.NOTHING
    if status in _NOWHERE:
        return Scope.MODEL if about_model and model else Scope.PROVIDER
    return Scope.PROVIDER if status == _MISSING and not about_model and _NO_PLACE.search(words) else Scope.NOTHING


def _is_named(model: str, words: str) -> bool:
    return bool(model) and re.search(rf"(?<![\w.-]){re.escape(model)}(?![\w-])", words) is not None

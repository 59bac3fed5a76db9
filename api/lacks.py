"""What providers turned out to lack: an endpoint that is not there is not asked for again.

Kept in memory until the provider is edited or tested again.
"""

import re
import time
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct

from api.endpoints import Endpoint
from api.providers.provider import Provider

_NEVER: Final = (405, 501)  # whoever answers so has nothing there, whatever the model
_MISSING: Final = 404
_MODEL: Final = re.compile(r"\bmodels?\b", re.IGNORECASE)


class Lack(Struct, frozen=True):
    """What a provider said when it was asked. `at` is in seconds since 1970."""

    words: str
    at: float


class Lacks:
    """By provider and endpoint. A row that is edited is another value, and nothing is known of it."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Provider, dict[Endpoint, Lack]] = WeakKeyDictionary()

    def of(self, provider: Provider) -> dict[Endpoint, Lack]:
        """What it is known to lack."""
        return self._known.get(provider, {})

    def learn(self, provider: Provider, endpoint: Endpoint, model: str, status: int, words: str) -> bool:
        """Whether a refusal says that the endpoint is not there: it is remembered from now on."""
        about_model = bool(_MODEL.search(words)) or (bool(model) and model in words)
        if status not in _NEVER and not (status == _MISSING and not about_model):
            return False
        self._known.setdefault(provider, {})[endpoint] = Lack(words, time.time())
        return True

    def forget(self, provider: Provider) -> None:
        """Let it be asked again."""
        self._known.pop(provider, None)

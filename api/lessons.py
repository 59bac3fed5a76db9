"""What providers taught by refusing: how each wants to be asked, where its row does not say.

Kept in memory for a provider's model until the provider is edited.
"""

from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct

from api.dialects.quirks import Quirks
from api.providers.provider import Provider, Route

MOST_MODELS: Final = 256  # of one provider
STATUSES: Final = (400, 422)
# A provider that says only that a number is too large has not refused its field.
_REFUSING: Final = (
    *("unsupported", "not support", "unknown", "unrecognized", "unrecognised", "unexpected", "not permitted"),
    *("not allowed", "forbidden", "invalid parameter", "instead"),
)


class Lesson(Struct, frozen=True):
    """A refusal that is known: the words by which it is told, what in the request it is about, and what helps."""

    about: bytes
    words: tuple[str, ...]
    changes: dict[str, object]
    certain: bool = False


LESSONS: Final = {
    "stream_options": Lesson(
        b'"stream_options"', ("stream_options", "include_usage"), {"stream_options": False}, certain=True
    ),
    "max_tokens": Lesson(b'"max_tokens"', ("max_tokens",), {"max_tokens_field": "max_completion_tokens"}),
    "max_completion_tokens": Lesson(
        b'"max_completion_tokens"', ("max_completion_tokens",), {"max_tokens_field": "max_tokens"}
    ),
    "developer": Lesson(b'"developer"', ("developer",), {"developer_role": False}, certain=True),
}


class Lessons:
    """By provider and model. A row that is edited is another value, and nothing is known of it."""

    def __init__(self) -> None:
        self._learned: WeakKeyDictionary[Provider, dict[str, dict[str, object]]] = WeakKeyDictionary()

    def learned(self, route: Route) -> dict[str, object]:
        """What differs from the quirks of its row."""
        return self._learned.get(route.provider, {}).get(route.model, {})

    def learn(self, route: Route, status: int, words: str, body: bytes) -> str | None:
        """The name of the lesson in a refusal of `body`, if there is one: it is remembered from now on."""
        for name, lesson in LESSONS.items():
            if status in STATUSES and lesson.about in body and _is_told(lesson, words.lower()):
                self._remember(route, lesson.changes)
                return name
        return None

    def _remember(self, route: Route, changes: dict[str, object]) -> None:
        models = self._learned.setdefault(route.provider, {})
        known = models.pop(route.model, {})
        if len(models) >= MOST_MODELS:
            del models[next(iter(models))]
        models[route.model] = known | changes


def _is_told(lesson: Lesson, words: str) -> bool:
    return any(word in words for word in lesson.words) and (lesson.certain or any(word in words for word in _REFUSING))


def concerns(quirks: Quirks, learned: dict[str, object], body: bytes) -> bool:
    """Whether a body says what its provider refuses."""
    if not quirks.stream_options and b'"stream_options"' in body:
        return True
    return bool(learned) and any(
        lesson.about in body for lesson in LESSONS.values() if lesson.changes.items() <= learned.items()
    )

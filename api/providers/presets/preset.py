"""One row: what is known of a provider before it is set up."""

from typing import Final

from msgspec import Struct

from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.dialects.quirks import NONE, Quirks
from api.endpoints import Endpoint

MODELS: Final = "/models"
BOTH: Final = f"{openai_chat.NAME}+{openai_responses.NAME}"
OPENAI: Final = Quirks(max_tokens_field="max_completion_tokens", developer_role=True)
# In a turn that called tools they refuse an answer without what was thought before it.
THOUGHTFUL: Final = Quirks(reasoning_field="reasoning_content", thinking_field="thinking")
QWEN: Final = Quirks(thinking_field="enable_thinking")


class Preset(Struct, frozen=True, kw_only=True):
    """A provider that is known by name. `mark` is what stands for it where there is no room for more.

    `docs` is where its API is documented, `key_page` where a key is to be had; None where none is wanted. `env` are the
    variables that usually hold one, `env_url` those that, where they are set, say for which other address it is meant.
    `key_check` is a path below the base URL that only a good key may read: not `/models` where the list is public.
    `dialect` is as a row keeps it, several with a “+” between them. A base URL with braces is to be completed by the
    owner. `endpoints` are what it has beside conversations; None where it may have anything, or where its dialect says
    it.
    """

    id: str
    name: str
    mark: str
    base_url: str
    dialect: str = openai_chat.NAME
    docs: str
    key_page: str | None = None
    env: tuple[str, ...] = ()
    env_url: tuple[str, ...] = ()
    key_check: str = MODELS
    quirks: Quirks = NONE
    endpoints: frozenset[Endpoint] | None = None

    @property
    def dialects(self) -> tuple[str, ...]:
        """Its dialects, the default first."""
        return tuple(self.dialect.split("+"))

    @property
    def is_local(self) -> bool:
        """Whether it is a program on this computer, which wants no key."""
        return self.key_page is None

    @property
    def auth(self) -> str:
        """The header in which its key travels: bearer, x-api-key, api-key, x-goog-api-key, or none."""
        if self.key_page is None:
            return "none"
        if self.quirks.deployments or self.quirks.api_version:
            return "api-key"
        own = {anthropic.NAME: "x-api-key", gemini.NAME: "x-goog-api-key"}
        return own.get(self.dialects[0], "bearer")

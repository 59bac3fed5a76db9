"""The form of a provider: what stands in its fields, and the provider that it describes.

A key is read from the form and never written into it: what a page holds could be looked up in it later.
"""

import re
import unicodedata
from typing import Final

import msgspec
from msgspec import Struct, structs
from sanic import Request

from api.dialects.quirks import NONE, Quirks
from api.errors import ProviderRefused
from api.providers.asking import FLAG, NAMES, changed, choices
from api.providers.presets import PRESETS, Preset, preset
from api.providers.provider import (
    JOINED,
    RESERVED,
    Provider,
    checked_base_url,
    checked_dialects,
    what_is_called,
)
from api.providers.registry import Changes, Providers
from webui.gate import field
from webui.pages.provider_cards import masked

# What is shown before anybody looks for more; a test holds it against the presets there are.
FIRST: Final = frozenset(
    (
        *("anthropic", "openai", "gemini", "deepseek", "openrouter", "qwen"),
        *("kimi", "glm", "mistral", "groq", "ollama"),
    )
)
# What a row's dialects are called: names of their own in every language.
SPEAKS: Final = {
    "openai_chat": "OpenAI Chat Completions",
    "openai_chat+openai_responses": "OpenAI Chat Completions + Responses",
    "openai_responses": "OpenAI Responses",
    "openai_chat+openai_responses+anthropic": "OpenAI + Anthropic",
    "anthropic": "Anthropic Messages",
    "gemini": "Google Gemini",
}
USUAL: Final = "openai_chat"
LONGEST_ID: Final = 32
SUFFIX: Final = 4  # letters of an id that are kept free for a number
CUSTOM: Final = "custom"
NO_PROXY: Final = "none"
NAMELESS: Final = "provider"
_NO_ID: Final = re.compile(r"[^a-z0-9]+")


class Form(Struct, frozen=True, kw_only=True):
    """What stands in the fields. `id` is what comes before the colon in its models' names.

    `dialect` and `quirks` are as they stand there. `preset` is None for a URL of the owner's own. `editing` is the
    provider that is changed, None for a new one. `proxy` is a URL, “none” for nobody, empty where the setting decides.
    """

    id: str
    name: str
    base_url: str
    dialect: str
    quirks: dict[str, object] = msgspec.field(default_factory=lambda: _shown(NONE))
    preset: Preset | None = None
    chosen: str = ""
    find: str = ""
    all: bool = False
    editing: Provider | None = None
    no_key: bool = False
    proxy: str = ""

    @property
    def dialects(self) -> dict[str, str]:
        """Those to choose from, as a row keeps them, by what a person calls them."""
        own = " + ".join(SPEAKS.get(name, name) for name in self.dialect.split(JOINED))
        return SPEAKS if self.dialect in SPEAKS else {**SPEAKS, self.dialect: own}

    @property
    def knows_its_dialect(self) -> bool:
        """Whether the preset says what is spoken, so that nobody need be asked."""
        return self.preset is not None and not self.editing

    @property
    def calls(self) -> tuple[str, ...]:
        """The URLs that conversations go to, one a dialect; nothing where something is still wrong."""
        try:
            dialects = checked_dialects(self.dialect)
            base_url = checked_base_url(self.base_url, dialects[0], frozenset())
            quirks = changed(NONE, self.quirks)
        except ProviderRefused:
            return ()
        provider = Provider(id=self.id, name=self.name, dialects=dialects, base_url=base_url, quirks=quirks)
        return tuple(what_is_called(provider, dialect) for dialect in dialects)

    @property
    def key_end(self) -> str | None:
        """The end of the key that is kept, where it may be seen."""
        return (masked(self.editing.key) or "").strip("•") or None if self.editing else None

    @property
    def has_key(self) -> bool:
        """Whether a key is kept, though it may be unreadable."""
        return self.editing is not None and (bool(self.editing.credentials) or self.editing.fault is not None)

    @property
    def presets(self) -> tuple[Preset, ...]:
        """The presets whose name holds what was typed into the search field; without a word the usual ones."""
        if wanted := self.find.strip().casefold():
            return tuple(known for known in PRESETS if wanted in known.name.casefold() or wanted in known.id)
        return tuple(known for known in PRESETS if self.all or known.id in FIRST or known.id == self.chosen)

    @property
    def known(self) -> int:
        """How many presets there are."""
        return len(PRESETS)

    @property
    def wants_no_key(self) -> bool:
        """Whether it is asked without a key as a matter of course."""
        return self.preset is not None and self.preset.is_local


def blank(request: Request, providers: Providers) -> Form:
    """The form of a new provider, filled in from the preset that the address names."""
    chosen, name = request.args.get("preset") or "", request.args.get("name")
    known = preset(chosen)
    id = proposed_id(providers, known, known.name if known and name is None else name or "")
    return Form(
        id=id,
        name=name if name is not None else proposed_name(known, id) if known else "",
        base_url=known.base_url if known else "",
        dialect=known.dialect if known else USUAL,
        quirks=_shown(known.quirks if known else NONE),
        preset=known,
        chosen=known.id if known else chosen and CUSTOM,
        find=request.args.get("find") or "",
        all="all" in request.args,
    )


def of(provider: Provider) -> Form:
    """The form of a provider that is there."""
    return Form(
        id=provider.id,
        name=provider.name,
        base_url=provider.base_url,
        dialect=provider.speaks,
        quirks=_shown(provider.quirks),
        preset=_preset_of(provider),
        editing=provider,
        proxy=NO_PROXY if provider.proxy == "" else provider.proxy_shown or "",
    )


def typed(request: Request, providers: Providers, editing: Provider | None = None) -> Form:
    """The form as it was sent, but for the key."""
    known = _preset_of(editing) if editing else preset(field(request, "preset") or "")
    name = (field(request, "name") or "").strip()
    usual = editing.speaks if editing else known.dialect if known else USUAL
    return Form(
        id=editing.id if editing else _typed_id(request, name) or proposed_id(providers, known, name),
        name=name,
        base_url=(field(request, "base_url") or "").strip(),
        dialect=field(request, "dialect") or usual,
        quirks=_typed_quirks(request, editing.quirks if editing else known.quirks if known else NONE),
        preset=known,
        chosen=known.id if known else CUSTOM,
        editing=editing,
        no_key=bool(field(request, "no_key")),
        proxy=(field(request, "proxy") or "").strip(),
    )


def _shown(quirks: Quirks) -> dict[str, object]:
    told = structs.asdict(quirks)
    return {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in told.items()}


def _typed_quirks(request: Request, usual: Quirks) -> dict[str, object]:
    """The quirks as they were sent, right or wrong; the usual ones from a form without them."""
    if not field(request, "quirks"):
        return _shown(usual)
    sent = {name: field(request, f"quirk.{name}") or "" for name in NAMES}
    usual_text = _shown(NONE)
    return {
        name: text == "true" if choices(name) == FLAG else text.strip() or usual_text[name]
        for name, text in sent.items()
    }


def _typed_id(request: Request, name: str) -> str | None:
    """The id that was shown, if it was made from this name: without scripts a page shows that of an earlier one."""
    return field(request, "id") if field(request, "id_for") == name else None


def typed_key(request: Request) -> str:
    """The key as it was sent."""
    return (field(request, "key") or "").strip()


def described(providers: Providers, form: Form, key: str) -> Provider:
    """The provider that a form and a key describe, not kept. `ProviderRefused` names the wrong field."""
    if form.editing:
        return providers.redraft(form.editing.id, **changes(form, key))
    return providers.draft(
        form.id, form.dialect, form.base_url, new_key(form, key), name=form.name, quirks=changed(NONE, form.quirks)
    )


def changes(form: Form, key: str) -> Changes:
    """What of a provider the form changes. Its key: another, none, or it stays."""
    wanted = Changes(name=form.name, base_url=form.base_url, dialect=form.dialect, quirks=changed(NONE, form.quirks))
    if key or form.no_key or not form.has_key:
        wanted["key"] = key or None
    if form.editing:
        wanted["proxy"] = "" if form.proxy.lower() == NO_PROXY else form.proxy or None
    return wanted


def new_key(form: Form, key: str) -> str | None:
    """The key of a new provider."""
    known = form.preset
    if not key and known and not known.is_local and form.base_url.startswith(known.base_url):
        raise ProviderRefused("%(name)s needs a key. Paste it here.", "key", name=known.name)
    return key or None


def proposed_id(providers: Providers, known: Preset | None, name: str) -> str:
    """An id that nobody has, made from the name; a preset's own id where the name is the preset's."""
    if known and name.startswith(known.name):
        wanted = f"{known.id}-{_as_id(name[len(known.name) :])}"
    else:
        wanted = _as_id(name) or NAMELESS
    return _unused(providers, wanted.strip("-")[: LONGEST_ID - SUFFIX].strip("-"))


def _unused(providers: Providers, wanted: str) -> str:
    number, id = 1, wanted
    while providers.find(id) or providers.groups.find(id) or id in RESERVED:
        number += 1
        id = f"{wanted}-{number}"
    return id


def _as_id(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NO_ID.sub("-", plain).strip("-")


def proposed_name(known: Preset, id: str) -> str:
    """The preset's name, with the number that its id was given."""
    number = id.removeprefix(known.id).strip("-")
    return f"{known.name} {number}".strip()


def _preset_of(provider: Provider) -> Preset | None:
    return next((known for known in PRESETS if known.base_url == provider.base_url), None)

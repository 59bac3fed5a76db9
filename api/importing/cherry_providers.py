"""A provider as Cherry Studio keeps it, and the drafts that it comes to."""

import re
from typing import Any, Final

from msgspec import Struct, field

from api.dialects import anthropic, gemini, openai_chat, openai_responses
from api.dialects.quirks import NONE, Quirks
from api.errors import SaidInWords
from api.importing.addresses import Address, of_preset, recognised
from api.importing.drafts import AMAZON, GOOGLE, SIGNED_IN, Draft, Key, Left, free, named, plain_url, shown, slug, whole
from api.providers.presets import BOTH, OPENAI
from api.providers.provider import JOINED, Secret

LONGEST_THEIR_ID: Final = 32  # of an id that a person may have typed; longer ones were drawn by lot
DIALECTS: Final = {
    "openai": openai_chat.NAME,
    "openai-response": openai_responses.NAME,
    "anthropic": anthropic.NAME,
    "gemini": gemini.NAME,
    "mistral": openai_chat.NAME,
    "ollama": openai_chat.NAME,
    "gateway": openai_chat.NAME,
    "new-api": JOINED.join((openai_chat.NAME, anthropic.NAME)),
    "azure-openai": BOTH,
}
# Cherry Studio asks these by other means than a key.
_SIGNED: Final = {
    "vertexai": GOOGLE,
    "vertex-anthropic": GOOGLE,
    "aws-bedrock": AMAZON,
    "copilot": SIGNED_IN,
    "cherryai": SIGNED_IN,
}
# Its own names for those that the presets call otherwise.
PRESET_OF: Final = {
    "azure-openai": ("azure",),
    "baidu-cloud": ("qianfan", "baidu"),
    "dashscope": ("qwen-cn", "dashscope-cn"),
    "doubao": ("volcengine", "ark"),
    "gateway": ("vercel", "vercel-ai-gateway"),
    "grok": ("xai",),
    "minimax": ("minimax-cn",),
    "moonshot": ("kimi-cn",),
    "silicon": ("siliconflow-cn",),
    "zhipu": ("glm",),
}
_LOCAL: Final = frozenset(("ollama", "lmstudio", "ovms", "gpustack"))
_VERSIONED: Final = re.compile(r"/v\d+(?:alpha|beta)?(?:/|$)", re.IGNORECASE)
_BETWEEN_KEYS: Final = re.compile(r"(?<!\\)[,，\n]")


class TheirKey(Struct):
    """One key, as its database has it."""

    key: str
    label: str | None = None
    isEnabled: bool = True


class Options(Struct):
    """What a server cannot do."""

    isNotSupportArrayContent: bool | None = None
    isNotSupportStreamOptions: bool | None = None
    isSupportDeveloperRole: bool | None = None


class TheirProvider(Struct):
    """One row. `apiKey` may hold several keys, `apiHost` lacks the version. `keys` are its database's."""

    id: str
    type: str = "openai"
    name: str | None = None
    apiKey: str | None = None
    apiHost: str | None = None
    anthropicApiHost: str | None = None
    apiVersion: str | None = None
    models: list[Any] | None = None
    enabled: bool | None = None
    isSystem: bool | None = None
    authType: str | None = None
    apiOptions: Options | None = None
    isNotSupportArrayContent: bool | None = None
    isNotSupportStreamOptions: bool | None = None
    isSupportDeveloperRole: bool | None = None
    extra_headers: dict[str, Any] | None = None
    keys: list[TheirKey] = field(default_factory=list)

    @property
    def pool(self) -> tuple[Key, ...]:
        """Its keys, apart."""
        written = _BETWEEN_KEYS.split(self.apiKey or "")
        texts = [Key(Secret(text.strip().replace("\\,", ","))) for text in written]
        return whole([*texts, *(Key(Secret(key.key.strip()), key.label or "", 1, key.isEnabled) for key in self.keys)])

    @property
    def is_local(self) -> bool:
        """Whether it is a program that wants no key."""
        host = self.apiHost or ""
        return self.type == "ollama" or self.id in _LOCAL or "://localhost" in host or "://127.0.0.1" in host

    @property
    def is_unused(self) -> bool:
        """Whether nobody ever set it up."""
        return not self.pool and not (self.enabled and self.is_local) and (bool(self.isSystem) or not self.apiHost)


def drafted(row: TheirProvider, taken: set[str]) -> tuple[list[Draft], list[Left]]:
    """What it comes to, and what of it is left behind. `taken` are ids that others have."""
    name = named(row.name, row.id)
    if why := _refused(row):
        return [], [Left(name, why)]
    address = _address(row)
    if address is None:
        why = SaidInWords("Its address is not in the backup. Add the provider by its address.")
        return [], [Left(name, why)]
    draft = Draft(
        id=free(_id(row, address), taken),
        name=name,
        dialect=address.dialect,
        base_url=address.base_url,
        keys=row.pool,
        models=len(row.models or ()),
        enabled=bool(row.enabled),
        quirks=_quirks(row, address.quirks),
        preset=address.preset,
    )
    return [draft], _lost(row, name, address)


def host_with_version(host: str, dialect: str) -> str:
    """The base URL that Cherry Studio makes of a host: `/v1` is added but to one that ends with “/” or “#”."""
    url = host.strip()
    as_it_is = url.endswith(("/", "#")) or _VERSIONED.search(url)
    url = url.rstrip("#").rstrip("/")
    return url if as_it_is or dialect in (anthropic.NAME, gemini.NAME) else f"{url}/v1"


def _refused(row: TheirProvider) -> SaidInWords | None:
    if why := _SIGNED.get(row.id) or _SIGNED.get(row.type):
        return why
    if row.authType == "oauth" and not row.pool:
        return SIGNED_IN
    if row.type not in DIALECTS:
        return SaidInWords("Morello knows no provider of the kind “%(kind)s”.", kind=shown(row.type))
    return None


def _address(row: TheirProvider) -> Address | None:
    dialect, host = DIALECTS[row.type], (row.apiHost or "").strip()
    if not host:
        return of_preset(*PRESET_OF.get(row.id, ()), row.id)
    first = dialect.split(JOINED)[0]
    if row.type == "azure-openai":
        return Address(
            host.rstrip("/#").removesuffix("/openai/v1").removesuffix("/openai") + "/openai/v1", BOTH, OPENAI
        )
    if row.type == "ollama":
        host = host.rstrip("/#").removesuffix("/v1").removesuffix("/api")
    found = recognised(host_with_version(host, first), first)
    return found if found.preset else Address(found.base_url, dialect)


def _id(row: TheirProvider, address: Address) -> str:
    """Theirs, where somebody may have typed it into a client; else what the name or the preset gives."""
    if len(row.id) <= LONGEST_THEIR_ID and slug(row.id) == row.id:
        return row.id
    return slug(row.name or "", otherwise=address.preset or "provider")


def _quirks(row: TheirProvider, known: Quirks) -> Quirks:
    if known is not NONE:
        return known  # what the presets know is newer
    options = row.apiOptions or Options()
    return Quirks(
        content_lists=not (options.isNotSupportArrayContent or row.isNotSupportArrayContent),
        stream_options=not (options.isNotSupportStreamOptions or row.isNotSupportStreamOptions),
        developer_role=bool(options.isSupportDeveloperRole or row.isSupportDeveloperRole),
    )


def _lost(row: TheirProvider, name: str, address: Address) -> list[Left]:
    left = []
    if row.extra_headers:
        why = SaidInWords("Headers of one's own are not sent on: %(names)s.", names=shown(", ".join(row.extra_headers)))
        left.append(Left(name, why))
    other = (row.anthropicApiHost or "").strip()
    if other and not row.isSystem and anthropic.NAME not in address.dialect:
        why = SaidInWords(
            "Its second address, for Anthropic's dialect, is left out: %(url)s. Add a second provider for it.",
            url=plain_url(other),
        )
        left.append(Left(name, why))
    return left

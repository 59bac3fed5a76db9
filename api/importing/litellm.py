"""LiteLLM's config.yaml: each model it lists is a name here, for one model or for several in order.

Entries with the same address and dialect are one provider, their keys its pool. What a fallback names comes after
the name's own models. https://docs.litellm.ai/docs/proxy/config_settings
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import structs

from api.errors import SaidInWords
from api.importing.drafts import OWN_KEY, Draft, Import, ImportRefused, Left, Name, free, shown, slug, whole
from api.importing.litellm_providers import Deployment, reached
from api.providers.groups import MOST_MODELS

SOURCE: Final = "LiteLLM"
PARTS: Final = ("model_list", "router_settings", "litellm_settings", "general_settings")
# What of `litellm_params` is read; the rest is named as left.
READ: Final = frozenset(
    ("model", "api_base", "base_url", "api_key", "custom_llm_provider", "litellm_credential_name", "api_version")
)
FALLBACKS: Final = "fallbacks"


def is_one(document: object) -> bool:
    """Whether a YAML document is a configuration of LiteLLM."""
    return isinstance(document, dict) and any(part in document for part in PARTS)


def read(document: Any, environment: Mapping[str, str]) -> Import:
    """The configuration as an import. Keys that it only names are looked up in `environment`."""
    told = _texts(_part(document, "environment_variables"))
    reader = Reader({**environment, **told}, _credentials(document))
    for row in _rows(document, "model_list"):
        reader.take(row)
    reader.take_fallbacks(document)
    reader.take_aliases(_part(_part(document, "router_settings"), "model_group_alias"))
    reader.leave_rest(document)
    return reader.done()


class Reader:
    """Takes one entry after the other."""

    def __init__(self, environment: Mapping[str, str], credentials: Mapping[str, dict[str, Any]]) -> None:
        self._environment, self._credentials = environment, credentials
        self._drafts: dict[tuple[str, str], Draft] = {}
        self._names: dict[str, list[str]] = {}
        self._left: dict[str, Left] = {}
        self._unread: dict[str, int] = {}

    def take(self, row: object) -> None:
        """One entry of `model_list`."""
        if not isinstance(row, dict) or not isinstance(row.get("litellm_params"), dict):
            return self._leave("model_list", SaidInWords("An entry has no litellm_params. It was left out."))
        params = self._filled(row["litellm_params"])
        name, model = shown(row.get("model_name") or ""), params.get("model")
        if not isinstance(model, str) or not name:
            return self._leave(name or "model_list", SaidInWords("An entry names no model. It was left out."))
        found = reached(params, self._environment)
        if isinstance(found, SaidInWords):
            return self._leave(name, found)
        self._note_unread(params, row.get("model_info"))
        self._name(name, found, self._kept(found).id)

    def take_fallbacks(self, document: Any) -> None:
        """What is asked where a name's own models fail."""
        parts = [_part(document, part) for part in ("litellm_settings", "router_settings")]
        for row in (row for part in parts for row in _rows(part, FALLBACKS)):
            for name, others in row.items() if isinstance(row, dict) else ():
                self._follow(shown(name), [shown(other) for other in others] if isinstance(others, list) else [])

    def take_aliases(self, aliases: Mapping[str, Any]) -> None:
        """Other names for the same models."""
        for alias, meant in aliases.items():
            target = shown(meant.get("model") if isinstance(meant, dict) else meant)
            if target in self._names:
                self._names.setdefault(shown(alias), []).extend(self._names[target])
            else:
                why = SaidInWords("It stands for “%(name)s”, which is not in model_list.", name=target)
                self._leave(shown(alias), why)

    def leave_rest(self, document: Any) -> None:
        """Name what is not carried over."""
        if "master_key" in _part(document, "general_settings"):
            self._leave("general_settings.master_key", OWN_KEY)
        for part in PARTS[1:]:
            unread = set(_part(document, part)) - {"master_key", FALLBACKS, "model_group_alias"}
            if unread:
                why = SaidInWords(
                    "These settings are LiteLLM's own: %(names)s.", names=shown(", ".join(sorted(unread)))
                )
                self._leave(part, why)
        for name, times in self._unread.items():
            why = SaidInWords("It is not carried over. Entries that have it: %(times)d.", times=times)
            self._leave(f"litellm_params.{name}", why)

    def done(self) -> Import:
        """All of it."""
        taken: set[str] = set()
        names = []
        for theirs, models in self._names.items():
            name = self._spelled(theirs, taken)
            taken.add(name)
            names.append(_name(name, theirs, list(dict.fromkeys(models))))
        found = tuple(self._drafts.values())
        return Import(source=SOURCE, found=found, names=tuple(names), left=tuple(self._left.values()))

    def _spelled(self, theirs: str, taken: set[str]) -> str:
        return free(slug(theirs, "name"), taken | {draft.id for draft in self._drafts.values()})

    def _filled(self, params: dict[str, Any]) -> dict[str, Any]:
        known = self._credentials.get(str(params.get("litellm_credential_name")), {})
        return {**known, **params}

    def _kept(self, found: Deployment) -> Draft:
        """The provider that a deployment is at, with its key in the pool."""
        place = found.draft.base_url, found.draft.dialect
        old = self._drafts.get(place)
        if old is None:
            taken = {draft.id for draft in self._drafts.values()}
            new = structs.replace(found.draft, id=free(found.draft.id, taken))
        else:
            keys = whole((*old.keys, *found.draft.keys))
            note = None if keys else old.note or found.draft.note
            new = structs.replace(old, keys=keys, models=old.models + found.draft.models, note=note)
        self._drafts[place] = new
        return new

    def _name(self, name: str, found: Deployment, provider: str) -> None:
        if found.model == "*":
            why = SaidInWords("Every model of that provider can be asked here as “%(id)s:…”.", id=provider)
            return self._leave(name, why)
        self._names.setdefault(name, []).append(f"{provider}:{found.model}")

    def _follow(self, name: str, others: list[str]) -> None:
        for other in others:
            if name in self._names and other in self._names:
                self._names[name].extend(self._names[other])
            else:
                why = SaidInWords("Its fallback “%(name)s” is not in model_list.", name=other)
                self._leave(name, why)

    def _note_unread(self, params: dict[str, Any], info: object) -> None:
        facts = [f"model_info.{name}" for name in info if "cost" in str(name)] if isinstance(info, dict) else []
        for name in (*(set(params) - READ), *facts):
            self._unread[shown(name)] = self._unread.get(shown(name), 0) + 1

    def _leave(self, what: str, why: SaidInWords) -> None:
        self._left.setdefault(f"{what} {why}", Left(what, why))


def _name(name: str, theirs: str, models: list[str]) -> Name:
    note = None
    if len(models) > MOST_MODELS:
        note = SaidInWords("Only the first %(most)d of its models come along.", most=MOST_MODELS)
    elif name != theirs:
        note = SaidInWords("It was called “%(name)s”, which cannot be a name here: tell your apps.", name=theirs)
    return Name(name, tuple(models[:MOST_MODELS]), note=note)


def _part(document: Any, name: str) -> dict[str, Any]:
    part = document.get(name) if isinstance(document, dict) else None
    return {shown(key): value for key, value in part.items()} if isinstance(part, dict) else {}


def _rows(document: Any, name: str) -> Iterator[Any]:
    rows = document.get(name) if isinstance(document, dict) else None
    if rows is not None and not isinstance(rows, list):
        raise ImportRefused("“%(name)s” is no list. Look at the dashes before its entries.", name=name)
    yield from rows or ()


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}


def _credentials(document: Any) -> dict[str, dict[str, Any]]:
    rows = [row for row in _rows(document, "credential_list") if isinstance(row, dict)]
    return {str(row.get("credential_name")): _part(row, "credential_values") for row in rows}

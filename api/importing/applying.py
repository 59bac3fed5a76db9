"""What an import comes to here: compared with what there is, shown, and kept wholly or not at all."""

import re
import time
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, structs

from api.errors import SaidInWords
from api.gateway import Gateway
from api.importing.drafts import Choice, Draft, Import, ImportRefused, Left, Name, free, slug
from api.limits import EVERY, Rule, checked, checked_route
from api.providers.chosen import checked_model, row_of_choice
from api.providers.credentials import LONGEST_LABEL, checked_label, checked_weight
from api.providers.groups import MOST_GROUPS, Group, checked_group
from api.providers.provider import Credential, Provider, checked_key, origin, pooled
from api.providers.registry import Providers
from api.settings import Settings
from api.store import limits as limit_rows
from api.store import models as model_rows
from api.store import settings as setting_rows
from api.upstream.proxies import checked_proxy

NEW, RENAMED, THERE, REFUSED = "new", "renamed", "there", "refused"
_VERSION: Final = re.compile(r"/v\d+[a-z0-9]*$")


class ProviderRow(Struct, frozen=True):
    """A provider of the file, and what it would be here: `made`, under `id`, unless it is there or refused."""

    draft: Draft
    id: str
    state: str
    why: SaidInWords | None = None
    made: Provider | None = None

    @property
    def comes(self) -> bool:
        """Whether it can be taken over."""
        return self.made is not None


class NameRow(Struct, frozen=True):
    """A name of the file, and the group it would be here."""

    theirs: Name
    name: str
    state: str
    why: SaidInWords | None = None
    made: Group | None = None

    @property
    def comes(self) -> bool:
        """Whether it can be taken over."""
        return self.made is not None


class SettingRow(Struct, frozen=True):
    """A setting that the file has otherwise than it is here."""

    name: str
    now: object
    new: object


class Preview(Struct, frozen=True):
    """What of a file maps, and what does not.

    `models` is what was chosen for models of providers that come, by their ids here.
    """

    source: str
    providers: tuple[ProviderRow, ...]
    names: tuple[NameRow, ...]
    models: tuple[Choice, ...]
    limits: tuple[Rule, ...]
    settings: tuple[SettingRow, ...]
    left: tuple[Left, ...]

    @property
    def comes(self) -> bool:
        """Whether there is anything to take over."""
        rows: list[ProviderRow | NameRow] = [*self.providers, *self.names]
        return any(row.comes for row in rows) or bool(self.settings or self.limits)


class Chosen(Struct, frozen=True):
    """What the owner wants of a file: providers and names as the file calls them, and whether its choices too."""

    providers: Collection[str]
    names: Collection[str]
    choices: bool = True


class Done(Struct, frozen=True):
    """What was taken over, by its names here."""

    providers: tuple[str, ...]
    groups: tuple[str, ...]
    settings: tuple[str, ...]
    limits: int


def compare(gateway: Gateway, imported: Import, chosen: Chosen | None = None) -> Preview:
    """What an import, or what is chosen of it, comes to now. Nothing changes."""
    providers = _compare_providers(gateway.providers, [one for one in imported.found if _wants(chosen, one)])
    here = {row.draft.id: row.id for row in providers if row.state != REFUSED}
    come = {row.draft.id: row.id for row in providers if row.comes}
    names = [name for name in imported.names if chosen is None or name.name in chosen.names]
    choices = chosen is None or chosen.choices
    return Preview(
        imported.source,
        tuple(providers),
        _compare_names(gateway.providers, names, here, {row.id for row in providers}),
        _compare_models(imported, come),
        _compare_limits(gateway, imported, come, choices),
        _compare_settings(gateway.settings, imported.settings) if choices else (),
        imported.left,
    )


async def apply(gateway: Gateway, imported: Import, chosen: Chosen | None = None) -> Done:
    """Take over what is chosen, in one transaction; `OwnerError` says why nothing was."""
    preview = compare(gateway, imported, chosen)
    made = [row.made for row in preview.providers if row.made]
    groups = [row.made for row in preview.names if row.made]
    settings = {row.name: row.new for row in preview.settings}
    if len(groups) + len(gateway.providers.groups.all()) > MOST_GROUPS:
        raise ImportRefused("There would be more than %(most)d names. Choose fewer.", most=MOST_GROUPS)

    def also(db: Any) -> None:
        for choice in preview.models:
            model_rows.put(db, row_of_choice(choice.provider, choice.model, choice.chosen))
        for rule in preview.limits:
            chosen_here = msgspec.json.encode(rule.chosen).decode()
            limit_rows.put(db, limit_rows.LimitsRow(rule.provider, rule.route, chosen_here))
        if settings:
            setting_rows.save(db, {name: msgspec.json.encode(value).decode() for name, value in settings.items()})

    await gateway.providers.adopt(made, groups, also)
    for choice in preview.models:
        gateway.providers.choosing.take(choice.provider, choice.model, choice.chosen)
    gateway.providers.forget_facts()
    gateway.limits.take(preview.limits)
    gateway.choices.take(settings)
    gateway.news.tell()
    return Done(tuple(one.id for one in made), tuple(one.name for one in groups), tuple(settings), len(preview.limits))


# Providers


def _wants(chosen: Chosen | None, draft: Draft) -> bool:
    return chosen is None or draft.id in chosen.providers


def _compare_providers(providers: Providers, drafts: list[Draft]) -> list[ProviderRow]:
    rows: list[ProviderRow] = []
    taken = {one.id for one in (*providers.all(), *providers.built_in())}
    taken |= {group.name for group in providers.groups.all()}
    for draft in drafts:
        row = _compare_provider(providers, draft, taken)
        rows.append(row)
        taken.add(row.id)
    return rows


def _compare_provider(providers: Providers, draft: Draft, taken: Collection[str]) -> ProviderRow:
    id = free(draft.id, taken)
    try:
        made = _made(providers, draft, id)
    except SaidInWords as error:
        return ProviderRow(draft, draft.id, REFUSED, error)
    if there := next((one for one in providers.all() if _is_same(one, made)), None):
        why = SaidInWords("It is there already, as “%(id)s”.", id=there.id)
        return ProviderRow(draft, there.id, THERE, why)
    if id == draft.id:
        return ProviderRow(draft, id, NEW, draft.note, made)
    why = SaidInWords("There is another “%(id)s” already: this one is called “%(new)s”.", id=draft.id, new=id)
    return ProviderRow(draft, id, RENAMED, why, made)


def _made(providers: Providers, draft: Draft, id: str) -> Provider:
    """The provider that a draft would be; `ProviderRefused` says why it cannot."""
    plain = providers.draft(id, draft.dialect, draft.base_url, None, name=draft.name, quirks=draft.quirks)
    now = time.time()
    pool = tuple(
        Credential(
            *(checked_key(one.key), number, checked_label(one.label[:LONGEST_LABEL]), checked_weight(one.weight)),
            enabled=one.enabled,
            created=now,
        )
        for number, one in enumerate(draft.keys, 1)
    )
    proxy = checked_proxy(draft.proxy) if draft.proxy else draft.proxy
    return structs.replace(pooled(plain, pool), enabled=draft.enabled, proxy=proxy)


def _is_same(there: Provider, new: Provider) -> bool:
    """Whether both ask the same place with the same key, or the new one has none to ask with."""
    if _place(there) != _place(new):
        return False
    known = {key.key for key in there.credentials}
    return all(key.key in known for key in new.credentials)


def _place(provider: Provider) -> tuple[str, str]:
    return origin(provider.base_url), _VERSION.sub("", urlsplit(provider.base_url).path)


# Names


def _compare_names(
    providers: Providers, names: list[Name], here: Mapping[str, str], new_ids: Collection[str]
) -> tuple[NameRow, ...]:
    rows: list[NameRow] = []
    taken = {*new_ids, *(one.id for one in providers.all()), *(group.name for group in providers.groups.all())}
    for theirs in names:
        row = _compare_name(providers, theirs, here, taken)
        rows.append(row)
        taken.add(row.name)
    return tuple(rows)


def _compare_name(providers: Providers, theirs: Name, here: Mapping[str, str], taken: Collection[str]) -> NameRow:
    models = [model for model in (_model(providers, model, here) for model in theirs.models) if model]
    if not models:
        why = SaidInWords("None of its models is at a provider that comes along or is there.")
        return NameRow(theirs, theirs.name, REFUSED, why)
    there = providers.groups.find(theirs.name)
    if there and list(there.models) == models:
        return NameRow(theirs, theirs.name, THERE, SaidInWords("It is there already, for the same models."))
    name = free(slug(theirs.name, "name"), taken)
    try:
        made = structs.replace(checked_group(name, models, theirs.policy), created=time.time())
    except SaidInWords as error:
        return NameRow(theirs, theirs.name, REFUSED, error)
    if name != theirs.name:
        why = SaidInWords("The name “%(name)s” is taken: it is called “%(new)s” here.", name=theirs.name, new=name)
        return NameRow(theirs, name, RENAMED, why, made)
    return NameRow(theirs, name, NEW, theirs.note or _fewer(theirs, models), made)


def _model(providers: Providers, model: str, here: Mapping[str, str]) -> str | None:
    provider, _, rest = model.partition(":")
    id = here.get(provider) or (provider if providers.find(provider) else None)
    return f"{id}:{rest}" if id and rest else None


def _fewer(theirs: Name, models: list[str]) -> SaidInWords | None:
    gone = len(theirs.models) - len(models)
    if not gone:
        return None
    return SaidInWords("%(number)d of its models are at providers that do not come along.", number=gone)


# Choices


def _compare_models(imported: Import, come: Mapping[str, str]) -> tuple[Choice, ...]:
    """What was chosen at providers that come along; at those that are there already, what was chosen here stays."""
    return tuple(
        structs.replace(choice, provider=come[choice.provider], model=checked_model(choice.model))
        for choice in imported.models
        if choice.provider in come
    )


def _compare_limits(gateway: Gateway, imported: Import, here: Mapping[str, str], for_all: bool) -> tuple[Rule, ...]:
    rules = []
    for limit in imported.limits:
        id = EVERY if limit.provider == EVERY else here.get(limit.provider)
        if id is None or (id == EVERY and not for_all):
            continue
        values = {name: checked(name, value) for name, value in limit.chosen.items()}
        if values and values != dict(gateway.limits.said(id, limit.route)):
            rules.append(Rule(id, checked_route(limit.route), values))
    return tuple(rules)


def _compare_settings(now: Settings, wanted: Mapping[str, Any]) -> tuple[SettingRow, ...]:
    try:
        new = msgspec.convert({**structs.asdict(now), **wanted}, Settings)
    except msgspec.ValidationError as error:
        raise ImportRefused("One of the file's settings is not possible: %(why)s.", why=str(error)) from None
    changed = [name for name in wanted if getattr(new, name) != getattr(now, name)]
    return tuple(SettingRow(name, getattr(now, name), getattr(new, name)) for name in changed)

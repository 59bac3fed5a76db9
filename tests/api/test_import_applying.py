"""What an import comes to here: ids that are taken, what is there already, all of it or nothing; and the way out."""

import json
import sqlite3
from decimal import Decimal

import pytest

from api.errors import OwnerError, StoreFailed
from api.facts import Capability, Facts, Prices
from api.gateway import Gateway
from api.home import Home
from api.importing import Draft, Import, ImportRefused, Key, Limit, Name, read
from api.importing.applying import NEW, REFUSED, RENAMED, THERE, Chosen, apply, compare
from api.importing.drafts import packed, unpacked
from api.importing.exporting import export
from api.importing.showing import visible
from api.providers.chosen import Chosen as Choice
from api.providers.groups import Policy
from api.providers.provider import Secret
from tests.importable import CONFIG

PASSPHRASE = "correct horse battery"
KEY = "sk-made-up-key-0000000001"
OTHER = "sk-made-up-key-0000000002"


def draft(id: str = "work", url: str = "https://api.example/v1", *keys: str, **fields) -> Draft:
    pool = tuple(Key(Secret(key)) for key in keys or (KEY,))
    return Draft(id=id, name=id.title(), dialect="openai_chat", base_url=url, keys=pool, **fields)


def an_import(*found: Draft, names: tuple[Name, ...] = (), **fields) -> Import:
    return Import(source="a test", found=found, names=names, **fields)


def made(row) -> tuple[str, ...]:
    """The models that a name would stand for."""
    assert row.made
    return row.made.models


def states(preview) -> list[tuple[str, str]]:
    return [(row.id, row.state) for row in preview.providers]


# Comparing


async def test_an_id_that_is_taken_is_offered_as_another(gateway):
    await gateway.providers.add("work", "openai_chat", "https://other.example/v1", OTHER)
    imported = an_import(draft(), names=(Name("fast", ("work:a",)),))
    preview = compare(gateway, imported)
    assert states(preview) == [("work-2", RENAMED)]
    assert made(preview.names[0]) == ("work-2:a",)
    await apply(gateway, imported)
    assert [one.id for one in gateway.providers.all()] == ["work", "work-2"]


@pytest.mark.parametrize("url", ["https://api.example/v1", "https://api.example", "https://api.example:443/v1/"])
async def test_the_same_host_with_the_same_key_is_there_already(gateway, url):
    await gateway.providers.add("mine", "openai_chat", "https://api.example/v1", KEY)
    imported = an_import(draft(url=url), names=(Name("fast", ("work:a",)),))
    preview = compare(gateway, imported)
    assert states(preview) == [("mine", THERE)]
    assert made(preview.names[0]) == ("mine:a",)  # a name may still lead to it


@pytest.mark.parametrize(("url", "key"), [("https://api.example/v1", OTHER), ("https://api.example/coding/v1", KEY)])
async def test_another_key_or_another_path_is_another_provider(gateway, url, key):
    await gateway.providers.add("work", "openai_chat", "https://api.example/v1", KEY)
    assert states(compare(gateway, an_import(draft("work", url, key)))) == [("work-2", RENAMED)]


async def test_what_was_taken_over_is_there_when_it_comes_again(gateway):
    imported = read(CONFIG.encode(), {"OPENAI_API_KEY": KEY})
    await apply(gateway, imported)
    preview = compare(gateway, imported)
    assert {row.state for row in preview.providers} == {row.state for row in preview.names} == {THERE}
    assert not preview.comes


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (draft(url="http://far.example/v1"), "Plain http"),
        (draft("work", "https://api.example/v1", "sk-with a space"), "Character"),
        (draft(url="not a url"), "https://"),
        (draft(proxy="gopher://x"), "proxy"),
    ],
)
async def test_what_cannot_be_here_says_why_and_does_not_hinder_the_others(gateway, wrong, words):
    imported = an_import(wrong, draft("other"), names=(Name("fast", ("work:a",)),))
    preview = compare(gateway, imported)
    assert states(preview) == [("work", REFUSED), ("other", NEW)]
    assert words in str(preview.providers[0].why)
    assert preview.names[0].state == REFUSED
    done = await apply(gateway, imported)
    assert (done.providers, done.groups) == (("other",), ())


async def test_a_name_that_is_taken_is_offered_as_another(gateway):
    await gateway.providers.group("fast", ["morello:echo"], Policy())
    await gateway.providers.group("same", ["work:a"], Policy())
    names = (Name("fast", ("work:a",)), Name("same", ("work:a",)), Name("work", ("work:a",)))
    rows = compare(gateway, an_import(draft(), names=names)).names
    assert [(row.name, row.state) for row in rows] == [("fast-2", RENAMED), ("same", THERE), ("work-2", RENAMED)]


async def test_a_preview_shows_no_key(gateway):
    shown = json.dumps(visible(compare(gateway, an_import(draft("work", "https://api.example/v1", KEY, OTHER)))))
    assert KEY[-4:] in shown
    assert KEY not in shown
    assert OTHER not in shown


async def test_an_address_with_a_login_is_refused_and_not_repeated(gateway):
    preview = compare(gateway, an_import(draft(url="https://me:made-up-password@a.example/v1?key=made-up-key")))
    assert states(preview) == [("work", REFUSED)]
    shown = visible(preview)
    assert shown["providers"][0]["base_url"] == "https://a.example/v1"
    assert "made-up" not in json.dumps(shown)


# Applying


async def test_a_pool_keeps_its_labels_weights_and_switches(gateway):
    pool = (Key(Secret(KEY), "work", 3), Key(Secret(OTHER), "", 1, enabled=False))
    imported = an_import(
        Draft(id="work", name="Work", dialect="openai_chat", base_url="https://a.example/v1", keys=pool, enabled=False)
    )
    await apply(gateway, imported)
    kept = gateway.providers.known("work")
    assert [(key.key, key.label, key.weight, key.enabled) for key in kept.credentials] == [
        (KEY, "work", 3, True),
        (OTHER, "", 1, False),
    ]
    assert not kept.enabled


async def test_only_what_is_chosen_comes(gateway):
    names = (Name("fast", ("one:a", "two:b")), Name("slow", ("two:b",)))
    imported = an_import(draft("one"), draft("two", "https://two.example/v1"), names=names, settings={"drain": 7.0})
    done = await apply(gateway, imported, Chosen(("one",), ("fast", "slow"), choices=False))
    assert (done.providers, done.groups, done.settings) == (("one",), ("fast",), ())
    assert gateway.providers.groups.find("fast").models == ("one:a",)
    assert gateway.settings.drain == 0


async def test_limits_and_settings_come_and_outlive_the_process(gateway, home, cache):
    limits = (
        Limit("work", "", {"first_byte": 42.0}),
        Limit("", "chat", {"total": 99.0}),
        Limit("gone", "", {"idle": 9}),
    )
    done = await apply(gateway, an_import(draft(), limits=limits, settings={"drain": 7.0}))
    assert (done.settings, done.limits) == (("drain",), 2)
    async with Gateway.open(home, cache, read_only=True) as again:
        assert again.settings.drain == 7
        assert again.limits.of("work", "chat").first_byte == 42
        assert again.limits.of("other", "chat").total == 99
        assert again.providers.known("work").key == KEY


async def test_where_the_last_row_fails_nothing_is_kept(gateway, home, cache, monkeypatch):
    def fail(_db, _row):
        raise sqlite3.OperationalError("disk is full")

    monkeypatch.setattr("api.importing.applying.limit_rows.put", fail)
    imported = an_import(
        draft(), names=(Name("fast", ("work:a",)),), limits=(Limit("", "", {"idle": 9.0}),), settings={"drain": 7.0}
    )
    with pytest.raises((StoreFailed, sqlite3.OperationalError)):
        await apply(gateway, imported)
    assert (gateway.providers.all(), gateway.providers.groups.all(), gateway.settings.drain) == ([], [], 0)
    async with Gateway.open(home, cache, read_only=True) as again:
        assert (again.providers.all(), again.providers.groups.all(), again.settings.drain) == ([], [], 0)


@pytest.mark.parametrize("wanted", [{"drain": 9999}, {"drain": "soon"}])
async def test_a_setting_that_cannot_be_refuses_the_file(gateway, wanted):
    with pytest.raises(OwnerError, match="settings"):
        compare(gateway, an_import(settings=wanted))


async def test_a_limit_that_cannot_be_refuses_the_file(gateway):
    with pytest.raises(OwnerError):
        compare(gateway, an_import(limits=(Limit("", "", {"idle": -1.0}),)))


# The way out, and back


async def filled(gateway) -> None:
    imported = an_import(
        Draft(
            id="work",
            name="Work",
            dialect="openai_chat+anthropic",
            base_url="https://a.example/v1",
            keys=(Key(Secret(KEY), "mine", 2), Key(Secret(OTHER), "theirs", 1, enabled=False)),
            proxy="http://user:made-up-password@proxy.example:3128",
            enabled=False,
        ),
        names=(Name("fast", ("work:a", "morello:echo"), Policy(retry=False, patience=3.0)),),
        limits=(Limit("work", "chat", {"idle": 9.0}), Limit("", "", {"total": 50.0})),
        settings={"drain": 7.0},
    )
    await apply(gateway, imported)


async def test_an_export_comes_back_as_it_was(gateway, tmp_path, cache):
    await filled(gateway)
    content = await export(gateway, PASSPHRASE)
    home = Home(tmp_path / "other")
    home.prepare()
    async with Gateway.open(home, cache) as other:
        await apply(other, read(content, {}, PASSPHRASE))
        (old,), (new,) = gateway.providers.all(), other.providers.all()
        for name in ("id", "name", "dialects", "base_url", "enabled", "quirks", "proxy"):
            assert getattr(new, name) == getattr(old, name)
        assert [(key.key, key.label, key.weight, key.enabled) for key in new.credentials] == [
            (key.key, key.label, key.weight, key.enabled) for key in old.credentials
        ]
        (group,) = other.providers.groups.all()
        assert (group.models, group.policy) == (("work:a", "morello:echo"), Policy(retry=False, patience=3.0))
        assert other.limits.rules() == gateway.limits.rules()
        assert other.settings.drain == 7


async def test_what_was_chosen_for_models_comes_with_a_provider_that_is_new(gateway, tmp_path, cache):
    await filled(gateway)
    facts = Facts(capabilities=frozenset({Capability.TOOLS}), prices=Prices(input=Decimal("0.10"), currency="HKD"))
    (provider,) = gateway.providers.all()
    await gateway.providers.choose(provider.id, "a", Choice(enabled=False, facts=facts))
    await gateway.providers.choose(provider.id, "hand", Choice(added=True))
    kept = dict(gateway.providers.choosing.of(provider.id))
    imported = read(await export(gateway, PASSPHRASE), {}, PASSPHRASE)
    home = Home(tmp_path / "other")
    home.prepare()
    async with Gateway.open(home, cache) as other:
        assert visible(compare(other, imported))["models"] == [f"{provider.id}:a", f"{provider.id}:hand"]
        await apply(other, unpacked(packed(imported)))
        assert dict(other.providers.choosing.of(provider.id)) == kept
    async with Gateway.open(home, cache) as again:
        assert dict(again.providers.choosing.of(provider.id)) == kept
    assert compare(gateway, imported).models == ()  # it is there: what was chosen here stays


async def test_an_export_without_secrets_has_none_and_says_so_when_it_comes(gateway):
    await filled(gateway)
    content = await export(gateway, None)
    assert not any(secret in content.decode() for secret in (KEY, OTHER, "made-up-password"))
    (draft,) = read(content, {}).found
    assert draft.keys == ()
    assert "left out" in str(draft.note)


async def test_a_sealed_export_shows_no_secret_either(gateway):
    await filled(gateway)
    content = (await export(gateway, PASSPHRASE)).decode()
    assert not any(secret in content for secret in (KEY, OTHER, "made-up-password", gateway.keys.main(), PASSPHRASE))


@pytest.mark.parametrize("given", [None, "another passphrase", PASSPHRASE.upper()])
async def test_another_passphrase_opens_nothing(gateway, given):
    await filled(gateway)
    content = await export(gateway, PASSPHRASE)
    with pytest.raises(ImportRefused, match="passphrase"):
        read(content, {}, given)


async def test_whoever_moves_a_provider_in_the_file_does_not_get_its_key(gateway):
    await filled(gateway)
    content = await export(gateway, PASSPHRASE)
    with pytest.raises(ImportRefused, match="changed since"):
        read(content.replace(b"https://a.example", b"https://evil.example"), {}, PASSPHRASE)


async def test_what_is_of_the_machine_stays(gateway):
    await gateway.choices.change(port=12345)
    settings = json.loads(await export(gateway, None))["settings"]
    assert set(settings) == {"drain", "path_keys"}


async def test_a_short_passphrase_is_refused(gateway):
    with pytest.raises(ImportRefused, match="8 characters"):
        await export(gateway, "short")

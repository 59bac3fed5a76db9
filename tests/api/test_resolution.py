"""Which provider a model's name means, rule by rule."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from api.errors import ProviderNotReady, ProviderRefused, SaidInWords, UnknownModel, UpstreamUnreachable
from api.providers.provider import Model
from api.providers.registry import Providers
from api.store import Store
from api.store import providers as statements
from api.vault import Vault

LISTS = {
    "one": ("small", "large", "vendor/large", "shared", "a:b"),
    "two": ("shared", "one/x", "twice", "twice"),
}


class FarLists:
    """What the providers would list, and who was asked."""

    def __init__(self):
        self.models = {name: tuple(map(Model, models)) for name, models in LISTS.items()}
        self.asked = []

    async def __call__(self, provider):
        self.asked.append(provider.id)
        if provider.id not in self.models:
            raise UpstreamUnreachable("Nobody is there.")
        return self.models[provider.id]


@asynccontextmanager
async def opened(home, lists=None, local_fault=None, changed=lambda: None, own_ports=frozenset):
    store = Store.open(home.path)
    try:
        providers = Providers(store, Vault.open(home.path), lists or FarLists(), changed, local_fault, own_ports)
        yield providers
        await providers.close()
    finally:
        await store.close()


@pytest.fixture
def lists():
    return FarLists()


@pytest.fixture
async def providers(home, lists):
    """Two providers of the owner's beside the built-in ones."""
    async with opened(home, lists) as providers:
        await providers.add("one", "openai_chat", "https://one.example/v1", "sk-one-secret-key")
        await providers.add("two", "anthropic", "https://two.example", None)
        yield providers


async def meant(providers, asked):
    route = await providers.resolve(asked)
    return route.provider.id, route.model


@pytest.mark.parametrize(
    ("asked", "provider", "model"),
    [
        ("one:small", "one", "small"),
        ("one::small", "one", "small"),
        ("one/small", "one", "small"),
        ("one:never-listed", "one", "never-listed"),
        ("one/vendor/large", "one", "vendor/large"),
        ("one:vendor/large", "one", "vendor/large"),
        ("one:a:b", "one", "a:b"),
        ("one:a::b", "one", "a::b"),
        ("one:::x", "one", ":x"),
        ("one: x ", "one", " x "),
        ("one:../etc", "one", "../etc"),
        ("two/claude", "two", "claude"),
        ("morello:echo", "morello", "echo"),
        ("morello/tools", "morello", "tools"),
        ("morello::slow", "morello", "slow"),
        ("local:gemma-3-270m", "local", "gemma-3-270m"),
    ],
)
async def test_a_known_provider_before_the_first_separator_is_meant(providers, asked, provider, model):
    assert await meant(providers, asked) == (provider, model)


async def test_a_provider_is_meant_before_a_bare_name_that_looks_the_same(providers):
    assert await meant(providers, "one/x") == ("one", "x")


@pytest.mark.parametrize(
    ("asked", "provider", "model"),
    [
        ("small", "one", "small"),
        ("vendor/large", "one", "vendor/large"),
        ("a:b", "one", "a:b"),
        ("echo", "morello", "echo"),
        ("gemma-3-270m", "local", "gemma-3-270m"),
    ],
)
async def test_a_bare_name_means_the_one_provider_that_lists_it(providers, asked, provider, model):
    assert await meant(providers, asked) == (provider, model)


async def test_a_bare_name_that_two_list_is_refused_with_both(providers):
    with pytest.raises(UnknownModel, match=r"“one:shared”.*“two:shared”"):
        await providers.resolve("shared")


async def test_a_name_that_one_provider_lists_twice_is_not_ambiguous(providers):
    assert await meant(providers, "twice") == ("two", "twice")


async def test_a_name_listed_twice_is_shown_once(providers):
    await providers.freshen()
    shown = [f"{provider.id}:{model.id}" for provider, model in providers.listed()]
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize(
    "asked",
    [
        *(
            "nobody:x",
            "nobody/x",
            "",
            " ",
            ":",
            ":x",
            "::",
            "/",
            "one",
            "one:",
            "one::",
            "one/",
            "one: ",
            "one:\t",
        ),
        *(
            "ONE:small",
            "o ne:small",
            "morello:",
            "morello:parrot",
            "local:gemma",
            "x" * 500,
            "a\r\nb",
            "../../x",
        ),
    ],
)
async def test_what_means_nobody_is_refused_in_words(providers, asked):
    with pytest.raises(UnknownModel, match="There is no model") as refused:
        await providers.resolve(asked)
    assert len(str(refused.value)) < 400
    assert refused.value.param == "model"


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("morello:ecko", "morello:echo"),
        ("smal", "one:small"),
        ("two:shard", None),
        ("nobody:small", "one:small"),
    ],
)
async def test_near_misses_are_named(providers, asked, near):
    await providers.freshen()
    if near is None:
        assert await meant(providers, asked) == tuple(asked.split(":"))
        return
    with pytest.raises(UnknownModel, match="Near to it: ") as refused:
        await providers.resolve(asked)
    assert near in str(refused.value)


async def test_the_built_in_provider_names_the_one_model_it_has(providers):
    with pytest.raises(UnknownModel, match="The built-in provider has “local:gemma-3-270m” now"):
        await providers.resolve("local:gemma-3-270")


async def test_where_nothing_is_near_it_says_where_the_list_is(providers):
    with pytest.raises(UnknownModel, match="GET /v1/models"):
        await providers.resolve("qqqqqqqqqqqq")


async def test_among_thousands_of_models_a_near_miss_is_found_without_stopping_everybody_else(providers, lists):
    vendors = ("deepseek", "google", "meta-llama", "mistralai", "qwen")
    listed = [f"{vendors[n % 5]}/model-{n}-instruct-{n * 7919 % 10**6:06}" for n in range(5000)]
    lists.models["one"] = tuple(map(Model, listed))
    await providers.freshen()
    began = time.perf_counter()
    with pytest.raises(UnknownModel) as refused:
        await providers.resolve(listed[1234][:-1])
    assert f"one:{listed[1234]}" in str(refused.value)
    assert time.perf_counter() - began < 0.75


async def test_a_prefixed_name_asks_nobody_for_a_list(providers, lists):
    await providers.resolve("one:never-listed")
    assert lists.asked == []


async def test_what_was_resolved_is_remembered(providers):
    assert await providers.resolve("small") is await providers.resolve("small")


async def test_a_new_provider_changes_what_a_name_means(providers):
    with pytest.raises(UnknownModel):
        await providers.resolve("three/x")
    await meant(providers, "small")
    await providers.add("three", "openai_chat", "https://three.example/v1", None)
    assert await meant(providers, "three/x") == ("three", "x")


async def test_a_new_list_changes_what_a_bare_name_means(providers, lists):
    assert await meant(providers, "small") == ("one", "small")
    lists.models["three"] = (Model("small"),)
    await providers.add("three", "openai_chat", "https://three.example/v1", None)
    await providers.freshen()
    with pytest.raises(UnknownModel, match="More than one provider"):
        await providers.resolve("small")


async def test_a_provider_that_was_removed_is_meant_no_more(providers):
    assert await meant(providers, "one:small") == ("one", "small")
    assert await meant(providers, "large") == ("one", "large")
    await providers.remove("one")
    for asked in ("one:small", "large"):
        with pytest.raises(UnknownModel):
            await providers.resolve(asked)
    assert await meant(providers, "shared") == ("two", "shared")


async def test_a_provider_removed_and_added_again_is_asked_at_its_new_place(providers):
    await providers.resolve("one:small")
    await providers.remove("one")
    await providers.add("one", "openai_chat", "https://elsewhere.example/v1", None)
    route = await providers.resolve("one:small")
    assert route.provider.base_url == "https://elsewhere.example/v1"
    assert route.provider.key is None


async def test_a_provider_that_cannot_be_reached_hides_nobody_elses_models(providers):
    await providers.add("dead", "openai_chat", "https://dead.example/v1", None)
    assert await meant(providers, "small") == ("one", "small")
    assert "dead" in providers.catalog.faults


async def test_a_provider_that_is_switched_off_is_named(home, lists):
    async with opened(home, lists) as providers:
        row = statements.ProviderRow("off", "Off", "openai_chat", "https://one.example/v1", False, 1.0)
        await providers._store.write(lambda db: statements.add(db, row, ()))
    lists.models["off"] = (Model("mine"),)
    async with opened(home, lists) as providers:
        with pytest.raises(ProviderNotReady, match="“off” is switched off"):
            await providers.resolve("off:mine")
        with pytest.raises(UnknownModel):
            await providers.resolve("mine")
        assert "off" not in lists.asked
        assert all(provider.id != "off" for provider, _ in providers.listed())


async def test_a_built_in_model_that_cannot_run_says_why(home):
    async with opened(home, local_fault=SaidInWords("The built-in model is not installed.")) as providers:
        with pytest.raises(ProviderNotReady, match="not installed"):
            await providers.resolve("local:gemma-3-270m")
        assert all(provider.id != "local" for provider, _ in providers.listed())


async def test_everything_is_there_after_a_restart(home, lists):
    async with opened(home, lists) as providers:
        added = await providers.add("one", "anthropic", "https://one.example", "sk-one", name="Number One")
    async with opened(home, lists) as providers:
        assert providers.all() == [added]
        assert (await providers.resolve("one:x")).provider == added
        assert added.base_url == "https://one.example/v1"
        await providers.remove("one")
    async with opened(home, lists) as providers:
        assert providers.all() == []


async def test_the_built_in_providers_were_made_at_the_same_time_after_every_restart(home, monkeypatch):
    async with opened(home) as providers:
        before = providers.find("morello").created
    monkeypatch.setattr("api.providers.registry.time.time", lambda: before + 86_400)
    async with opened(home) as providers:
        assert providers.find("morello").created == before
        await providers.add("one", "openai_chat", "https://one.example/v1", None)
    async with opened(home) as providers:
        assert providers.find("morello").created == before


async def test_an_id_is_taken_once(providers):
    with pytest.raises(ProviderRefused, match="already") as refused:
        await providers.add("one", "openai_chat", "https://other.example/v1", None)
    assert refused.value.field == "id"
    assert providers.find("one").base_url == "https://one.example/v1"


async def test_two_that_add_the_same_id_at_once_get_one_provider_and_one_sentence(providers):
    ends = await asyncio.gather(
        *(providers.add("same", "openai_chat", f"https://h{n}.example/v1", None) for n in range(2)),
        return_exceptions=True,
    )
    refused = [end for end in ends if isinstance(end, ProviderRefused)]
    assert len(refused) == 1
    assert refused[0].field == "id"


async def test_nobody_is_called_when_a_provider_is_added(providers, lists):
    assert lists.asked == []


async def test_a_wrong_field_keeps_nothing(providers):
    wrong = [
        ("UP", "openai_chat", "https://h/v1", "k"),
        ("up", "x", "https://h/v1", "k"),
        ("up", "anthropic", "http://h.example", "k"),
        ("up", "anthropic", "https://h", " "),
    ]
    for fields in wrong:
        with pytest.raises(ProviderRefused):
            await providers.add(*fields)
    assert [provider.id for provider in providers.all()] == ["one", "two"]


async def test_own_ports_are_refused(home):
    async with opened(home, own_ports=lambda: frozenset({23333})) as providers:
        with pytest.raises(ProviderRefused, match="asking itself"):
            await providers.add("me", "openai_chat", "http://localhost:23333/v1", None)


async def test_removing_nobody_is_refused_in_words(providers):
    with pytest.raises(ProviderRefused, match="There is no provider “nobody”"):
        await providers.remove("nobody")


async def test_every_change_is_told(home):
    told = []
    async with opened(home, changed=lambda: told.append(1)) as providers:
        await providers.add("one", "openai_chat", "https://one.example/v1", None)
        added = len(told)
        await providers.remove("one")
    assert added >= 1
    assert len(told) > added


async def test_a_key_sealed_with_another_key_file_is_a_fault_with_a_way_out(home):
    async with opened(home) as providers:
        await providers.add("one", "openai_chat", "https://one.example/v1", "sk-one")
        await providers.add("two", "openai_chat", "https://two.example/v1", None)
    (home.path / "master.key").unlink()
    async with opened(home) as providers:
        with pytest.raises(ProviderNotReady, match=r"“one” cannot be read.*Give it again"):
            await providers.resolve("one:x")
        assert await meant(providers, "two:x") == ("two", "x")
        await providers.remove("one")
        await providers.add("one", "openai_chat", "https://one.example/v1", "sk-new")
        assert (await providers.resolve("one:x")).provider.key == "sk-new"


async def test_a_key_moved_to_another_provider_does_not_open(home):
    async with opened(home) as providers:
        await providers.add("one", "openai_chat", "https://one.example/v1", "sk-one")
        (key,) = await providers._store.write(statements.load_credentials)
        theirs = statements.ProviderRow("evil", "E", "openai_chat", "https://evil.example/v1", True, 2.0)
        stolen = statements.CredentialRow("evil", 1, "", key.secret, 1, True, 2.0)
        await providers._store.write(lambda db: statements.add(db, theirs, (stolen,)))
    async with opened(home) as providers:
        with pytest.raises(ProviderNotReady, match="cannot be read"):
            await providers.resolve("evil:x")
        assert providers.find("evil").key is None

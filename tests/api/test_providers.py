"""Providers in the owner's hands: drafted, changed, switched, removed, restored, tested."""

import asyncio
import gc
import weakref

import pytest

from api import checking
from api.dialects.quirks import NONE, Quirks
from api.errors import ProviderNotReady, ProviderRefused, SaidInWords
from api.gateway import Gateway
from api.providers import presets, registry
from api.providers.presets import Preset
from api.providers.provider import Model, local_provider, origin
from tests.fakes import CHAT_MODELS, answers, far_end

KEY, OTHER_KEY = "sk-the-first-key-of-one-0001", "sk-the-second-key-of-one-0002"
URL = "https://one.example/v1"
TWO_MODELS = (Model("large"), Model("small"))


@pytest.fixture
async def providers(gateway):
    await gateway.providers.add("one", "openai_chat", URL, KEY, name="Number one")
    return gateway.providers


async def refused(work, field=None):
    with pytest.raises(ProviderRefused) as error:
        await work
    assert field is None or error.value.field == field
    return error.value


def on_the_disk(gateway, secret):
    """Whether `secret`, as it is sealed now, lies anywhere in the home."""
    return any(secret in file.read_bytes() for file in gateway.home.iterdir() if file.is_file())


async def sealed(gateway):
    row = await gateway.store.write(lambda db: db.exec_driver_sql("SELECT secret FROM credentials").scalar())
    assert row
    assert on_the_disk(gateway, row)
    return row


# Drafts


async def test_a_draft_is_checked_like_a_row_and_not_kept(providers):
    draft = providers.draft("two", "anthropic", "https://two.example/", f" {KEY} ")
    assert (draft.base_url, draft.key, draft.name) == ("https://two.example/v1", KEY, "two")
    assert providers.find("two") is None
    with pytest.raises(ProviderRefused, match="already"):
        providers.draft("one", "openai_chat", URL, None)


async def test_a_redraft_is_what_edit_would_keep(providers):
    draft = providers.redraft("one", name="Uno", base_url=f"{URL}/beta")
    assert (draft.name, draft.base_url, draft.key) == ("Uno", f"{URL}/beta", KEY)
    assert providers.find("one").name == "Number one"
    assert await providers.edit("one", name="Uno", base_url=f"{URL}/beta") == draft


@pytest.mark.parametrize("name", ["", "  ", "\x00", "a\u2028b\x07", "n" * 129])
async def test_a_name_that_cannot_be_shown_is_refused(providers, name):
    error = await refused(providers.edit("one", name=name), "name")
    assert str(error).endswith(".")


async def test_a_name_is_kept_with_single_spaces(providers):
    assert (await providers.edit("one", name="  Number \t one ")).name == "Number one"


# Changes


async def test_what_is_not_given_stays_also_after_a_restart(home, cache):
    async with Gateway.open(home, cache) as gateway:
        added = await gateway.providers.add("one", "openai_chat", URL, KEY)
        await gateway.providers.switch("one", False)
        edited = await gateway.providers.edit("one", name="Uno")
        assert (edited.key, edited.base_url, edited.created) == (KEY, URL, added.created)
        assert not edited.enabled
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.find("one") == edited


async def test_every_field_can_be_changed(home, cache):
    async with Gateway.open(home, cache) as gateway:
        await gateway.providers.add("one", "openai_chat", URL, KEY)
        edited = await gateway.providers.edit(
            "one", name="Uno", base_url="https://other.example", dialect="anthropic", key=OTHER_KEY
        )
        assert (edited.name, edited.dialect) == ("Uno", "anthropic")
        assert (edited.base_url, edited.key) == ("https://other.example/v1", OTHER_KEY)
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.find("one") == edited


async def test_several_dialects_and_quirks_are_kept_also_after_a_restart(home, cache):
    quirks = Quirks(stream_options=False, schema_refused=("pattern",))
    async with Gateway.open(home, cache) as gateway:
        added = await gateway.providers.add("one", "openai_responses+openai_chat", URL, None, quirks=quirks)
        assert (added.dialects, added.dialect) == (("openai_responses", "openai_chat"), "openai_responses")
        assert (await gateway.providers.edit("one", name="Uno")).quirks == quirks
    async with Gateway.open(home, cache) as gateway:
        one = gateway.providers.known("one")
        assert (one.dialects, one.quirks) == (added.dialects, quirks)
        assert (await gateway.providers.edit("one", dialect="gemini", quirks=NONE)).quirks == NONE
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.known("one").speaks == "gemini"
        assert gateway.providers.known("one").quirks == NONE


async def test_a_row_of_a_newer_morello_is_read_as_far_as_it_is_known(home, cache):
    async with Gateway.open(home, cache) as gateway:
        await gateway.providers.add("one", "openai_chat", URL, None, quirks=Quirks(streams=False))
        row = 'UPDATE providers SET quirks = \'{"streams":false,"sings":true}\''
        await gateway.store.write(lambda db: db.exec_driver_sql(row))
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.known("one").quirks == Quirks(streams=False)


async def test_a_call_after_a_change_of_quirks_is_asked_by_the_new_ones(providers):
    assert (await providers.resolve("one:m")).provider.quirks == NONE
    await providers.edit("one", quirks=Quirks(streams=False))
    assert (await providers.resolve("one:m")).provider.quirks == Quirks(streams=False)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"quirks": Quirks(stream_options=False)}, (Model("m"),)),
        ({"quirks": Quirks(api_version="1")}, ()),
        ({"dialect": "openai_chat+openai_responses"}, ()),
    ],
)
async def test_models_are_forgotten_where_another_address_lists_them(gateway, providers, change, left):
    await providers.catalog.learn(providers.known("one"), (Model("m"),))
    await providers.edit("one", **change)
    assert providers.catalog.of(providers.known("one")) == left


async def test_the_models_of_a_provider_of_several_dialects_are_kept_with_their_context(home, cache):
    models = (Model("m", context=8192, max_output=1024), Model("n"))
    async with Gateway.open(home, cache) as gateway:
        await gateway.providers.add("one", "openai_chat+openai_responses", URL, None)
        await gateway.providers.catalog.learn(gateway.providers.known("one"), models)
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.models(gateway.providers.known("one")) == models


async def test_a_wrong_field_changes_nothing(providers):
    before = providers.find("one")
    for wrong in ({"base_url": "http://far.example"}, {"dialect": "x"}, {"key": " "}, {"name": ""}):
        await refused(providers.edit("one", **{"name": "Uno", **wrong}))
    assert providers.find("one") == before


async def test_the_next_call_uses_the_new_truth(providers):
    old = (await providers.resolve("one:m")).provider
    await providers.edit("one", key=OTHER_KEY)
    assert (await providers.resolve("one:m")).provider.key == OTHER_KEY
    assert old.key == KEY


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/v1", "https://one.example:8443/v1", "http://127.0.0.1:9/v1", "https://one.example.evil/v1"],
)
async def test_a_key_does_not_follow_its_provider_to_another_host(providers, url):
    error = await refused(providers.edit("one", base_url=url), "key")
    assert "https://one.example" in str(error)
    assert origin(url) in str(error)
    assert providers.find("one").base_url == URL


async def test_with_a_key_given_again_or_none_the_host_may_change(providers):
    assert (await providers.edit("one", base_url="https://two.example/v1", key=OTHER_KEY)).key == OTHER_KEY
    assert (await providers.edit("one", base_url="https://three.example/v1", key=None)).key is None
    assert (await providers.edit("one", base_url="https://four.example/v1")).base_url == "https://four.example/v1"


@pytest.mark.parametrize("url", [f"{URL}/", "https://ONE.example:443/v2", "https://one.example/openai"])
async def test_another_path_on_the_same_host_keeps_the_key(providers, url):
    assert (await providers.edit("one", base_url=url)).key == KEY


@pytest.mark.parametrize("key", [OTHER_KEY, None])
async def test_a_replaced_key_leaves_nothing_on_the_disk(gateway, providers, key):
    old = await sealed(gateway)
    await providers.edit("one", key=key)
    assert not on_the_disk(gateway, old)


async def test_a_key_that_cannot_be_read_is_kept_until_it_is_given_again(home, cache):
    async with Gateway.open(home, cache) as gateway:
        await gateway.providers.add("one", "openai_chat", URL, KEY)
    master = (home.path / "master.key").read_bytes()
    (home.path / "master.key").unlink()
    async with Gateway.open(home, cache) as gateway:
        assert (await gateway.providers.edit("one", name="Uno")).fault is not None
        await refused(gateway.providers.edit("one", base_url="https://evil.example/v1"), "key")
    (home.path / "master.key").write_bytes(master)
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.known("one").key == KEY
        assert gateway.providers.known("one").name == "Uno"


async def test_a_key_given_again_heals_a_provider(home, cache):
    async with Gateway.open(home, cache) as gateway:
        await gateway.providers.add("one", "openai_chat", URL, KEY)
    (home.path / "master.key").unlink()
    async with Gateway.open(home, cache) as gateway:
        with pytest.raises(ProviderNotReady, match="Give it again"):
            await gateway.providers.resolve("one:m")
        assert (await gateway.providers.edit("one", key=KEY)).fault is None
        assert (await gateway.providers.resolve("one:m")).provider.key == KEY


async def test_the_models_of_another_host_are_forgotten_those_of_another_key_are_not(gateway, providers):
    await providers.catalog.learn(providers.find("one"), TWO_MODELS)
    await providers.edit("one", key=OTHER_KEY)
    assert providers.models(providers.find("one")) == TWO_MODELS
    await providers.edit("one", base_url="https://two.example/v1", key=KEY)
    assert providers.models(providers.find("one")) == ()
    assert await gateway.store.write(lambda db: db.exec_driver_sql("SELECT count(*) FROM catalog").scalar()) == 0


async def test_a_provider_that_is_switched_off_is_not_asked_and_comes_back(providers):
    await providers.switch("one", False)
    with pytest.raises(ProviderNotReady, match="switched off"):
        await providers.resolve("one:m")
    await providers.switch("one", True)
    assert (await providers.resolve("one:m")).provider.key == KEY


@pytest.mark.parametrize("id", ["morello", "local"])
async def test_what_is_part_of_morello_cannot_be_changed(providers, id):
    for work in (providers.edit(id, name="x"), providers.switch(id, False), providers.remove(id)):
        assert "part of Morello" in str(await refused(work, "id"))


async def test_nobody_cannot_be_changed(providers):
    for work in (providers.edit("nobody"), providers.switch("nobody", True), providers.remove("nobody")):
        assert "There is no provider “nobody”" in str(await refused(work, "id"))


async def test_every_change_rings_the_bell(gateway, providers):
    for work in (
        providers.edit("one", name="Uno"),
        providers.switch("one", False),
        providers.remove("one"),
        providers.restore("one"),
    ):
        before = gateway.news.count
        await work
        assert gateway.news.count > before


# Removed, and restored


async def test_a_removed_provider_comes_back_with_undo_in_its_old_place(home, cache):
    async with Gateway.open(home, cache) as gateway:
        for id in ("one", "two", "three"):
            await gateway.providers.add(id, "openai_chat", f"https://{id}.example/v1", KEY)
        before = gateway.providers.all()
        await gateway.providers.catalog.learn(before[1], TWO_MODELS)
        await gateway.providers.remove("two")
        assert [provider.id for provider in gateway.providers.all()] == ["one", "three"]
        assert await gateway.providers.restore("two") == before[1]
        assert gateway.providers.all() == before
        assert gateway.providers.models(before[1]) == TWO_MODELS
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.all() == before
        assert gateway.providers.models(before[1]) == TWO_MODELS


async def test_removing_acts_at_once_and_leaves_nothing_of_the_key_on_the_disk(gateway, providers):
    old = await sealed(gateway)
    await providers.remove("one")
    assert providers.all() == []
    assert not on_the_disk(gateway, old)


def test_undo_is_offered_for_ten_seconds():
    assert registry.UNDO_SECONDS == 10.0


async def test_after_that_the_key_is_gone_from_memory_too(gateway, providers, monkeypatch):
    monkeypatch.setattr(registry, "UNDO_SECONDS", 0.05)
    async with far_end(answers(200, CHAT_MODELS)) as far:
        provider = await providers.add("two", "openai_chat", f"{far.url}/v1", OTHER_KEY)
        reply = await gateway.upstream.post(provider, "openai_chat", "/chat/completions", b"{}", {})
        await reply.close()
        await gateway.check(provider)
        await providers.resolve("two:m")
        watched = weakref.ref(provider)
        del provider, reply
        await providers.remove("two")
        assert OTHER_KEY in providers.secrets()
        await asyncio.sleep(0.2)
        gc.collect()
    assert watched() is None
    assert OTHER_KEY not in providers.secrets()
    assert "cannot be restored" in str(await refused(providers.restore("two")))


async def test_what_was_never_removed_cannot_be_restored(providers):
    assert "cannot be restored" in str(await refused(providers.restore("two"), "id"))
    assert "cannot be restored" in str(await refused(providers.restore("one"), "id"))


async def test_what_undo_would_bring_back_can_be_looked_at(providers):
    provider = providers.find("one")
    assert providers.removed("one") is None
    await providers.remove("one")
    assert providers.removed("one") == provider
    await providers.restore("one")
    assert providers.removed("one") is None


async def test_undo_works_once(providers):
    await providers.remove("one")
    await providers.restore("one")
    await refused(providers.restore("one"))


async def test_an_id_that_was_added_again_meanwhile_is_not_overwritten(providers):
    await providers.remove("one")
    await providers.add("one", "openai_chat", "https://new.example/v1", OTHER_KEY)
    assert "another provider “one”" in str(await refused(providers.restore("one"), "id"))
    assert providers.find("one").key == OTHER_KEY


async def test_the_one_that_was_removed_last_is_the_one_that_comes_back(providers):
    await providers.remove("one")
    await providers.add("one", "openai_chat", "https://new.example/v1", OTHER_KEY)
    await providers.remove("one")
    assert (await providers.restore("one")).key == OTHER_KEY


async def test_a_closed_gateway_holds_nothing_that_was_removed(home, cache):
    async with Gateway.open(home, cache) as gateway:
        await gateway.providers.add("one", "openai_chat", URL, KEY)
        await gateway.providers.remove("one")
    assert KEY not in gateway.providers.secrets()


async def test_a_call_under_way_keeps_the_provider_it_was_given_and_its_key_stays_hidden(gateway, providers):
    under_way = (await providers.resolve("one:m")).provider
    await providers.edit("one", key=OTHER_KEY)
    assert gateway.redact(f"{KEY} {OTHER_KEY}") == "[hidden] [hidden]"
    assert under_way.key == KEY


async def test_a_replaced_key_is_gone_from_memory_when_no_call_uses_it_any_more(gateway):
    async with far_end(answers(200, CHAT_MODELS)) as far:
        provider = await gateway.providers.add("two", "openai_chat", f"{far.url}/v1", OTHER_KEY)
        reply = await gateway.upstream.post(provider, "openai_chat", "/chat/completions", b"{}", {})
        await gateway.providers.edit("two", key=KEY)
        watched = weakref.ref(provider)
        assert await reply.whole() == CHAT_MODELS
        await reply.close()
        del provider, reply
        gc.collect()
    assert watched() is None
    assert list(gateway.providers.secrets()) == [KEY]


# The test of a provider


@pytest.fixture
async def lists_models():
    async with far_end(answers(200, CHAT_MODELS)) as far:
        yield far


def draft(gateway, far, key=OTHER_KEY, dialect="openai_chat"):
    return gateway.providers.draft("two", dialect, f"{far.url}/v1", key)


async def test_a_test_asks_for_the_models_with_the_key(gateway, lists_models):
    check = await gateway.check(draft(gateway, lists_models))
    assert check.ok
    assert (check.models, check.error) == (("gpt-test",), None)
    assert 0 < check.ms < 10_000
    assert (lists_models.last.method, lists_models.last.path) == ("GET", "/v1/models")
    assert lists_models.last.headers["authorization"] == f"Bearer {OTHER_KEY}"
    assert OTHER_KEY not in repr(check)


async def test_a_test_speaks_the_providers_dialect(gateway, lists_models):
    await gateway.check(draft(gateway, lists_models, dialect="anthropic"))
    assert lists_models.last.headers["x-api-key"] == OTHER_KEY
    assert "anthropic-version" in lists_models.last.headers


async def test_a_draft_that_was_tested_is_not_kept_nor_remembered(gateway, lists_models):
    await gateway.check(draft(gateway, lists_models))
    assert gateway.providers.find("two") is None
    assert gateway.providers.checked("two") is None


async def test_a_refused_key_is_told_in_the_providers_own_words_without_the_key(gateway):
    body = b'{"error":{"message":"Invalid Authentication: ' + OTHER_KEY.encode() + b'","type":"invalid"}}'
    async with far_end(answers(401, body)) as far:
        check = await gateway.check(draft(gateway, far))
    assert not check.ok
    assert "Invalid Authentication" in check.error.message
    assert OTHER_KEY not in f"{check!r} {check.error.message} {check.error.given} {check.error.args}"


async def test_a_key_without_any_known_shape_is_hidden_while_it_is_tried_and_then_let_go(gateway):
    odd = "0123456789-odd-key-9876543210"
    async with far_end(answers(403, b"Who is " + odd.encode() + b"?", content_type="text/plain")) as far:
        check = await gateway.check(draft(gateway, far, key=odd))
    assert odd not in check.error.message
    assert "Who is [hidden]?" in check.error.message
    assert gateway.redact(odd) == odd


async def test_nobody_there_is_told_in_words(gateway):
    async with far_end() as far:
        nobody = draft(gateway, far)
    check = await gateway.check(nobody)
    assert not check.ok
    assert "cannot be reached" in check.error.message


async def test_a_provider_that_says_nothing_is_given_up_in_time(gateway, monkeypatch):
    monkeypatch.setattr(checking, "PATIENCE", 0.2)

    async def silence(_received, _wire):
        await asyncio.sleep(60)

    async with far_end(silence) as far:
        check = await gateway.check(draft(gateway, far))
    assert not check.ok
    assert check.error.words == "The provider “%(id)s” did not answer within %(seconds).0f s. Try again."


def test_the_patience_of_a_test_is_ten_seconds():
    assert checking.PATIENCE == 10.0


@pytest.fixture
async def public_list(monkeypatch):
    """A provider that shows its models to everybody and `/key` only to the owner of `KEY`."""

    async def behave(received, wire):
        good = received.headers.get("authorization") == f"Bearer {KEY}"
        if received.path == "/v1/key" and not good:
            await wire.reply(401, b'{"error":{"message":"User not found.","code":401}}')
        else:
            await wire.reply(200, CHAT_MODELS)

    async with far_end(behave) as far:
        row = Preset(id="public", name="Public", mark="P", docs="", base_url=f"{far.url}/v1", key_check="/key")
        monkeypatch.setattr(presets, "PRESETS", (row,))
        yield far


async def test_a_wrong_key_does_not_pass_where_the_list_is_public(gateway, public_list):
    wrong = await gateway.check(draft(gateway, public_list, key=OTHER_KEY))
    assert not wrong.ok
    assert "User not found" in wrong.error.message
    right = await gateway.check(draft(gateway, public_list, key=KEY))
    assert right.ok
    assert right.models == ("gpt-test",)


async def test_a_good_test_of_a_saved_provider_is_remembered_and_its_models_are_the_new_ones(gateway, lists_models):
    provider = await gateway.providers.add("two", "openai_chat", f"{lists_models.url}/v1", OTHER_KEY)
    before = gateway.news.count
    check = await gateway.check(provider)
    assert gateway.providers.checked("two") == check
    assert [model.id for model in gateway.providers.models(provider)] == ["gpt-test"]
    assert gateway.news.count > before
    asked = len(lists_models.received)
    await gateway.providers.freshen()
    assert len(lists_models.received) == asked


async def test_a_failed_test_of_a_saved_provider_is_noted_and_hides_no_models(gateway, lists_models):
    provider = await gateway.providers.add("two", "openai_chat", f"{lists_models.url}/v1", OTHER_KEY)
    await gateway.check(provider)
    lists_models.behaviour = answers(500, b'{"error":{"message":"We are on fire"}}')
    before = gateway.news.count
    check = await gateway.check(provider)
    assert gateway.providers.checked("two") == check
    assert not check.ok
    assert gateway.providers.catalog.faults["two"] == check.error
    assert [model.id for model in gateway.providers.models(provider)] == ["gpt-test"]
    assert gateway.news.count > before


@pytest.mark.parametrize("change", [{"key": KEY}, {"key": None}, {"dialect": "anthropic"}])
async def test_what_a_test_found_is_dropped_when_what_was_tested_changes(gateway, lists_models, change):
    await gateway.check(await gateway.providers.add("two", "openai_chat", f"{lists_models.url}/v1", OTHER_KEY))
    await gateway.providers.edit("two", name="Another name")
    assert gateway.providers.checked("two") is not None
    await gateway.providers.edit("two", **change)
    assert gateway.providers.checked("two") is None


async def test_models_that_arrive_while_a_provider_changes_its_host_or_goes_are_nobodys(home, cache):
    async with Gateway.open(home, cache) as gateway:
        providers = gateway.providers
        for id in ("one", "two"):
            await providers.add(id, "openai_chat", URL, None)
        one, two = providers.all()
        edited = providers.edit("one", base_url="https://other.example/v1")
        await asyncio.gather(edited, providers.catalog.learn(one, TWO_MODELS))
        await asyncio.gather(providers.remove("two"), providers.catalog.learn(two, TWO_MODELS))
        assert providers.models(providers.known("one")) == ()
    async with Gateway.open(home, cache) as gateway:
        assert gateway.providers.models(gateway.providers.known("one")) == ()
        assert gateway.providers.models(await gateway.providers.add("two", "openai_chat", URL, None)) == ()


@pytest.mark.parametrize("place", ["https://xn--/", "https://[", "https://" + "a" * 70_000, "/elsewhere", "nonsense"])
async def test_a_redirect_to_nowhere_is_told_in_words(gateway, place):
    async with far_end(answers(302, b"", location=place)) as far:
        check = await gateway.check(draft(gateway, far))
    assert not check.ok
    assert check.error.message.endswith(".")


async def test_a_redirect_that_names_the_key_does_not_show_it(gateway):
    async with far_end(answers(302, b"", location=f"https://{OTHER_KEY}.example/")) as far:
        check = await gateway.check(draft(gateway, far))
    assert check.error.message.endswith("redirects to [hidden].example. Correct its base URL.")


async def test_a_test_of_a_provider_that_changed_meanwhile_is_not_remembered(gateway, lists_models):
    old = await gateway.providers.add("two", "openai_chat", f"{lists_models.url}/v1", OTHER_KEY)
    await gateway.providers.edit("two", key=KEY)
    await gateway.check(old)
    assert gateway.providers.checked("two") is None
    await gateway.providers.remove("two")
    await gateway.check(old)
    assert gateway.providers.checked("two") is None


async def test_an_edit_that_was_tested_before_it_is_saved_leaves_the_saved_one_alone(gateway, lists_models):
    await gateway.providers.add("two", "openai_chat", f"{lists_models.url}/v1", OTHER_KEY)
    assert (await gateway.check(gateway.providers.redraft("two", key=KEY))).ok
    assert gateway.providers.checked("two") is None
    assert (
        await gateway.check(
            gateway.providers.redraft(
                "two",
            )
        )
    ).ok
    assert gateway.providers.checked("two") is not None


async def test_a_key_that_cannot_be_read_is_said_without_asking_anybody(home, cache, lists_models):
    async with Gateway.open(home, cache) as gateway:
        await gateway.providers.add("two", "openai_chat", f"{lists_models.url}/v1", KEY)
    (home.path / "master.key").unlink()
    async with Gateway.open(home, cache) as gateway:
        check = await gateway.check(gateway.providers.known("two"))
    assert "cannot be read" in str(check.error)
    assert lists_models.connections == 0


async def test_the_test_models_need_nobody(gateway):
    check = await gateway.check(gateway.providers.find("morello"))
    assert check.ok
    assert "echo" in check.models
    assert gateway.providers.checked("morello") == check


async def test_the_built_in_model_that_is_not_there_says_so(gateway, monkeypatch):
    missing = local_provider(0.0, SaidInWords("The built-in model is not installed."))
    monkeypatch.setitem(gateway.providers._built_in, "local", missing)
    check = await gateway.check(missing)
    assert (check.ok, check.error.message) == (False, "The built-in model is not installed.")


async def test_what_a_provider_says_can_be_said_in_another_language(gateway):
    async with far_end(answers(401, b'{"error":{"message":"100% wrong"}}')) as far:
        check = await gateway.check(draft(gateway, far))
    assert check.error.words % check.error.given == check.error.message
    assert "100% wrong" in check.error.message

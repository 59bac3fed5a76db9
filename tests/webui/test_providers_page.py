"""The providers' page: what its cards say, and the drawer where one is added or changed."""

import asyncio
import json
import re

import pytest
from playwright.async_api import expect

from api.dialects.quirks import Quirks
from api.errors import SaidInWords, UpstreamRefused, UpstreamUnreachable
from api.health import Half, Record
from api.providers.asking import NAMES as QUIRKS
from api.providers.presets import PRESETS
from api.providers.provider import Check
from tests.browser import accessible
from tests.fakes import CHAT, answers, far_end
from tests.webui.conftest import until
from tests.webui.reading import find, find_all
from tests.webui.test_words import MARKED, NOW, QUIET, outside
from webui.chart import strip
from webui.pages.provider_cards import ProviderCard, Shelf, mark, masked
from webui.pages.provider_form import FIRST, SPEAKS, Form, proposed_id
from webui.render import render
from webui.view import Told, Wrong

HTMX = {"hx-request": "true"}
KEY = "sk-test-000000000000000000009b1e"
OTHER_KEY = "sk-test-00000000000000000000w3Kd"
EVIL = ('"><img src=x onerror=alert(1)>', 'x" hx-get="/')
WORDS = b'{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","code":"invalid_api_key"}}'


def models(*names: str) -> bytes:
    rows = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in names]
    return json.dumps({"object": "list", "data": rows}).encode()


def filled(url: str, **fields: str) -> dict[str, str]:
    """The form for a URL of the owner's own."""
    return {"preset": "custom", "name": "Work", "base_url": f"{url}/v1", "dialect": "openai_chat", "key": KEY, **fields}


def card(html: str, id: str):
    return find(html, "article", id=f"provider-{id}")


# The cards


async def test_the_page_has_a_card_for_each_provider_and_one_for_what_is_built_in(dashboard):
    await dashboard.api.gateway.providers.add("work", "openai_chat", "https://api.example/v1", KEY, name="Work")
    async with dashboard.client() as browser:
        page = (await browser.get("/providers")).text
    assert [article["id"] for article in find_all(page, "article")] == ["provider-work", "provider-local"]
    assert "Workapi.example/v1 Not tested yet" in card(page, "work").text
    assert "••••9b1e" in card(page, "work").text
    assert find(page, id="providers_told").text == "1 added"
    assert KEY not in page


async def test_what_is_built_in_cannot_be_changed(dashboard):
    async with dashboard.client() as browser:
        page = (await browser.get("/providers")).text
        assert [form for form in card(page, "local").inside if form.tag == "form"] == []
        for id in ("local", "morello"):
            assert (await browser.post(f"/providers/{id}/remove")).status_code == 422
            assert (await browser.post(f"/providers/{id}/switch", data={"enabled": "0"})).status_code == 422
            assert (await browser.get(f"/providers/{id}/edit")).status_code == 404
            assert (await browser.post(f"/providers/{id}/test")).status_code == 404


async def test_nobody_added_yet_is_said_with_the_first_step(dashboard):
    async with dashboard.client() as browser:
        page = (await browser.get("/providers")).text
    assert "No providers yet" in find(page, class_="empty").text
    assert find(page, id="providers_told").text == ""


@pytest.mark.parametrize(
    ("status", "body", "state", "words"),
    [
        (200, models("a", "b"), "healthy", "Healthy"),
        (401, WORDS, "rejected", "Key rejected"),
        (500, b'{"error":{"message":"Overloaded"}}', "failing", "Failed"),
    ],
)
async def test_a_test_shows_what_the_provider_said(dashboard, status, body, state, words):
    async with far_end(answers(status, body)) as provider, dashboard.client(**HTMX) as browser:
        await dashboard.api.gateway.providers.add("work", "openai_chat", f"{provider.url}/v1", KEY)
        page = (await browser.post("/providers/work/test")).text
    assert card(page, "work")["data-state"] == state
    assert words in card(page, "work").text
    assert ("2" if status == 200 else json.loads(body)["error"]["message"]) in card(page, "work").text


async def test_a_rejected_key_is_replaced_from_its_card(dashboard):
    async with far_end(answers(401, WORDS)) as provider, dashboard.client(**HTMX) as browser:
        await dashboard.api.gateway.providers.add("work", "openai_chat", f"{provider.url}/v1", KEY)
        page = (await browser.post("/providers/work/test")).text
    assert "Replace key" in card(page, "work").text
    assert find(page, id="providers_told").text == "1 added · 1 needs attention"


async def test_nobody_answering_is_said(dashboard):
    providers = dashboard.api.gateway.providers
    async with far_end() as gone:
        await providers.add("work", "openai_chat", f"{gone.url}/v1", None)
    async with dashboard.client(**HTMX) as browser:
        page = (await browser.post("/providers/work/test")).text
    assert "Unreachable" in card(page, "work").text


async def test_a_call_says_more_than_a_test_before_it(dashboard):
    gateway = dashboard.api.gateway
    async with far_end(answers(401, WORDS)) as provider, dashboard.client() as browser:
        await gateway.providers.add("work", "openai_chat", f"{provider.url}/v1", KEY)
        await gateway.check(gateway.providers.find("work"))
        assert "Key rejected" in card((await browser.get("/providers")).text, "work").text
        await dashboard.api.door.start()
        body = {"model": "work:gpt-test", "messages": [{"role": "user", "content": "Hello"}]}
        async with dashboard.api.client() as caller:
            provider.behaviour = answers(200, CHAT)
            assert (await caller.post("/v1/chat/completions", json=body)).status_code == 200
            await dashboard.api.rows()
            assert "Healthy" in card((await browser.get("/providers")).text, "work").text
            provider.behaviour = answers(400, b'{"error":{"message":"No such parameter."}}')
            assert (await caller.post("/v1/chat/completions", json=body)).status_code == 400
            await dashboard.api.rows()
            assert "Healthy" in card((await browser.get("/providers")).text, "work").text
            provider.behaviour = answers(401, WORDS)
            assert (await caller.post("/v1/chat/completions", json=body)).status_code == 502
            await dashboard.api.rows()
            page = (await browser.get("/providers")).text
    assert "Key rejected" in card(page, "work").text
    assert "A call failed at" in card(page, "work").text


async def test_all_that_are_switched_on_are_tested_at_once(dashboard):
    providers = dashboard.api.gateway.providers
    async with far_end(answers(200, models("a"))) as one, far_end(answers(200, models("a"))) as off:
        await providers.add("one", "openai_chat", f"{one.url}/v1", KEY)
        await providers.add("two", "openai_chat", f"{one.url}/v1", KEY)
        await providers.add("off", "openai_chat", f"{off.url}/v1", KEY)
        await providers.switch("off", False)
        async with dashboard.client() as browser:
            answer = await browser.post("/providers/test")
        assert (answer.status_code, answer.headers["location"]) == (303, "/providers")
        assert (len(one.received), len(off.received)) == (2, 0)


async def test_a_provider_is_switched_off_and_on(dashboard):
    providers = dashboard.api.gateway.providers
    await providers.add("work", "openai_chat", "https://api.example/v1", KEY)
    async with dashboard.client(**HTMX) as browser:
        page = (await browser.post("/providers/work/switch", data={"enabled": "0"})).text
        assert (card(page, "work")["data-state"], providers.find("work").enabled) == ("off", False)
        page = (await browser.post("/providers/work/switch", data={"enabled": "1"})).text
        assert (card(page, "work")["data-state"], providers.find("work").enabled) == ("untried", True)


async def test_a_removed_provider_comes_back_with_undo_and_its_key(dashboard):
    providers = dashboard.api.gateway.providers
    await providers.add("work", "openai_chat", "https://api.example/v1", KEY, name="Work")
    async with dashboard.client() as browser:
        gone = await browser.post("/providers/work/remove")
        page = (await browser.get(gone.headers["location"])).text
        assert providers.all() == []
        assert "Work removed." in find(page, class_="toast").text
        back = await browser.post(find(page, "form", action="/providers/work/restore")["action"])
    assert (back.status_code, back.headers["location"]) == (303, "/providers")
    assert [(provider.id, provider.key) for provider in providers.all()] == [("work", KEY)]


async def test_what_cannot_be_restored_is_said(dashboard):
    async with dashboard.client() as browser:
        answer = await browser.post("/providers/work/restore")
    assert answer.status_code == 422
    assert "cannot be restored any more" in find(answer.text, class_="toast").text


async def test_a_provider_that_is_gone_is_said_to_be(dashboard):
    async with dashboard.client() as browser:
        assert (await browser.get("/providers/gone/edit")).status_code == 404
        answer = await browser.post("/providers/gone/test", headers=HTMX)
    assert answer.status_code == 200
    assert "There is no provider “gone”." in answer.text


# The drawer


async def test_the_drawer_is_a_page_of_its_own_without_scripts(dashboard):
    async with dashboard.client() as browser:
        page = (await browser.get("/providers/add?preset=mistral")).text
    assert "open" in find(page, "dialog").attributes
    assert find(page, id="provider-name")["value"] == "Mistral"
    assert find(page, id="provider-url")["value"] == "https://api.mistral.ai/v1"
    assert "value" not in find(page, id="provider-key").attributes
    assert "Models are listed as mistral:…" in find(page, id="listed").text
    assert find(page, id="provider-act").text == "Add Mistral"


async def test_the_search_field_finds_presets(dashboard):
    async with dashboard.client() as browser:
        usual = (await browser.get("/providers/add")).text
        found = (await browser.get("/providers/add?find=studio")).text
        every = (await browser.get("/providers/add?all=1")).text
    assert [radio["value"] for radio in find_all(found, "input", name="preset")] == ["lmstudio", "custom"]
    assert len(find_all(usual, "input", name="preset", type="radio")) == 12
    assert len(find_all(every, "input", name="preset", type="radio")) == len(PRESETS) + 1


def test_the_presets_that_are_shown_first_are_presets():
    assert not FIRST - {preset.id for preset in PRESETS}


async def test_a_provider_is_added_by_a_plain_form_and_tested_afterwards(dashboard):
    providers = dashboard.api.gateway.providers
    async with far_end(answers(200, models("gpt-test"))) as provider:
        async with dashboard.client() as browser:
            answer = await browser.post("/providers/add", data=filled(provider.url))
        await until(lambda: providers.checked("work"))
        assert provider.last.headers["authorization"] == f"Bearer {KEY}"
    assert (answer.status_code, answer.headers["location"]) == (303, "/providers")
    assert [(known.id, known.name, known.key) for known in providers.all()] == [("work", "Work", KEY)]
    assert [model.id for model in providers.models(providers.all()[0])] == ["gpt-test"]


async def test_a_test_that_breaks_behind_the_page_is_written_to_the_log(dashboard, monkeypatch, caplog):
    async def breaks(_provider):
        raise RuntimeError("The test broke.")

    monkeypatch.setattr(dashboard.api.gateway, "check", breaks)
    async with dashboard.client() as browser:
        answer = await browser.post("/providers/add", data=filled("https://127.0.0.1:1"))
        await until(lambda: "The test broke." in caplog.text)
    assert answer.status_code == 303


async def test_an_added_provider_empties_the_drawer_and_joins_the_cards(dashboard):
    async with far_end(answers(200, models("a"))) as provider, dashboard.client(**HTMX) as browser:
        part = (await browser.post("/providers/add", data=filled(provider.url))).text
    outside_partials = re.sub(r"<hx-partial.*?</hx-partial>", "", part, flags=re.DOTALL)
    assert outside_partials.strip() == ""
    assert card(part, "work").text
    assert "Work added." in part
    assert KEY not in part


@pytest.mark.parametrize(
    ("fields", "at", "sentence"),
    [
        ({"base_url": "http://api.example/v1"}, "provider-url", "Plain http is only for this computer"),
        ({"base_url": "nonsense"}, "provider-url", "must begin with https://"),
        ({"key": "my key"}, "provider-key", "cannot be part of one"),
        ({"name": "\x07"}, "provider-name", "cannot be shown"),
        ({"id": "V1", "id_for": "Work"}, "provider-name", "cannot be a provider's id"),
    ],
)
async def test_a_wrong_field_is_said_beside_it_and_what_was_typed_stays(dashboard, fields, at, sentence):
    sent = filled("https://api.example", **fields)
    async with dashboard.client() as browser:
        whole = await browser.post("/providers/add", data=sent)
        part = await browser.post("/providers/add", data=sent, headers=HTMX)
    assert (whole.status_code, part.status_code) == (422, 200)
    for page in (whole.text, part.text):
        assert find(page, id=at)["aria-invalid"] == "true"
        assert sentence in find(page, class_="bad").text
        assert find(page, id="provider-url")["value"] == sent["base_url"]
        assert sent["key"] not in page
    assert "type it again" in find(whole.text, id="provider-key-hint").text
    assert "type it again" not in find(part.text, id="provider-key-hint").text
    assert dashboard.api.gateway.providers.all() == []


async def test_a_preset_that_wants_a_key_is_not_added_without_one(dashboard):
    sent = {"preset": "mistral", "name": "Mistral", "base_url": "https://api.mistral.ai/v1", "id": "mistral"}
    async with dashboard.client() as browser:
        answer = await browser.post("/providers/add", data=sent)
    assert answer.status_code == 422
    assert "Mistral needs a key." in find(answer.text, id="provider-key-hint").text


async def test_the_same_form_sent_twice_adds_one_provider(dashboard):
    sent = filled("https://127.0.0.1:1", id="work", id_for="Work")
    async with dashboard.client() as browser:
        await browser.post("/providers/add", data=sent)
        again = await browser.post("/providers/add", data=sent)
    assert again.status_code == 422
    assert "There is a provider “work” already." in again.text
    assert find(again.text, "input", name="id")["value"] == "work-2"
    assert len(dashboard.api.gateway.providers.all()) == 1


async def test_a_second_one_of_a_preset_gets_a_number(dashboard):
    providers = dashboard.api.gateway.providers
    await providers.add("mistral", "openai_chat", "https://api.mistral.ai/v1", KEY)
    async with dashboard.client() as browser:
        page = (await browser.get("/providers/add?preset=mistral")).text
    assert find(page, id="provider-name")["value"] == "Mistral 2"
    assert find(page, "input", name="id")["value"] == "mistral-2"


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("Work", "work"),
        ("My own GPU, upstairs!", "my-own-gpu-upstairs"),
        ("Café", "cafe"),
        ("本機", "provider"),
        ("", "provider"),
        ("Local", "local-2"),
        ("v1", "v1-2"),
        ("x" * 200, "x" * 28),
        (EVIL[0], "img-src-x-onerror-alert-1"),
    ],
)
async def test_an_id_is_made_from_the_name(gateway, name, id):
    assert proposed_id(gateway.providers, None, name) == id


# The test in the drawer


async def test_the_test_shows_what_was_found_and_keeps_nothing(dashboard):
    many = answers(200, models(*(f"m{number}" for number in range(11))))
    async with far_end(many) as provider, dashboard.client(**HTMX) as browser:
        part = (await browser.post("/providers/check", data=filled(provider.url))).text
    assert "Connected in" in part
    assert "11 models found: m0, m1, m2 and 8 more." in part
    assert find(part, id="provider-act").text == "Add"
    assert KEY not in part
    assert dashboard.api.gateway.providers.all() == []


async def test_a_failed_test_shows_the_providers_own_words_and_lets_it_be_added_all_the_same(dashboard):
    async with far_end(answers(401, WORDS)) as provider, dashboard.client(**HTMX) as browser:
        part = (await browser.post("/providers/check", data=filled(provider.url))).text
    assert "The key was rejected" in part
    assert "Incorrect API key provided." in part
    assert find(part, id="provider-act").text == "Add anyway"


async def test_nobody_is_asked_before_there_is_a_key(dashboard):
    async with far_end(answers(200, models("a"))) as provider, dashboard.client(**HTMX) as browser:
        part = (await browser.post("/providers/check", data=filled(provider.url, key=""))).text
        assert "Not tested yet" in part
        assert provider.received == []
        part = (await browser.post("/providers/check", data=filled(provider.url, key="", asked="1"))).text
        assert "Connected in" in part


async def test_a_test_without_scripts_is_a_page_with_what_was_typed_but_the_key(dashboard):
    async with far_end(answers(200, models("a"))) as provider, dashboard.client() as browser:
        answer = await browser.post("/providers/check", data=filled(provider.url, asked="1"))
    assert answer.status_code == 200
    assert "1 model found: a." in find(answer.text, id="provider-check").text
    assert find(answer.text, id="provider-url")["value"] == f"{provider.url}/v1"
    assert "type it again" in find(answer.text, id="provider-key-hint").text
    assert KEY not in answer.text


async def test_a_url_that_cannot_be_called_is_said_by_the_test(dashboard):
    async with dashboard.client(**HTMX) as browser:
        part = (await browser.post("/providers/check", data=filled("ftp://api.example"))).text
    assert "must begin with https://" in part


# Changing one


async def test_an_empty_key_field_keeps_the_key(dashboard):
    providers = dashboard.api.gateway.providers
    async with far_end(answers(200, models("a"))) as provider, dashboard.client() as browser:
        await providers.add("work", "openai_chat", f"{provider.url}/v1", KEY, name="Work")
        page = (await browser.get("/providers/work/edit")).text
        assert "Leave empty to keep the key ending in 9b1e" in find(page, id="provider-key-hint").text
        answer = await browser.post("/providers/work/edit", data=filled(provider.url, name="Office", key=""))
        await until(lambda: providers.checked("work"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/providers")
    assert (providers.find("work").name, providers.find("work").key) == ("Office", KEY)


async def test_another_host_wants_the_key_again(dashboard):
    providers = dashboard.api.gateway.providers
    async with far_end(answers(200, models("a"))) as old, far_end(answers(200, models("a"))) as new:
        await providers.add("work", "openai_chat", f"{old.url}/v1", KEY)
        async with dashboard.client() as browser:
            answer = await browser.post("/providers/work/edit", data=filled(new.url, key=""))
            tested = await browser.post(
                "/providers/check", data=filled(new.url, key="", editing="work", asked="1"), headers=HTMX
            )
        assert answer.status_code == 422
        assert "does not go to another host" in find(answer.text, id="provider-key-hint").text
        assert "does not go to another host" in tested.text
        assert new.received == []


async def test_a_key_is_replaced_and_forgotten(dashboard):
    providers = dashboard.api.gateway.providers
    async with far_end(answers(200, models("a"))) as provider, dashboard.client() as browser:
        await providers.add("work", "openai_chat", f"{provider.url}/v1", KEY)
        await browser.post("/providers/work/edit", data=filled(provider.url, key=OTHER_KEY))
        assert providers.find("work").key == OTHER_KEY
        await browser.post("/providers/work/edit", data=filled(provider.url, key="", no_key="1"))
        assert providers.find("work").key is None
        await until(lambda: providers.checked("work"))


async def test_the_kept_key_is_used_for_the_test_of_a_change(dashboard):
    providers = dashboard.api.gateway.providers
    async with far_end(answers(200, models("a"))) as provider, dashboard.client(**HTMX) as browser:
        await providers.add("work", "openai_chat", f"{provider.url}/v1", KEY)
        part = (
            await browser.post("/providers/check", data=filled(provider.url, key="", editing="work", asked="1"))
        ).text
        assert provider.last.headers["authorization"] == f"Bearer {KEY}"
    assert "Connected in" in part


# What is said


BUSY = Record((Half(9, 1, 412.0, slow=True),) * 48, 400, 3, 412.0, 4.2, None)
CARDS = (
    ProviderCard("a", "⟦a⟧", "A", "⟦host⟧", "healthy", 1, BUSY, strip(BUSY.halves), "••••9b1e", NOW),
    ProviderCard("s", "⟦s⟧", "S", "⟦host⟧", "slow", 1, BUSY, strip(BUSY.halves)),
    ProviderCard("b", "⟦b⟧", "B", "⟦host⟧", "off", 0, QUIET),
    *(
        ProviderCard("c", "⟦c⟧", "C", "⟦host⟧", state, 3, QUIET, error=SaidInWords("Said."), checked_at=NOW)
        for state in ("unreadable", "rejected", "unreachable", "failing")
    ),
    ProviderCard("d", "⟦d⟧", "D", "⟦host⟧", "untried", 0, QUIET),
    ProviderCard("e", "⟦e⟧", "E", "⟦host⟧", "rejected", 0, QUIET, failed_at=NOW, words="⟦no⟧"),
)
CHECKS = (
    None,
    Check(ok=True, ms=271.0, at=NOW),
    Check(ok=True, ms=271.0, at=NOW, models=("⟦m⟧",)),
    Check(ok=True, ms=271.0, at=NOW, models=("⟦m⟧",) * 11),
    Check(ok=False, ms=1.0, at=NOW, error=UpstreamRefused("Said.", 502, "upstream_auth")),
    Check(ok=False, ms=1.0, at=NOW, error=UpstreamUnreachable("Said.")),
    Check(ok=False, ms=1.0, at=NOW, error=SaidInWords("Said.")),
)
NAMES = re.compile(
    r"https://…/v1|max_completion_tokens|max_tokens|reasoning_content|reasoning_effort|reasoning|enable_thinking|thinking|"
    r"pattern, minLength|/v2/embed|/v2/rerank|Text Embeddings Inference|Jina|Voyage|"
    + "|".join(sorted(map(re.escape, SPEAKS.values()), key=len, reverse=True))
    + "|OpenAI|Anthropic|morello|custom|"
    + "|".join(sorted((re.escape(preset.name) for preset in PRESETS), key=len, reverse=True))
)


def unsaid(part: str) -> list[str]:
    """What stands in a part, to be seen or to be heard, without having gone through the catalogue."""
    told = re.findall(r'(?:aria-label|title|placeholder)="([^"]*)"', part)
    seen = re.sub(
        r"<[^>]*>", " ", re.sub(r"&[a-z#0-9]+;", " ", re.sub(r"<(code|span class=\"mark).*?</\w+>", " ", part))
    )
    return [word for text in [seen, *told] for word in re.findall(r"[^\W\d_]{2,}", NAMES.sub("", outside(text)))]


def test_every_sentence_of_the_cards_is_translated():
    built_in = ProviderCard("local", "", "M", "morello", "built_in", 5, QUIET, error=SaidInWords("Said."))
    shelf = Shelf(CARDS, built_in)
    values = {"told": Told("⟦Said.⟧", undo="/"), "csrf": "c0ffee", "now": NOW, "count": 7}
    for cards in (shelf, Shelf((), built_in)):
        part = render(MARKED, "parts/providers_answer.html", providers=cards, providers_told=cards.tally, **values)
        assert unsaid(part) == []


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("field", ["name", "base_url", "key", "dialect", "quirks"])
def test_every_sentence_of_the_drawer_is_translated(check, field):
    by = {"rejected": CHECKS[4], "unreachable": CHECKS[5], "failing": CHECKS[6]}
    trouble = next((name for name, failed in by.items() if check is failed), None)
    for preset in (None, PRESETS[0], PRESETS[-1]):
        form = Form(id="kimi", name="", base_url="", dialect="openai_chat", preset=preset, chosen="custom")
        values = {"form": form, "check": check, "trouble": trouble, "csrf": "c0ffee", "retype": field == "key"}
        part = render(MARKED, "parts/provider_form.html", told=Told(wrong=Wrong(field, "", "⟦Said.⟧")), **values)
        assert unsaid(part) == []


def test_a_mark_stands_for_every_name():
    assert mark("Work gateway", "https://api.example/v1") == "WG"
    assert mark("本機", "https://api.example/v1") == "本"
    assert mark("<>", "https://api.example/v1") == "?"
    assert mark("Whatever", "https://api.mistral.ai/v1") == "M"


def test_a_short_key_is_not_given_away_by_its_end():
    assert masked(None) is None
    assert masked("sk-1234") == "••••"
    assert masked(KEY) == "••••9b1e"


# How it wants to be asked


def asked(part: str) -> dict[str, str]:
    """The quirks as the form shows them."""
    boxes = {box["name"]: str("checked" in box.attributes) for box in find_all(part, "input", type="checkbox")}
    texts = {
        text["name"]: text["value"]
        for text in find_all(part, "input", autocomplete="off")
        if "value" in text.attributes
    }
    chosen = {
        select["name"]: next(option["value"] for option in select.inside if "selected" in option.attributes)
        for select in find_all(part, "select")
    }
    return {**boxes, **texts, **chosen}


async def test_the_form_shows_every_quirk(dashboard):
    async with dashboard.client() as browser:
        part = (await browser.get("/providers/add?preset=custom", headers=HTMX)).text
    assert {f"quirk.{name}" for name in QUIRKS} <= set(asked(part))


async def test_a_preset_fills_in_how_it_wants_to_be_asked(dashboard):
    async with dashboard.client() as browser:
        mistral = (await browser.get("/providers/add?preset=mistral", headers=HTMX)).text
        usual = (await browser.get("/providers/add?preset=custom", headers=HTMX)).text
    assert asked(mistral)["quirk.stream_options"] == "False"
    assert asked(usual)["quirk.stream_options"] == "True"


async def test_quirks_and_dialects_are_saved_and_shown_again(dashboard):
    sent = {
        **filled("https://api.example", dialect="openai_chat+openai_responses"),
        "quirks": "1",
        "quirk.streams": "true",
        "quirk.max_tokens_field": "max_completion_tokens",
        "quirk.schema_refused": "pattern, $ref",
    }
    async with dashboard.client() as browser:
        assert (await browser.post("/providers/add", data=sent, headers=HTMX)).status_code == 200
        part = (await browser.get("/providers/work/edit", headers=HTMX)).text
    work = dashboard.api.gateway.providers.find("work")
    assert work.dialects == ("openai_chat", "openai_responses")
    assert (work.quirks.streams, work.quirks.stream_options) == (True, False)
    assert work.quirks.max_tokens_field == "max_completion_tokens"
    assert work.quirks.schema_refused == ("pattern", "$ref")
    assert (asked(part)["quirk.stream_options"], asked(part)["quirk.streams"]) == ("False", "True")
    assert asked(part)["quirk.schema_refused"] == "pattern, $ref"


async def test_a_form_without_quirks_leaves_those_that_are_kept(dashboard):
    quirks = Quirks(streams=False)
    await dashboard.api.gateway.providers.add("work", "openai_chat", "https://api.example/v1", KEY, quirks=quirks)
    async with dashboard.client() as browser:
        sent = {"editing": "work", "name": "Work", "base_url": "https://api.example/v1"}
        await browser.post("/providers/work/edit", data=sent, headers=HTMX)
    work = dashboard.api.gateway.providers.find("work")
    assert (work.name, work.quirks, work.key) == ("Work", quirks, KEY)


async def test_a_wrong_quirk_is_said_where_it_stands_and_the_place_is_open(dashboard):
    sent = {**filled("https://api.example"), "quirks": "1", "quirk.api_version": "1&x"}
    async with dashboard.client() as browser:
        part = (await browser.post("/providers/add", data=sent, headers=HTMX)).text
    assert "open" in find(part, id="provider-asking").attributes
    assert "“1&x” is no value of the quirk “api_version”" in find(part, class_="bad").text
    assert asked(part)["quirk.api_version"] == "1&x"
    assert dashboard.api.gateway.providers.find("work") is None


@pytest.mark.parametrize(
    ("fields", "called"),
    [
        ({}, ["https://api.example/v1/chat/completions"]),
        ({"dialect": "gemini"}, ["https://api.example/v1/models/{model}:streamGenerateContent?alt=sse"]),
        ({"dialect": "anthropic", "base_url": "https://api.example"}, ["https://api.example/v1/messages"]),
        (
            {"dialect": "openai_chat+openai_responses"},
            ["https://api.example/v1/chat/completions", "https://api.example/v1/responses"],
        ),
        ({"base_url": "nonsense"}, []),
        ({"dialect": "klingon"}, []),
        ({"quirks": "1", "quirk.api_version": "?"}, []),
    ],
)
async def test_what_will_be_called_is_shown_while_it_is_typed_and_nobody_is_called(dashboard, fields, called):
    async with dashboard.client() as browser:
        sent = filled("https://api.example", **fields)
        part = (await browser.post("/providers/calls", data=sent, headers=HTMX)).text
    assert [code.text for code in find_all(part, "code")] == called


# In a browser


def in_browser(test):
    """The browser's tests live in the browser's event loop."""
    return pytest.mark.browser(pytest.mark.asyncio(loop_scope="session")(test))


async def providers_page(site, context=None):
    page = await site.open(context)
    await page.goto(f"{site.dashboard.url}/providers")
    return page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def shown_card(page, id):
    return page.locator(f"[id='provider-{id}']")


async def choose_custom(page, url, key=""):
    await page.get_by_role("link", name="Add provider", exact=True).first.click()
    await page.get_by_role("radio", name="Custom URL").check(force=True)
    await page.get_by_label("Name", exact=True).fill("Work")
    await page.get_by_label("Base URL").fill(f"{url}/v1")
    await page.get_by_label("API key").fill(key)


@in_browser
async def test_a_pasted_key_is_tested_by_itself_and_the_provider_joins_the_cards(site):
    async with far_end(answers(200, models("a", "b"))) as provider:
        page = await providers_page(site)
        await choose_custom(page, provider.url, KEY)
        await expect(page.locator("#provider-check")).to_contain_text("2 models found: a, b.")
        await expect(page.locator("#listed")).to_contain_text("work:…")
        await button(page, "Add").click()
        await expect(page.locator(".toast")).to_contain_text("Work added.")
        await expect(page.locator("#drawer")).to_be_hidden()
        await expect(shown_card(page, "work")).to_contain_text("Healthy")
        await expect(page.locator("#count")).to_have_text("1")
        await expect(page.locator("#add")).to_be_focused()
    assert KEY not in await page.content()


@in_browser
async def test_a_preset_fills_in_the_form_and_a_local_one_is_tested_at_once(site):
    page = await providers_page(site)
    await page.locator("#add").click()
    await expect(page.locator("#find")).to_be_focused()
    await page.get_by_role("radio", name="Mistral").check(force=True)
    await expect(page.get_by_label("Base URL")).to_have_value("https://api.mistral.ai/v1")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Mistral")
    await expect(page.locator("#provider-check")).to_contain_text("Not tested yet")
    await expect(page.get_by_role("link", name="Get a key from Mistral")).to_have_attribute("target", "_blank")
    await page.get_by_role("radio", name="Ollama").check(force=True)
    await expect(page.locator("#provider-check")).to_contain_text(re.compile("Not reached|Connected"))


@in_browser
async def test_presets_are_found_while_typing(site):
    page = await providers_page(site)
    await page.locator("#add").click()
    await page.locator("#find").press_sequentially("studio")
    await expect(page.get_by_role("radio")).to_have_count(2)
    await expect(page.get_by_role("radio", name="LM Studio")).to_be_visible()
    await expect(page.locator("#find")).to_be_focused()
    await page.locator("#find").fill("")
    await page.locator("#all-presets").click()
    await expect(page.get_by_role("radio")).to_have_count(len(PRESETS) + 1)


@in_browser
async def test_an_older_test_never_overwrites_a_newer_one(site):
    slow_asked = asyncio.Event()

    async def slowly(_received, wire):
        slow_asked.set()
        await asyncio.sleep(1)
        await wire.reply(200, models("old"))

    async with far_end(slowly) as slow, far_end(answers(200, models("new"))) as quick:
        page = await providers_page(site)
        await choose_custom(page, slow.url, KEY)
        await asyncio.wait_for(slow_asked.wait(), 10)
        await page.get_by_label("Base URL").fill(f"{quick.url}/v1")
        await page.get_by_label("Base URL").blur()
        await expect(page.locator("#provider-check")).to_contain_text("new")
        await asyncio.sleep(1.2)
        await expect(page.locator("#provider-check")).to_contain_text("new")


@in_browser
async def test_what_is_typed_in_the_drawer_survives_what_happens_behind_it(site):
    page = await providers_page(site)
    await choose_custom(page, "https://api.example", "")
    await page.get_by_label("API key").press_sequentially("half of a k")
    await site.api.gateway.providers.add("other", "openai_chat", "https://api.example/v1", None, name="Other")
    await expect(shown_card(page, "other")).to_be_attached()
    await expect(page.get_by_label("API key")).to_have_value("half of a k")
    await expect(page.get_by_label("API key")).to_be_focused()
    await expect(page.locator("#count")).to_have_text("1")


@in_browser
async def test_a_form_that_was_filled_in_wrongly_keeps_the_key(site):
    page = await providers_page(site)
    await choose_custom(page, "http://api.example", KEY)
    await page.get_by_label("API key").press("Enter")
    await expect(page.locator("#provider-url")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#provider-url-hint")).to_contain_text("Plain http is only for this computer")
    await expect(page.get_by_label("API key")).to_have_value(KEY)
    await page.keyboard.press("Escape")
    await expect(page.locator("#drawer input")).to_have_count(0)  # emptied a moment after it is hidden
    assert KEY not in await page.evaluate("[...document.querySelectorAll('input')].map((input) => input.value).join()")


@in_browser
async def test_a_key_is_shown_when_asked_for(site):
    page = await providers_page(site)
    await choose_custom(page, "https://127.0.0.1:1", KEY)
    await expect(page.get_by_label("API key")).to_have_attribute("type", "password")
    await page.locator("[data-reveals]").click()
    await expect(page.get_by_label("API key")).to_have_attribute("type", "text")


@in_browser
async def test_the_keyboard_alone_adds_changes_and_removes(site):
    async with far_end(answers(200, models("a"))) as provider:
        page = await providers_page(site)
        await page.locator("#add").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#find")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowUp")  # round to the last: a URL of one's own
        await expect(page.get_by_label("Base URL")).to_be_visible()
        await page.get_by_label("Name", exact=True).focus()
        await page.keyboard.type("Work")
        await page.keyboard.press("Tab")
        await page.keyboard.type(f"{provider.url}/v1")
        await page.keyboard.press("Enter")
        await expect(shown_card(page, "work")).to_contain_text("Healthy")
        await expect(page.locator("#drawer")).to_be_hidden()
        more = page.get_by_role("button", name="Work: more")
        await more.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#drawer-title")).to_have_text("Edit Work")
        await page.keyboard.press("Escape")
        await expect(page.locator("#drawer")).to_be_hidden()
        await more.focus()
        await page.keyboard.press("Enter")
        for _ in range(5):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(shown_card(page, "work")).to_have_count(0)


@in_browser
async def test_remove_acts_at_once_and_undo_takes_it_back(site):
    await site.api.gateway.providers.add("work", "openai_chat", "https://127.0.0.1:1", KEY, name="Work")
    page = await providers_page(site)
    await page.get_by_role("button", name="Work: more").click()
    await button(page, "Remove").click()
    await expect(page.locator(".toast")).to_contain_text("Work removed.")
    await expect(shown_card(page, "work")).to_have_count(0)
    await button(page, "Undo").click()
    await expect(page.locator(".toast")).to_contain_text("Work is back.")
    await expect(shown_card(page, "work")).to_be_visible()
    assert site.api.gateway.providers.find("work").key == KEY


@in_browser
async def test_switching_off_closes_the_menu_and_offers_to_switch_on(site):
    await site.api.gateway.providers.add("work", "openai_chat", "https://127.0.0.1:1", KEY, name="Work")
    page = await providers_page(site)
    await page.get_by_role("button", name="Work: more").click()
    await button(page, "Switch off").click()
    await expect(shown_card(page, "work")).to_contain_text("Switched off by you")
    await expect(page.locator(".more:popover-open")).to_have_count(0)
    await button(page, "Switch on").click()
    await expect(shown_card(page, "work")).to_contain_text("Not tested yet")


@in_browser
async def test_hostile_names_are_only_names(site):
    providers = site.api.gateway.providers
    async with far_end(answers(200, models(*EVIL, "z" * 256))) as provider:
        page = await providers_page(site)
        for number, name in enumerate((*EVIL, "x" * 128, "\u05d0\u05d1 hebrew")):
            await providers.add(f"evil-{number}", "openai_chat", f"{provider.url}/v1", KEY, name=name)
        await expect(page.locator("article")).to_have_count(5)
        await button(page, "Test all").click()
        await expect(shown_card(page, "evil-2")).to_contain_text("Healthy")
        for number, name in enumerate(EVIL):
            await expect(shown_card(page, f"evil-{number}").locator("h2")).to_have_text(name)
        await page.get_by_role("button", name=f"{EVIL[0]}: more").click()
        await page.get_by_role("link", name="Edit").locator("visible=true").click()
        await expect(page.get_by_label("Name", exact=True)).to_have_value(EVIL[0])
        await button(page, "Test").locator("visible=true").last.click()
        await expect(page.locator("#provider-check")).to_contain_text(EVIL[1])
        assert await page.locator("main img, [hx-get='/']:not([data-room]):not(.brand)").count() == 0
        await page.keyboard.press("Escape")
        for width in (1360, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@in_browser
async def test_everything_works_without_javascript(site, browser):
    context = await browser.new_context(java_script_enabled=False)
    async with far_end(answers(200, models("a"))) as provider:
        page = await providers_page(site, context)
        await page.get_by_role("link", name="Add provider", exact=True).first.click()
        await page.get_by_role("radio", name="Custom URL").check(force=True)
        await button(page, "Fill in the form").click()
        await page.get_by_label("Name", exact=True).fill("Work")
        await page.get_by_label("Base URL").fill(f"{provider.url}/v1")
        await page.get_by_label("API key").fill(KEY)
        await page.locator("#provider-test").click()
        await expect(page.locator("#provider-check")).to_contain_text("1 model found: a.")
        await page.get_by_label("API key").fill(KEY)
        await button(page, "Add").click()
        await expect(shown_card(page, "work")).to_be_visible()
        await shown_card(page, "work").get_by_role("button", name="Test").click()
        await expect(shown_card(page, "work")).to_contain_text("Healthy")
        await page.get_by_role("button", name="Work: more").click()
        await button(page, "Remove").click()
        await expect(page.locator(".toast")).to_contain_text("Work removed.")
        await button(page, "Undo").click()
        await expect(shown_card(page, "work")).to_be_visible()
        await button(page, "Test all").click()
        await expect(shown_card(page, "work")).to_contain_text("Healthy")
    await context.close()


@in_browser
async def test_axe_finds_nothing_in_cards_menu_and_drawer(site):
    providers = site.api.gateway.providers
    async with far_end(answers(200, models("a"))) as good, far_end(answers(401, WORDS)) as bad:
        await providers.add("good", "openai_chat", f"{good.url}/v1", KEY, name="Good")
        await providers.add("bad", "openai_chat", f"{bad.url}/v1", KEY, name="Bad")
        await providers.add("off", "openai_chat", f"{bad.url}/v1", KEY, name="Off")
        await providers.switch("off", False)
        page = await providers_page(site)
        await button(page, "Test all").click()
        await expect(shown_card(page, "bad")).to_contain_text("Key rejected")
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            await accessible(page)
            await page.get_by_role("button", name="Good: more").click()
            await accessible(page)
            await page.get_by_role("link", name="Edit").locator("visible=true").click()
            await expect(page.locator("#drawer-title")).to_be_visible()
            await accessible(page)
            await page.keyboard.press("Escape")
            await page.locator("#add").click()
            await page.get_by_role("radio", name="Mistral").check(force=True)
            await expect(page.locator("#provider-key")).to_be_visible()
            await accessible(page)
            await page.keyboard.press("Escape")
        await site.gallery.take(page, "providers", languages=("en", "zh-Hant-HK", "zh-Hans"))


@in_browser
async def test_the_drawer_in_pictures(site):
    async with far_end(answers(200, models(*(f"kimi-k2-{number}" for number in range(11))))) as provider:
        page = await providers_page(site)
        await choose_custom(page, provider.url, KEY)
        await expect(page.locator("#provider-check")).to_contain_text("11 models found")
        await site.gallery.take(page, "providers-add")

"""The first run: what is on this computer is found, offered, and added with one click; then the overview comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from msgspec import structs
from playwright.async_api import expect

from api.errors import PortTaken, SaidInWords, StoreFailed
from api.listener import Failed, Running, Starting, Stopped
from api.providers import discovery
from api.providers.discovery import Found
from api.providers.presets import PRESETS, preset
from api.providers.provider import Secret
from tests.browser import accessible
from tests.fakes import answers, far_end
from tests.program import Program
from tests.webui.conftest import Dashboard, dashboard_over, free_port, until
from tests.webui.reading import find, find_all
from tests.webui.test_providers_page import EVIL, HTMX, KEY, in_browser, models, unsaid
from tests.webui.test_words import MARKED, NOW, QUIET
from webui.card import Card
from webui.pages.provider_cards import ProviderCard, masked
from webui.render import render
from webui.view import Told


@pytest.fixture
async def begun(closed_api) -> AsyncIterator[Dashboard]:
    """A dashboard whose owner sees it for the first time."""
    await closed_api.door.move(free_port())
    async with signed_in(closed_api, {}) as dashboard:
        yield dashboard


@asynccontextmanager
async def signed_in(api, environment) -> AsyncIterator[Dashboard]:
    async with dashboard_over(api, environment) as dashboard:
        token = dashboard.link().partition("token=")[2]
        dashboard.identity = await dashboard.sessions.sign_in(token) or ""
        yield dashboard


@pytest.fixture(autouse=True)
def _nothing_near(monkeypatch):
    """What really runs on this machine is not the tests' business."""
    answering_at(monkeypatch, None)


def answering_at(monkeypatch, url: str | None):
    """Only `url` is looked at, as the address where Ollama answers."""
    usual = preset("ollama")
    assert usual is not None
    there = structs.replace(usual, base_url=f"{url}/v1")
    others = tuple(known for known in PRESETS if not known.is_local)
    monkeypatch.setattr(discovery, "PRESETS", (there, *others) if url else others)


def key_for(url: str) -> dict[str, str]:
    """An environment that holds OpenAI's key, meant for `url`."""
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1"}


async def test_it_stands_where_the_overview_will_be_until_a_provider_is_there(begun):
    async with begun.client() as browser:
        assert "Add a provider to begin" in (await browser.get("/")).text
        await begun.api.gateway.providers.add("work", "openai_chat", "https://api.example/v1", None)
        assert "Add a provider to begin" not in (await browser.get("/")).text


async def test_it_can_be_gone_past(begun):
    async with begun.client() as browser:
        answer = await browser.post("/first-run/skip")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "Add a provider to begin" not in (await browser.get("/")).text
    assert begun.api.gateway.settings.first_run_done


async def test_the_page_says_what_the_api_really_does(begun):
    async with begun.client() as browser:
        assert "2. Start the API" in find((await browser.get("/")).text, id="steps").text
        await begun.api.door.start()
        assert "2. The API is running" in find((await browser.get("/")).text, id="steps").text


async def test_the_server_can_be_started_and_its_key_seen_from_here(begun):
    async with begun.client() as browser:
        page = (await browser.post("/key/reveal")).text
        assert begun.api.key in find(page, id="server").text
        assert "Add a provider to begin" in page
        await browser.post("/start")
    assert begun.api.listener.is_open


async def test_a_server_that_answers_is_found_with_its_models(begun, monkeypatch):
    async with far_end(answers(200, models("qwen3:8b", "gemma3:12b"))) as ollama:
        answering_at(monkeypatch, ollama.url)
        async with begun.client(**HTMX) as browser:
            part = (await browser.get("/first-run/found")).text
    row = find(part, "li").text
    assert f"Answering on 127.0.0.1:{ollama.port} · 2 models: qwen3:8b, gemma3:12b" in row
    assert find(part, class_="btn btn--primary").text == "Add Ollama and start the API"


async def test_a_key_in_the_environment_is_offered_and_sent_nowhere(closed_api):
    async with far_end(answers(200, models("a"))) as openai, signed_in(closed_api, key_for(openai.url)) as dashboard:
        async with dashboard.client(**HTMX) as browser:
            part = (await browser.get("/first-run/found")).text
        assert "OPENAI_API_KEY in the environment · ••••9b1e · not sent anywhere yet" in find(part, "li").text
        assert KEY not in part
        assert openai.received == []


async def test_nothing_found_is_said(begun):
    async with begun.client(**HTMX) as browser:
        part = (await browser.get("/first-run/found")).text
    assert "No model server answers on this computer" in find(part, id="found").text
    assert find_all(part, class_="btn btn--primary") == []


async def test_without_scripts_a_link_looks_around(begun, monkeypatch):
    async with far_end(answers(200, models("a"))) as ollama, begun.client() as browser:
        answering_at(monkeypatch, ollama.url)
        page = (await browser.get("/")).text
        assert ollama.received == []
        page = (await browser.get(find(page, "a", id="look")["href"])).text
    assert "1 model: a" in find(page, id="found").text


async def test_one_click_adds_all_and_starts_the_api(closed_api, monkeypatch):
    await closed_api.door.move(free_port())
    async with far_end(answers(200, models("a"))) as openai, far_end(answers(200, models("b"))) as ollama:
        answering_at(monkeypatch, ollama.url)
        async with signed_in(closed_api, key_for(openai.url)) as dashboard, dashboard.client() as browser:
            page = (await browser.get("/?look=1")).text
            assert find(page, class_="btn btn--primary").text == "Add both and start the API"
            answer = await browser.post("/first-run/add", data={"found": "*"})
            providers = closed_api.gateway.providers
            await until(lambda: all(providers.checked(known.id) for known in providers.all()))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert [(known.id, known.name, known.key) for known in providers.all()] == [
        ("ollama", "Ollama", None),
        ("openai", "OpenAI", KEY),
    ]
    assert closed_api.listener.is_open


async def test_one_of_them_is_added_alone_and_nothing_is_started(closed_api, monkeypatch):
    async with far_end(answers(200, models("a"))) as openai, far_end(answers(200, models("b"))) as ollama:
        answering_at(monkeypatch, ollama.url)
        async with signed_in(closed_api, key_for(openai.url)) as dashboard, dashboard.client(**HTMX) as browser:
            part = (await browser.post("/first-run/add", data={"found": f"{ollama.url}/v1"})).text
            await until(lambda: closed_api.gateway.providers.checked("ollama"))
        assert openai.received == []
    assert "Ollama added." in part
    assert find(part, id="first_run")["hx-get"] == "/"
    assert [known.id for known in closed_api.gateway.providers.all()] == ["ollama"]
    assert not closed_api.listener.is_open


async def test_what_went_away_meanwhile_is_said(begun):
    async with begun.client() as browser:
        part = (await browser.post("/first-run/add", data={"found": "http://127.0.0.1:1/v1"}, headers=HTMX)).text
        page = (await browser.post("/first-run/add", data={"found": "http://127.0.0.1:1/v1"})).text
    assert "It is not there any more." in part
    assert "It is not there any more." in find(page, class_="toast").text
    assert "hx-get" not in find(part, id="first_run").attributes


async def test_what_cannot_be_kept_is_said_without_scripts_too(begun, monkeypatch):
    async def full(*_given, **_more):
        raise StoreFailed("The database could not be used: %(why)s.", why="database or disk is full")

    async with far_end(answers(200, models("b"))) as ollama, begun.client() as browser:
        answering_at(monkeypatch, ollama.url)
        monkeypatch.setattr(begun.api.gateway.providers, "add", full)
        page = await browser.post("/first-run/add", data={"found": "*"})
        part = await browser.post("/first-run/add", data={"found": "*"}, headers=HTMX)
    said = "The database could not be used: database or disk is full."
    assert (page.status_code, find(page.text, "h1").text) == (503, said)
    assert (part.status_code, part.text) == (503, said)


async def test_an_api_that_cannot_start_is_said_but_the_provider_is_there(begun, monkeypatch):
    async with far_end(answers(200, models("b"))) as ollama, far_end() as holder:
        answering_at(monkeypatch, ollama.url)
        await begun.api.door.move(holder.port)
        async with begun.client(**HTMX) as browser:
            part = (await browser.post("/first-run/add", data={"found": "*"})).text
        await until(lambda: begun.api.gateway.providers.checked("ollama"))
    assert "Ollama added. The API could not start." in part


def test_the_program_hands_on_the_keys_that_its_environment_holds(tmp_path):
    own = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "", "OPENAI_API_BASE": ""}
    with (
        Program(tmp_path / "home", port=free_port(), more=own).ready() as program,
        httpx.Client(follow_redirects=True, timeout=20) as browser,
    ):
        browser.get(program.login)
        page = browser.get(f"{program.dashboard}/?look=1").text
    assert "OPENAI_API_KEY in the environment · ••••9b1e" in find(page, id="found").text
    assert KEY not in page


@pytest.mark.parametrize("state", [Stopped(NOW), Starting(1), Running(1, NOW), Failed(1, PortTaken(1), NOW)])
@pytest.mark.parametrize("many", [None, 0, 1, 2, 3])
def test_every_sentence_is_translated(state, many):
    server = Card(state, 23333, "http://127.0.0.1:23333", "cs-sk-••••9b1e", "9b1e", "0123abcd")
    by_key = Found(preset=PRESETS[0], base_url="https://⟦a⟧/v1", key=Secret(KEY), env="⟦VAR⟧")
    few = Found(preset=PRESETS[-1], base_url="http://⟦b⟧/v1", models=("⟦m⟧",))
    lots = structs.replace(few, models=("⟦m⟧",) * 9)
    values = {
        "server": server,
        "steps": server,
        "found": None if many is None else (by_key, few, lots)[:many],
        "masked": masked,
        "built_in": ProviderCard(
            "local", "", "M", "morello", "built_in", 5, QUIET, error=SaidInWords("x") if many else None
        ),
        "told": Told("⟦Said.⟧"),
        "csrf": "c0ffee",
        "now": NOW,
        "first_run": True,
    }
    for part in ("steps", "found", "first_run_answer"):
        assert unsaid(render(MARKED, f"parts/{part}.html", **values)) == []


# In a browser


@in_browser
async def test_what_is_found_is_added_and_the_page_becomes_the_overview(site, monkeypatch):
    await site.api.gateway.choices.change(first_run_done=False)
    async with far_end(answers(200, models(*EVIL, "qwen3:8b"))) as ollama:
        answering_at(monkeypatch, ollama.url)
        page = await site.open()
        await expect(page.locator("#found")).to_contain_text(f"3 models: {EVIL[0]}, {EVIL[1]}, qwen3:8b")
        await accessible(page)
        await site.gallery.take(page, "first-run", languages=("en", "zh-Hant-HK", "zh-Hans"))
        assert await page.locator("main img").count() == 0
        await page.get_by_role("button", name="Add Ollama and start the API").click()
        await expect(page.locator(".toast")).to_have_text("Ollama added. The API is running.")
        await expect(page.locator("#activity")).to_be_visible()
        await expect(page.locator("#server-title")).to_have_text("Running")
        await expect(page.locator("#count")).to_have_text("1")


@in_browser
async def test_a_provider_added_elsewhere_turns_the_page_into_the_overview(site):
    await site.api.gateway.choices.change(first_run_done=False)
    page = await site.open()
    await expect(page.locator("#found")).to_contain_text("No model server answers")
    await site.api.door.start()
    await expect(page.locator("#steps")).to_contain_text("2. The API is running")
    await site.api.gateway.providers.add("work", "openai_chat", "https://127.0.0.1:1", KEY, name="Work")
    await expect(page.locator("#activity")).to_be_visible()
    await expect(page.locator("#first_run")).to_have_count(0)


@in_browser
async def test_a_preset_opens_the_drawer_over_this_page(site):
    await site.api.gateway.choices.change(first_run_done=False)
    async with far_end(answers(200, models("a"))) as provider:
        page = await site.open()
        await page.get_by_role("link", name=f"All {len(PRESETS)} presets").click()
        await page.get_by_role("radio", name="Custom URL").check(force=True)
        await page.get_by_label("Name", exact=True).fill("Work")
        await page.get_by_label("Base URL").fill(f"{provider.url}/v1")
        await page.locator("#provider-key").fill(KEY)
        await expect(page.locator("#provider-check")).to_contain_text("1 model found: a.")
        await page.get_by_role("button", name="Add", exact=True).last.click()
        await expect(page.locator(".toast")).to_contain_text("Work added.")
        await expect(page.locator("#activity")).to_be_visible()
    assert [known.id for known in site.api.gateway.providers.all()] == ["work"]


@in_browser
async def test_the_built_in_model_is_enough_to_begin(site, browser):
    await site.api.gateway.choices.change(first_run_done=False)
    context = await browser.new_context(java_script_enabled=False)
    page = await site.open(context)
    await page.get_by_role("link", name="Look").click()
    await expect(page.locator("#found")).to_contain_text("No model server answers")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#activity")).to_be_visible()
    await context.close()

"""What a provider's models can do: the page where it is measured, and the command."""

import asyncio
import json

import pytest
from playwright.async_api import expect

from api.conformance import PROBES, Result, Run, Stage
from api.errors import SaidInWords
from api.facts import Capability
from tests.api.test_conformance import a_model
from tests.browser import LANGUAGES, accessible
from tests.fakes import far_end
from tests.program import morello
from tests.webui.conftest import until
from tests.webui.reading import find
from tests.webui.test_providers_page import in_browser, providers_page, unsaid
from tests.webui.test_words import MARKED
from webui.pages.conformance import Seen
from webui.render import render
from webui.view import Told

PATH = "/providers/one/conformance"
EVERY = tuple(Result(PROBES[0].name, "⟦m⟧", stage, 412.0, SaidInWords("It did not call the tool.")) for stage in Stage)


async def add(dashboard, url):
    await dashboard.api.gateway.providers.add("one", "openai_chat", url, None, name="One")


async def test_a_run_is_begun_and_its_end_stands_on_the_page(dashboard):
    async with far_end(a_model(vision=400)) as far, dashboard.client() as browser:
        await add(dashboard, far.url)
        answer = await browser.post(PATH, data={"model": " m ", "embedder": "e"})
        assert (answer.status_code, answer.headers["location"]) == (303, PATH)
        await dashboard.api.door.conformance.finished("one")
        page = (await browser.get(PATH)).text
    assert find(page, id="conformance-tools")["data-stage"] == "works"
    assert find(page, id="conformance-vision")["data-stage"] == "absent"
    assert "it cannot" in find(page, id="conformance-vision").text
    assert find(page, id="conformance-model")["value"] == "m"


async def test_without_a_model_the_field_says_so(dashboard):
    await add(dashboard, "https://127.0.0.1:1")
    async with dashboard.client() as browser:
        answer = await browser.post(PATH, data={"model": ""})
        again = await browser.post(PATH, data={"model": "", "embedder": ""}, headers={"hx-request": "true"})
    assert answer.status_code == 422
    assert "Name one" in find(answer.text, id="conformance-wrong").text
    assert "Name one" in again.text


@pytest.mark.parametrize("path", ["/providers/gone/conformance", "/providers/gone/conformance/cancel"])
async def test_who_is_not_there_has_no_page(dashboard, path):
    async with dashboard.client() as browser:
        assert (await browser.post(path)).status_code == 422


def test_every_sentence_is_translated():
    values = {"told": Told(), "csrf": "c0ffee", "now": 0.0}
    for run in (None, Run("one", 0.0, EVERY), Run("one", 0.0, EVERY, True), Run("one", 0.0, EVERY, True, True)):
        part = render(MARKED, "parts/conformance.html", conformance=Seen("one", "⟦one⟧", run, "⟦m⟧", "⟦e⟧"), **values)
        assert unsaid(part) == []


async def test_the_command_asks_and_says(tmp_path):
    async with far_end(a_model(tools=400)) as far:
        words = ("providers", "add", "one", "--base-url", far.url, "--dialect", "openai_chat", "--no-key")
        assert (await asyncio.to_thread(morello, *words, home=tmp_path / "home")).returncode == 0
        measure = ("providers", "conformance", "one", "--model", "m", "--embedder", "e", "--json")
        told = await asyncio.to_thread(morello, *measure, home=tmp_path / "home")
    rows = json.loads(told.stdout)
    assert {row["question"]: row["outcome"] for row in rows}["tools"] == "absent"
    assert [row["question"] for row in rows] == [probe.name for probe in PROBES]
    assert told.returncode == 0


@in_browser
async def test_it_is_watched_and_cancelled_and_its_badges_stand_at_the_model(site):
    gate = asyncio.Event()
    quick = a_model()

    async def slow(received, wire):
        if b"get_weather" in received.body:
            await gate.wait()
        await quick(received, wire)

    gateway = site.api.gateway
    async with far_end(slow) as far:
        await gateway.providers.add("one", "openai_chat", far.url, None, name="One")
        page = await providers_page(site)
        await page.get_by_role("button", name="One: more").click()
        await page.get_by_role("link", name="Measure").click()
        await expect(page).to_have_url(f"{site.dashboard.url}{PATH}")
        await page.get_by_label("Model", exact=True).fill("m")
        await page.keyboard.press("Enter")
        await expect(page.locator("#conformance-tools")).to_have_attribute("data-stage", "running")
        await expect(page.locator("#conformance-stream")).to_have_attribute("data-stage", "works")
        await accessible(page)
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.locator("#conformance")).to_contain_text("Cancelled.")
        assert site.api.door.conformance.of("one").cancelled
        gate.set()
        await page.get_by_label("Model for embeddings").fill("e")
        await page.get_by_role("button", name="Measure again").click()
        await expect(page.locator("#conformance-reasoning")).to_have_attribute("data-stage", "works")
        await until(lambda: site.api.door.conformance.of("one").ended)
        await expect(page.locator("#conformance")).to_contain_text("Done.")
        await accessible(page)
        await site.gallery.take(page, "conformance", languages=LANGUAGES)
    assert gateway.providers.measured.of("one", "m")[Capability.TOOLS] is True

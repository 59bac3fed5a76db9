"""The drawer with what is known of a model: who says it, and the owner's own word, which counts for more."""

import json
from decimal import Decimal

import pytest
from playwright.async_api import expect

from api.facts import Capability, Facts, Prices, Tier
from api.providers.chosen import Chosen
from tests.browser import LANGUAGES, accessible
from tests.fakes import answers, far_end
from tests.webui.reading import find
from tests.webui.test_models_page import HTMX
from tests.webui.test_providers_page import in_browser

LIST = answers(200, json.dumps({"data": [{"id": "gpt-5", "context_length": 123456}, {"id": "odd/näme:x"}]}).encode())
EMPTY = {"provider": "one", "model": "gpt-5"}


@pytest.fixture
async def providers(dashboard):
    async with far_end(LIST) as far:
        await dashboard.api.gateway.providers.add("one", "openai_chat", far.url, None)
        await dashboard.api.gateway.providers.refresh()
        yield dashboard.api.gateway.providers


def own(providers, model="gpt-5"):
    return providers.choosing.of("one")[model].facts


async def test_each_fact_is_shown_with_whom_it_is_from(dashboard, providers):
    await providers.measure("one", "gpt-5", {Capability.VISION: True})
    async with dashboard.client() as browser:
        page = (await browser.get("/models/facts?provider=one&model=gpt-5")).text
    assert find(page, id="fact-context")["placeholder"] == "123456"
    assert find(page, id="fact-context-hint").text.strip().endswith("s list")
    assert find(page, id="fact-max_output-hint").text.strip() == "from the table of models"
    assert find(page, id="fact-input-hint").text.strip() == "not known"
    assert "measured" in find(page, id="facts-form").text


async def test_what_the_owner_says_counts_and_an_empty_field_takes_it_back(dashboard, providers):
    said = {
        **EMPTY,
        "context": "200,000",
        "input": "0.50",
        "output": "0",
        "currency": "hkd",
        "mine": "on",
        "can": "audio",
    }
    async with dashboard.client(**HTMX) as browser:
        told = await browser.post("/models/facts", data=said)
        page = (await browser.get("/models/facts?provider=one&model=gpt-5")).text
        assert own(providers) == Facts(
            capabilities=frozenset({Capability.AUDIO}),
            context=200_000,
            prices=Prices(input=Decimal("0.50"), output=Decimal(0), currency="HKD"),
        )
        assert "one:gpt-5 saved." in find(told.text, class_="toast").text
        assert find(page, id="fact-input")["value"] == "0.5"
        await browser.post("/models/facts", data=EMPTY)
    assert "gpt-5" not in providers.choosing.of("one")


async def test_what_is_no_number_keeps_what_was_typed_and_changes_nothing(dashboard, providers):
    for name, typed in (
        ("context", "-1"),
        ("max_output", "1.5"),
        ("input", "NaN"),
        ("cached", "1e99"),
        ("currency", "€"),
    ):
        async with dashboard.client() as browser:
            answer = await browser.post("/models/facts", data={**EMPTY, name: typed})
        found = find(answer.text, id=f"fact-{name}")
        assert (answer.status_code, found["value"], found["aria-invalid"]) == (422, typed, "true")
        assert find(answer.text, id=f"fact-{name}-hint").text.strip().endswith(".")
    assert providers.choosing.of("one") == {}


async def test_tiers_and_other_choices_stay(dashboard, providers):
    tiers = (Tier(above=200_000, input=Decimal(5)),)
    facts = Facts(prices=Prices(input=Decimal(1), tiers=tiers))
    await providers.choose("one", "gpt-5", Chosen(enabled=False, facts=facts))
    async with dashboard.client() as browser:
        await browser.post("/models/facts", data={**EMPTY, "input": "2", "currency": "USD"})
    assert own(providers) == Facts(prices=Prices(input=Decimal(2), tiers=tiers))
    assert providers.choosing.is_off("one", "gpt-5")


@pytest.mark.parametrize("asked", ["provider=gone&model=x", "provider=one&model=", "provider=local&model=x", ""])
async def test_of_what_is_not_there_nothing_can_be_said(dashboard, providers, asked):
    async with dashboard.client() as browser:
        assert (await browser.get(f"/models/facts?{asked}")).status_code == 404


async def test_after_saving_the_table_is_still_the_one_that_was_searched(dashboard, providers):
    headers = {**HTMX, "hx_current_url": f"{dashboard.url}/models?find=odd"}
    async with dashboard.client(**headers) as browser:
        told = await browser.post("/models/facts", data=EMPTY)
    assert find(told.text, id="find")["value"] == "odd"


@in_browser
async def test_a_price_is_said_and_stands_in_the_table_and_in_the_api(site):
    providers = site.api.gateway.providers
    async with far_end(LIST) as far:
        await providers.add("one", "openai_chat", far.url, None)
        await providers.refresh()
        await site.api.door.start()
        page = await site.open()
        await page.goto(f"{site.dashboard.url}/models?provider=one")
        await page.get_by_role("link", name="one:odd/näme:x").click()
        await expect(page.locator("#drawer-title")).to_have_text("odd/näme:x")
        await accessible(page)
        await page.get_by_label("Input", exact=True).fill("1.25")
        await page.get_by_label("I know better").check()
        await page.get_by_label("Tools").check()
        await site.gallery.take(page, "facts")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#drawer")).to_be_hidden()
        row = page.get_by_role("row", name="one:odd/näme:x")
        await expect(row).to_contain_text("$1.25")
        await expect(row).to_contain_text("Tools")
        await expect(page.locator("#models-provider")).to_have_value("one")
        await site.gallery.take(page, "facts-models", languages=LANGUAGES)
    async with site.api.client() as client:
        models = (await client.get("/v1/models")).json()["data"]
    told = next(model for model in models if model["id"] == "one:odd/näme:x")
    assert told["capabilities"] == ["tools"]

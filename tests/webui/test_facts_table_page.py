"""The table of models on the page: a newer one is compared, and in force by a click."""

import json

import pytest
from playwright.async_api import expect

from api.facts import bundled
from tests.browser import accessible
from tests.webui.reading import find
from tests.webui.test_providers_page import in_browser

NEWER = {
    "openai/gpt-77": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06},
    "gpt-5": {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 5},
}
FILE = ("models.json", json.dumps(NEWER).encode(), "application/json")


async def csrf(browser):
    return find((await browser.get("/models/table")).text, "input", name="csrf")["value"]


async def test_what_would_change_is_shown_first_and_a_click_has_it_in_force(dashboard):
    gateway = dashboard.api.gateway
    async with dashboard.client() as browser:
        shown = await browser.post("/models/table", data={"csrf": await csrf(browser)}, files={"file": FILE})
        assert shown.status_code == 200
        told = find(shown.text, id="drawer").text
        assert "openai:gpt-77" in told
        assert "models.json" in told
        assert "→ 5" in told
        assert gateway.table() == bundled()
        again = (await browser.get("/models/table")).text
        assert "openai:gpt-77" in find(again, id="drawer").text
        applied = await browser.post("/models/table/apply")
        assert "is in force." in find(applied.text, class_="toast").text
    assert gateway.table().models["openai"]["gpt-5"].context == 5
    assert gateway.table().source == "models.json"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (("x.json", b"no table", "application/json"), "no table of models"),
        (("x.json", b"{}", "application/json"), "no table of models"),
        (("x.json", b"", "application/json"), "not empty"),
        (("x.json", b"[" * 100_000, "application/json"), "no table of models"),
    ],
)
async def test_what_is_no_table_is_said_beside_the_field(dashboard, file, words):
    async with dashboard.client() as browser:
        told = await browser.post("/models/table", data={"csrf": await csrf(browser)}, files={"file": file})
    assert told.status_code == 422
    assert words in find(told.text, id="table-problem").text
    assert dashboard.api.gateway.table() == bundled()


async def test_without_the_pages_token_nothing_is_read(dashboard):
    async with dashboard.client(x_csrf_token="") as browser:
        told = await browser.post("/models/table", data={"csrf": "no"}, files={"file": FILE})
    async with dashboard.client() as browser:
        late = await browser.post("/models/table/apply")
    assert told.status_code == 403
    assert late.status_code == 409


@in_browser
async def test_a_table_is_compared_and_used(site):
    page = await site.open()
    await page.goto(f"{site.dashboard.url}/models")
    await page.click("#table")
    await expect(page.locator("#drawer-title")).to_have_text("Table of models")
    await accessible(page)
    await page.set_input_files("#table-file", files=[{"name": FILE[0], "mimeType": FILE[2], "buffer": FILE[1]}])
    await page.get_by_role("button", name="Compare").click()
    await expect(page.locator("#drawer")).to_contain_text("models.json")
    await accessible(page)
    await site.gallery.take(page, "facts-table")
    await page.get_by_role("button", name="Have it in force").click()
    await expect(page.locator(".toast")).to_contain_text("is in force.")
    await expect(page.locator("#drawer")).to_be_hidden()
    assert site.api.gateway.table().source == "models.json"

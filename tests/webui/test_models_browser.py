"""The Models page in a real browser: an order made by keyboard and by dragging, a search that narrows."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.fakes import answers, far_end

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
LIST = answers(200, json.dumps({"data": [{"id": name} for name in ("small", "large", "vast")]}).encode())


@pytest_asyncio.fixture(loop_scope="session")
async def providers(site):
    async with far_end(LIST) as far:
        await site.api.gateway.providers.add("one", "openai_chat", far.url, None)
        await site.api.gateway.providers.refresh()
        yield site.api.gateway.providers


async def test_a_group_is_ordered_by_keyboard_and_by_dragging(site, providers):
    page = await site.open()
    await page.click("[data-room=models]")
    await page.click("text=New alias")
    await page.fill("#alias-name", "smart")
    await page.fill(".order [name=model]", "one:small")
    for model in ("one:large", "one:vast"):
        await page.click("text=Another model")
        await page.keyboard.type(model)
    await page.keyboard.press("Alt+ArrowUp")
    await page.keyboard.press("Alt+ArrowUp")
    assert await page.input_value(":focus") == "one:vast"
    assert "one:vast is number 1 of 3." in await page.inner_text("#toasts")
    await page.drag_and_drop(".order li:nth-child(3) .grip", ".order li:nth-child(2)")
    await page.click(".drawer__foot .btn--primary")
    await page.wait_for_selector("#alias-smart")
    assert providers.groups.find("smart").models == ("one:vast", "one:large", "one:small")
    await site.api.door.start()
    async with site.api.client() as caller:
        assert (await caller.get("/v1/models/smart")).json()["models"] == ["one:vast", "one:large", "one:small"]


async def test_typing_in_the_search_narrows_the_table(site, providers):
    page = await site.open()
    await page.click("[data-room=models]")
    await page.fill("#find", "vast")
    await expect(page.locator("#models tbody tr")).to_have_count(1)
    await expect(page).to_have_url(f"{site.dashboard.url}/models?find=vast")
    await page.click("#models .toggle")
    await expect(page.locator("#models_told")).to_contain_text("7 on")
    assert providers.choosing.is_off("one", "vast")

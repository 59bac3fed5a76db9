"""A provider in a real browser: its key is refused, mended, and a second one rests with its reason."""

import pytest
from playwright.async_api import expect

from tests.fakes import CHAT, far_end

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
WRONG, GOOD, SPENT = "sk-wrong-key-0000", "sk-good-key-0001", "sk-spent-key-0002"
LIST = b'{"object":"list","data":[{"id":"m"}]}'


async def by_key(received, wire):
    key = received.headers["authorization"].removeprefix("Bearer ")
    if key == WRONG:
        return await wire.reply(401, b'{"error":{"message":"This key was never given out."}}')
    if received.path.endswith("/models"):
        return await wire.reply(200, LIST)
    if key == SPENT:
        return await wire.reply(429, b'{"error":{"message":"Your quota is used up."}}')
    return await wire.reply(200, CHAT)


async def test_a_refused_key_is_mended_and_a_spent_one_rests(site):
    async with far_end(by_key) as far:
        page = await site.open()
        await page.click("[data-room=providers]")
        await page.click("#add")
        await page.click("label:has(#preset-openai)")
        await page.fill("#provider-name", "Mine")
        await page.fill("#provider-url", f"{far.url}/v1")
        await page.fill("#provider-key", WRONG)
        await expect(page.locator("#provider-check")).to_contain_text("This key was never given out.")
        await page.fill("#provider-key", GOOD)
        await expect(page.locator("#provider-check")).to_contain_text("Connected in")
        await page.click(".drawer__foot .btn--primary")
        await expect(page.locator("#provider-mine")).to_contain_text("Healthy")
        assert site.api.gateway.providers.find("mine").key == GOOD

        await page.click("#provider-mine [popovertarget]")
        await page.click("#provider-mine .more a")
        await page.click("#provider-keys > details > summary")
        await page.fill("#more-key", SPENT)
        await page.fill("#provider-keys > details [name=label]", "team")
        await page.keyboard.press("Enter")
        await expect(page.locator("#provider-keys li")).to_have_count(2)
        await page.click(".drawer__foot >> text=Cancel")

        await site.api.door.start()
        async with site.api.client() as caller:
            for question in ("one", "two"):
                body = {"model": "mine:m", "messages": [{"role": "user", "content": question}]}
                assert (await caller.post("/v1/chat/completions", json=body)).status_code == 200
        await expect(page.locator("#provider-mine")).to_contain_text("team rests until")
        await expect(page.locator("#provider-mine")).to_contain_text("Your quota is used up.")
        rest = site.api.gateway.providers.pools.resting(site.api.gateway.providers.find("mine"), 2)
        assert rest is not None
        assert rest.until - rest.since == 3600

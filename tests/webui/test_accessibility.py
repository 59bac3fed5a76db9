"""Nothing on the page is kept from whoever cannot see it, or not well: axe-core finds nothing to complain of."""

import pytest
from playwright.async_api import expect

from tests.browser import LANGUAGES, accessible, speak
from tests.webui.states import STATES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


LIGHT, DARK = "light", "dark"
# A translation changes words, not colours: its pages are looked at in one theme.
SEEN = [("en", (LIGHT, DARK)), *((language, (LIGHT,)) for language in LANGUAGES if language != "en")]


@pytest.mark.parametrize(("language", "themes"), SEEN)
async def test_the_overview_in_every_state(site, language, themes):
    page = await site.open()
    for state in STATES.values():
        site.show(state)
        await speak(page, language)
        await expect(page.locator("#server")).to_have_attribute("data-state", state.name)
        for theme in themes:
            await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            await accessible(page)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
async def test_every_room_and_every_menu_at_each_width(site, theme):
    page = await site.open()
    await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for path in ("/", "/providers", "/models", "/models/names/add", "/settings"):
        for width in (1360, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(site.dashboard.url + path)
            await accessible(page)
    await page.get_by_role("button", name="Main menu").click()
    await page.locator("[popovertarget=languages]").click()
    await accessible(page)


async def test_what_opens_over_a_page(site):
    page = await site.open()
    await page.emulate_media(reduced_motion="reduce")
    for width in (1360, 390):
        await page.set_viewport_size({"width": width, "height": 844})
        await page.goto(site.dashboard.url)
        await page.get_by_role("button", name="Regenerate").click()
        await accessible(page)
        for preset in ("", "?preset=mistral", "?preset=custom"):
            await page.goto(f"{site.dashboard.url}/providers/add{preset}")
            await accessible(page)
    await site.gallery.take(page, "providers-add-custom", languages=LANGUAGES)


async def test_the_first_run_on_a_small_screen(site):
    await site.api.gateway.choices.change(first_run_done=False)
    page = await site.open()
    await page.emulate_media(color_scheme=DARK, reduced_motion="reduce")
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(page.locator("#found")).to_contain_text("Look again")
    await accessible(page)


async def test_the_page_whose_connection_is_lost(site):
    page = await site.open()
    await page.evaluate("lose(true); say('Said.')")
    await accessible(page)


async def test_the_locked_page(site):
    page = await site.context.new_page()
    await page.goto(site.dashboard.url)
    await accessible(page)
    site.watch.forgive("status of 401")

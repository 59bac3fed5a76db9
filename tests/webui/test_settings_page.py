"""The settings page: theme, drain, password, sessions; and the page where the password is typed."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

import httpx
import pytest
from msgspec import Raw
from playwright.async_api import expect

from api.store import settings as kept_settings
from api.stored import StoredResponse
from tests import tiny_model
from tests.browser import LANGUAGES, accessible
from tests.webui.conftest import LOGIN_COMMAND, until
from tests.webui.reading import find, find_all
from tests.webui.test_words import MARKED, unsaid
from webui.card import card
from webui.house import House
from webui.pages.limits import limits_of
from webui.pages.settings import About, SessionSeen
from webui.render import render
from webui.view import Told, Wrong

pytestmark = pytest.mark.usefixtures("quick_hashes")

RIGHT = "correct horse"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW = {"new": RIGHT, "again": RIGHT}


async def settings(browser) -> str:
    answer = await browser.get("/settings")
    assert answer.status_code == 200
    return answer.text


@asynccontextmanager
async def another_browser(dashboard, agent: str = FIREFOX) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else who has just signed in by a link."""
    async with dashboard.stranger(user_agent=agent) as browser:
        assert (await browser.get(dashboard.link())).status_code == 303
        yield browser


def signed(page: str) -> str:
    """The list of who is signed in."""
    found = re.search(r'<ul class="[^"]*signed[^"]*">.*?</ul>', page, re.DOTALL)
    assert found
    return found[0]


class TestTheme:
    async def test_without_a_choice_the_page_follows_the_system(self, dashboard):
        async with dashboard.client() as browser:
            page = await settings(browser)
        assert "data-theme" not in find(page, "html").attributes
        assert find(page, "button", value="system")["aria-pressed"] == "true"

    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_a_theme_is_kept_in_a_cookie_and_worn_by_every_page(self, dashboard, theme):
        async with dashboard.client() as browser:
            answer = await browser.post("/theme", data={"theme": theme})
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
            page = await settings(browser)
            assert find(page, "html")["data-theme"] == theme
            assert find(page, "button", value=theme)["aria-pressed"] == "true"
            assert find((await browser.get("/nowhere")).text, "html")["data-theme"] == theme
            browser.cookies.delete(dashboard.sessions.cookie)
            assert find((await browser.get("/")).text, "html")["data-theme"] == theme

    async def test_the_cookie_carries_the_dashboards_port(self, dashboard):
        async with dashboard.client() as browser:
            answer = await browser.post("/theme", data={"theme": "dark"})
        name, *attributes = answer.headers["set-cookie"].split("; ")
        assert name == f"morello_theme_{dashboard.port}=dark"
        assert attributes == ["Path=/", "Max-Age=34560000", "HttpOnly", "SameSite=Lax"]

    @pytest.mark.parametrize("theme", ["system", "", "dark; Domain=evil.example", '"><b>', "\r\nset-cookie: a=b"])
    async def test_any_other_choice_is_to_follow_the_system_again(self, dashboard, theme):
        async with dashboard.client() as browser:
            await browser.post("/theme", data={"theme": "dark"})
            answer = await browser.post("/theme", data={"theme": theme})
            assert answer.headers.get_list("set-cookie") == [
                f"morello_theme_{dashboard.port}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
            ]
            assert "data-theme" not in find(await settings(browser), "html").attributes

    async def test_a_planted_cookie_is_no_theme(self, dashboard):
        async with dashboard.client(cookie=f'morello_theme_{dashboard.port}="><b>') as browser:
            browser.headers["cookie"] += f"; {dashboard.sessions.cookie}={dashboard.identity}"
            assert "data-theme" not in find(await settings(browser), "html").attributes


class TestDrain:
    @pytest.mark.parametrize(("typed", "drain"), [("0", 0), ("60", 60), ("2.5", 2.5), (" 7 ", 7)])
    async def test_it_is_saved(self, dashboard, typed, drain):
        async with dashboard.client() as browser:
            answer = await browser.post("/drain", data={"drain": typed})
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
            assert dashboard.api.gateway.settings.drain == drain
            assert find(await settings(browser), "input", name="drain")["value"] == f"{drain:g}"

    @pytest.mark.parametrize("typed", ["", "-1", "61", "nan", "inf", "soon", "1e9", '"><b>'])
    async def test_what_is_no_time_to_wait_comes_back_with_a_sentence(self, dashboard, typed):
        async with dashboard.client() as browser:
            answer = await browser.post("/drain", data={"drain": typed})
            assert answer.status_code == 422
            field = find(answer.text, "input", name="drain")
            assert (field["value"], field["aria-invalid"]) == (typed, "true")
            said = find(answer.text, id=field["aria-describedby"])
            assert said.text == "Type a number of seconds from 0 to 60."
            assert dashboard.api.gateway.settings.drain == 0
            part = await browser.post("/drain", data={"drain": typed}, headers={"hx-request": "true"})
            assert part.status_code == 200
            assert find(part.text, id="drain-problem").text == said.text

    async def test_htmx_gets_the_row_and_a_toast_and_no_toast_where_nothing_changed(self, dashboard):
        async with dashboard.client(hx_request="true") as browser:
            changed = await browser.post("/drain", data={"drain": "5"})
            again = await browser.post("/drain", data={"drain": "5"})
        assert find(changed.text, id="drain")
        assert find(changed.text, "hx-partial", hx_target="#toasts").text == "Saved"
        assert find_all(again.text, "hx-partial") == []


class TestResponses:
    async def test_they_are_kept_on_the_disk_when_the_owner_says_so_and_not_before(self, dashboard):
        async with dashboard.client() as browser:
            assert "checked" not in find(await settings(browser), "input", name="keep").attributes
            answer = await browser.post("/responses", data={"keep": "on"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
            assert dashboard.api.gateway.settings.keep_responses
            assert "checked" in find(await settings(browser), "input", name="keep").attributes

    async def test_switched_off_they_are_gone_and_htmx_says_so(self, dashboard):
        gateway = dashboard.api.gateway
        await gateway.choices.change(keep_responses=True)
        gateway.responses.keep(StoredResponse("a", b"", Raw(b"{}"), (), (), None, gateway.responses.now))
        await gateway.responses.settle()
        async with dashboard.client(hx_request="true") as browser:
            changed = await browser.post("/responses", data={})
            again = await browser.post("/responses", data={})
        assert not gateway.settings.keep_responses
        assert gateway.store.load(lambda db: db.exec_driver_sql("SELECT count(*) FROM responses").scalar()) == 0
        assert find(changed.text, id="responses")
        said = find(changed.text, "hx-partial", hx_target="#toasts").text
        assert said == "Saved. What was on the disk is erased."
        assert find_all(again.text, "hx-partial") == []


class TestPassword:
    async def test_it_is_set_and_then_asked_for(self, dashboard):
        async with dashboard.client() as browser:
            assert find_all(await settings(browser), "input", name="current") == []
            answer = await browser.post("/password", data=NEW)
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
            assert find(await settings(browser), "input", name="current")["autocomplete"] == "current-password"
        async with dashboard.stranger() as stranger:
            assert find((await stranger.get("/")).text, "input", name="password")

    @pytest.mark.parametrize(
        ("given", "field", "said"),
        [
            ({"new": "short", "again": "short"}, "new", "Use at least 8 characters."),
            ({"new": RIGHT, "again": "other"}, "again", "The two are not the same. Type it again."),
            ({"new": "battery staple", "again": "battery staple"}, "current", "That is not the password."),
            (
                {"new": "battery staple", "again": "battery staple", "current": "x"},
                "current",
                "That is not the password.",
            ),
            ({}, "new", "Use at least 8 characters."),
        ],
    )
    async def test_what_is_wrong_is_said_beside_its_field_and_changes_nothing(self, dashboard, given, field, said):
        await dashboard.sessions.password.set(RIGHT)
        async with dashboard.client() as browser:
            whole = await browser.post("/password", data=given)
            part = await browser.post("/password", data=given, headers={"hx-request": "true"})
        assert (whole.status_code, part.status_code) == (422, 200)
        for page in (whole.text, part.text):
            wrong = find(page, "input", aria_invalid="true")
            assert wrong["name"] == field
            assert find(page, id=wrong["aria-describedby"]).text == said
            assert "open" in find(page, "details", class_="wide").attributes
            assert "value" not in wrong.attributes
        assert await dashboard.sessions.password.check(RIGHT)

    async def test_another_one_signs_every_other_browser_out_and_not_this_one(self, dashboard):
        await dashboard.sessions.password.set(RIGHT)
        async with another_browser(dashboard) as other, dashboard.client(hx_request="true") as browser:
            given = {"current": RIGHT, "new": "battery staple", "again": "battery staple"}
            answer = await browser.post("/password", data=given)
            assert find(answer.text, class_="toast").text == "Password set. 1 other browser was signed out."
            assert (await other.get("/settings")).status_code == 401
            assert (await browser.get("/settings")).status_code == 200
        assert await dashboard.sessions.password.check("battery staple")

    async def test_it_is_removed_by_who_knows_it_and_whoever_is_signed_in_stays_so(self, dashboard):
        await dashboard.sessions.password.set(RIGHT)
        async with another_browser(dashboard) as other, dashboard.client() as browser:
            assert (await browser.post("/password/clear", data={"current": "wrong"})).status_code == 422
            assert dashboard.sessions.password.is_set
            assert (await browser.post("/password/clear", data={"current": RIGHT})).status_code == 303
            assert not dashboard.sessions.password.is_set
            assert (await other.get("/settings")).status_code == 200
        assert "dashboard_password" not in dashboard.api.gateway.store.load(kept_settings.load)

    async def test_a_form_that_was_filled_in_is_replaced_by_an_empty_one(self, dashboard):
        async with dashboard.client(hx_request="true") as browser:
            given = NEW
            seen = set()
            for _ in range(3):
                part = (await browser.post("/password", data=given)).text
                given = {**NEW, "current": RIGHT}
                seen.add(find(part, "input", name="new")["id"])
        assert len(seen) == 3


class TestSessions:
    async def test_every_browser_is_listed_this_one_first(self, dashboard):
        async with another_browser(dashboard), dashboard.client() as browser:
            page = await settings(browser)
        items = find_all(signed(page), "li")
        assert [item.text.split(" By ")[0] for item in items] == ["Unknown browser This browser", "Firefox on Linux"]
        assert "By link since" in items[1].text
        assert [button["aria-label"] for button in find_all(signed(page), "button")] == ["Sign out Firefox on Linux"]

    async def test_how_somebody_signed_in_is_told(self, dashboard):
        await dashboard.sessions.password.set(RIGHT)
        await dashboard.sessions.sign_in_by_password(RIGHT, FIREFOX)
        async with dashboard.client() as browser:
            assert "By password since" in find_all(signed(await settings(browser)), "li")[1].text

    async def test_what_a_browser_calls_itself_never_becomes_a_part_of_the_page(self, dashboard):
        evil = "<img src=x onerror=alert(1)> Firefox/1 Linux \" hx-get='/key/reveal' hx-trigger=load " + "x" * 5000
        async with another_browser(dashboard, evil), dashboard.client() as browser:
            page = await settings(browser)
        assert "onerror" not in page
        assert "/key/reveal" not in page
        assert find_all(signed(page), "li")[1].text.startswith("Firefox on Linux")

    async def test_one_is_signed_out_and_its_open_page_ends(self, dashboard):
        async with another_browser(dashboard) as other, dashboard.client(hx_request="true") as browser:
            stream = await other.send(other.build_request("GET", "/live?page=settings"), stream=True)
            lines = stream.aiter_lines()
            while await anext(lines):
                pass  # the first event: what is so now
            name = find(await settings(browser), "input", name="session")["value"]
            answer = await browser.post("/sessions/end", data={"session": name})
            assert find(answer.text, class_="toast").text == "Signed out there."
            assert find_all(answer.text, "input", name="session") == []
            assert [line async for line in lines] == []
            assert (await other.get("/settings")).status_code == 401
            again = await browser.post("/sessions/end", data={"session": name})
            assert find(again.text, class_="toast").text == "It was signed out already."

    async def test_everybody_else_is_signed_out(self, dashboard):
        async with (
            another_browser(dashboard) as one,
            another_browser(dashboard) as two,
            dashboard.client(hx_request="true") as browser,
        ):
            answer = await browser.post("/sessions/end-others")
            assert find(answer.text, class_="toast").text == "2 other browsers were signed out."
            assert len(find_all(answer.text, "li")) == 1
            assert find_all(answer.text, "form", action="/sessions/end-others") == []
            for other in (one, two):
                assert (await other.get("/")).status_code == 401

    async def test_the_list_follows_while_you_watch(self, dashboard):
        async with dashboard.client() as browser, browser.stream("GET", "/live?page=settings") as stream:
            lines = stream.aiter_lines()
            async for line in lines:
                if "This browser" in line:
                    break
            async with another_browser(dashboard):
                async for line in lines:
                    if "Firefox on Linux" in line:
                        return


@pytest.mark.skipif(not find_spec("xllamacpp"), reason="the extra morello[local] is not installed")
class TestLocalModel:
    async def test_a_file_is_served_and_taken_back_and_its_name_is_told(self, dashboard, tmp_path):
        file = tiny_model.write(tmp_path / "tiny.gguf")
        async with dashboard.client() as browser:
            answer = await browser.post("/local-model", data={"local_model": f" {file} "})
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
            page = await settings(browser)
            assert find(page, "input", name="local_model")["value"] == str(file)
            assert "Apps call it local:tiny." in find(page, id="local_model").text
            await browser.post("/local-model", data={"local_model": ""})
            assert "Apps call it local:gemma-3-270m." in find(await settings(browser), id="local_model").text
        assert dashboard.api.gateway.settings.local_model == ""

    async def test_htmx_gets_the_row_and_a_toast_and_no_toast_where_nothing_changed(self, dashboard, tmp_path):
        form = {"local_model": str(tiny_model.write(tmp_path / "tiny.gguf"))}
        async with dashboard.client(hx_request="true") as browser:
            changed = await browser.post("/local-model", data=form)
            again = await browser.post("/local-model", data=form)
        assert find(changed.text, id="local_model")
        assert find(changed.text, "hx-partial", hx_target="#toasts").text == "Saved"
        assert find_all(again.text, "hx-partial") == []

    @pytest.mark.parametrize(
        ("typed", "sentence"),
        [("models/a.gguf", "not a whole path"), ("/nowhere/<b>.gguf", "no file"), (__file__, "“GGUF”")],
    )
    async def test_what_is_no_model_comes_back_with_a_sentence(self, dashboard, typed, sentence):
        async with dashboard.client() as browser:
            answer = await browser.post("/local-model", data={"local_model": typed})
        field = find(answer.text, "input", name="local_model")
        assert (answer.status_code, field["value"], field["aria-invalid"]) == (422, typed, "true")
        assert sentence in find(answer.text, id=field["aria-describedby"]).text
        assert dashboard.api.gateway.settings.local_model == ""

    async def test_a_file_that_vanished_is_told_on_the_card(self, dashboard, tmp_path):
        file = tiny_model.write(tmp_path / "tiny.gguf")
        await dashboard.api.gateway.serve_file(str(file))
        file.unlink()
        async with dashboard.client() as browser:
            assert f"There is no file “{file}”." in (await browser.get("/providers")).text


async def test_what_this_program_is_and_where_it_keeps_things_is_told(dashboard):
    async with dashboard.client() as browser:
        about = find(await settings(browser), "dl", class_="about").text
    home = dashboard.api.gateway.home
    assert f"Data folder{home} Log file{home}/logs/morello.log " in about


SESSIONS = (
    SessionSeen("a", "⟦Firefox⟧", "⟦Linux⟧", "link", 1.0, 1.0, True),
    SessionSeen("b", "⟦Firefox⟧", None, "password", 1.0, 1.0, False),
    SessionSeen("c", None, None, "link", 1.0, 1.0, False),
)


@pytest.mark.parametrize("password", [None, "0123abcd"])
@pytest.mark.parametrize(
    "told",
    [
        Told(),
        Told(toast="⟦Said.⟧"),
        *(
            Told(wrong=Wrong(name, "9", "⟦Said.⟧"))
            for name in ("drain", "new", "current", "proxy", "ca_file", "chat.idle")
        ),
    ],
)
async def test_every_sentence_of_the_settings_is_translated(dashboard, password, told):
    house = House(dashboard.api.gateway, dashboard.api.door, dashboard.sessions, LOGIN_COMMAND, {})
    page = render(
        MARKED,
        "settings.html",
        here="settings",
        server=card(house),
        count=0,
        told=told,
        csrf="c0ffee",
        now=1.0,
        theme="dark",
        password=password,
        sessions=SESSIONS,
        drain="5",
        keeps_responses=True,
        allows_path_keys=True,
        local_model="",
        local_name="⟦own⟧",
        api_url="http://127.0.0.1:23333",
        proxy=None,
        ca_file="",
        limits=limits_of(house),
        about=About("⟦1.0⟧", "⟦/home⟧", "⟦/log⟧", "⟦3.11⟧"),
    )
    strange = {"http", "Python", "MIT", "English", "繁體中文", "香港", "简体中文"}
    assert [word for word in unsaid(page) if word not in strange] == []


@pytest.mark.parametrize("wrong", [True, False])
@pytest.mark.parametrize("password", [True, False])
def test_every_sentence_of_the_locked_page_is_translated(wrong, password):
    page = render(
        MARKED,
        "login.html",
        said="⟦Said.⟧",
        wrong=wrong,
        password=password,
        wanted="/",
        command="morello login-url",
        theme=None,
    )
    strange = {"English", "繁體中文", "香港", "简体中文"}
    assert [word for word in unsaid(page) if word not in strange] == []


# In a browser, without a mouse


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
class TestInABrowser:
    async def test_the_keyboard_alone_sets_a_password_leaves_comes_back_and_signs_another_browser_out(self, site):
        site.watch.forgive("status of 401|status 401")
        page = await site.open()
        await page.goto(f"{site.dashboard.url}/settings")
        await press_to(page, "Set a password")
        await page.keyboard.press("Enter")
        await accessible(page)
        await page.keyboard.press("Tab")
        await page.keyboard.type("short")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("Use at least 8 characters.")
        await expect(page.get_by_label("New password", exact=True)).to_be_focused()
        await accessible(page)
        await page.keyboard.press("Control+A")
        await page.keyboard.type(RIGHT)
        await page.keyboard.press("Tab")
        await page.keyboard.type(RIGHT)
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_have_text("Password set.")
        await expect(page.locator("summary", has_text="Change or remove")).to_be_focused()
        assert await page.locator("input[type=password]").evaluate_all("all => all.map((one) => one.value)") == [""] * 3

        await press_to(page, "Sign out", backwards=True)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="This dashboard is locked")).to_be_visible()
        await page.goto(f"{site.dashboard.url}/settings")
        await accessible(page)
        await site.gallery.take(page, "locked-with-password", languages=LANGUAGES)
        await expect(page.get_by_label("Password")).to_be_focused()
        await page.keyboard.type("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        await expect(page.get_by_label("Password")).to_be_focused()
        await accessible(page)
        await site.gallery.take(page, "locked-wrong-password")
        await page.keyboard.type(RIGHT)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{site.dashboard.url}/settings")

        async with another_browser(site.dashboard) as other:
            await expect(page.get_by_text("Firefox on Linux")).to_be_visible()
            await accessible(page)
            await site.gallery.take(page, "settings", languages=LANGUAGES)
            await press_to(page, "Sign out Firefox on Linux")
            await page.keyboard.press("Enter")
            await expect(page.locator(".toast")).to_have_text("Signed out there.")
            await expect(page.get_by_role("heading", name="Signed in")).to_be_focused()
            await expect(page.get_by_text("Firefox on Linux")).to_have_count(0)
            assert (await other.get("/settings")).status_code == 401

    async def test_a_page_whose_session_is_ended_elsewhere_locks_itself(self, site, browser):
        site.watch.forgive("status of 401|status 401")
        context = await browser.new_context(user_agent=FIREFOX, locale="en-GB")
        try:
            other = await site.open(context)
            page = await site.open()
            await page.goto(f"{site.dashboard.url}/settings")
            await page.get_by_role("button", name="Sign out everywhere else").click()
            await expect(page.locator(".toast")).to_have_text("1 other browser was signed out.")
            await expect(other.get_by_role("heading", name="This dashboard is locked")).to_be_visible()
            await expect(page.get_by_role("heading", name="Settings")).to_be_visible()
        finally:
            await context.close()

    async def test_the_time_to_finish_is_saved_when_it_is_left(self, site):
        page = await site.open()
        await page.goto(f"{site.dashboard.url}/settings")
        field = page.get_by_label("Time to finish")
        await field.fill("61")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("alert")).to_have_text("Type a number of seconds from 0 to 60.")
        await expect(field).to_have_value("61")
        await accessible(page)
        await field.fill("5")
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_have_text("Saved")
        await until(lambda: site.api.gateway.settings.drain == 5)

    async def test_responses_are_kept_on_the_disk_by_one_key(self, site):
        page = await site.open()
        await page.goto(f"{site.dashboard.url}/settings")
        switch = page.get_by_role("switch", name="Keep stored responses on the disk")
        await expect(switch).not_to_be_checked()
        await switch.focus()
        await page.keyboard.press("Space")
        await expect(page.locator(".toast")).to_have_text("Saved")
        await expect(switch).to_be_checked()
        await expect(switch).to_be_focused()
        assert site.api.gateway.settings.keep_responses
        await accessible(page)
        await site.gallery.take(page, "settings-keeping-responses", languages=LANGUAGES)
        await switch.focus()
        await page.keyboard.press("Space")
        await expect(page.locator(".toast")).to_have_text("Saved. What was on the disk is erased.")
        await expect(switch).not_to_be_checked()
        assert not site.api.gateway.settings.keep_responses

    async def test_a_theme_is_worn_at_once_and_kept(self, site):
        page = await site.open()
        await page.emulate_media(color_scheme="light")
        await page.goto(f"{site.dashboard.url}/settings")
        await page.get_by_role("button", name="Dark").click()
        await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        ground = "getComputedStyle(document.body).backgroundColor"
        assert await page.evaluate(ground) == "rgb(18, 18, 20)"
        await accessible(page)
        await page.get_by_role("button", name="System").click()
        await expect(page.get_by_role("button", name="System")).to_have_attribute("aria-pressed", "true")
        assert await page.evaluate(ground) == "rgb(250, 250, 250)"

    async def test_everything_works_without_scripts(self, site, browser):
        context = await browser.new_context(java_script_enabled=False, locale="en-GB", user_agent="Firefox/140 Linux")
        try:
            page = await site.open(context)
            await page.goto(f"{site.dashboard.url}/settings")
            await page.get_by_text("Set a password").click()
            await page.get_by_label("New password", exact=True).fill(RIGHT)
            await page.get_by_label("New password again").fill("another")
            await page.get_by_role("button", name="Set password").click()
            await expect(page.get_by_role("alert")).to_have_text("The two are not the same. Type it again.")
            await page.get_by_label("New password", exact=True).fill(RIGHT)
            await page.get_by_label("New password again").fill(RIGHT)
            await page.get_by_role("button", name="Set password").click()
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.get_by_text(LOGIN_COMMAND)).to_be_visible()
            await page.get_by_label("Password").fill(RIGHT)
            await page.get_by_role("button", name="Sign in").click()
            await page.wait_for_url(f"{site.dashboard.url}/")
            await page.goto(f"{site.dashboard.url}/settings")
            await page.locator("#responses").get_by_role("switch").check()
            await page.locator("#responses").get_by_role("button", name="Save").click()
            await expect(page.locator("#responses").get_by_role("switch")).to_be_checked()
            await page.get_by_text("Change or remove").click()
            await page.get_by_label("Current password").fill(RIGHT)
            await page.get_by_role("button", name="Remove password").click()
            await expect(page.get_by_text("Set a password")).to_be_visible()
        finally:
            await context.close()


async def press_to(page, name: str, backwards: bool = False) -> None:
    """Press Tab until what is called `name` has the focus."""
    for _ in range(60):
        focused = "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"
        if await page.evaluate(focused) == name:
            return
        await page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"the keyboard does not reach “{name}”")

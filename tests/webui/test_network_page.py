"""The settings' network and limits, and the page of one provider's limits."""

import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from api.limits import KINDS, NAMES
from tests.browser import LANGUAGES, accessible
from tests.program import morello
from tests.proxies import certificate
from tests.webui.conftest import until
from tests.webui.reading import find, find_all

PROXY = "http://ada:p4ss-w0rd-of-the-proxy@127.0.0.1:7890"
SHOWN = "http://ada:***@127.0.0.1:7890"


def sent(route="", provider="", **limits):
    """The form of a kind of call, with every field as usual but these."""
    return {"provider": provider, "route": route} | {f"limit.{name}": limits.get(name, "") for name in NAMES}


class TestProxy:
    async def test_it_is_saved_and_shown_without_its_password(self, dashboard):
        async with dashboard.client() as browser:
            answer = await browser.post("/proxy", data={"proxy": PROXY})
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
            page = (await browser.get("/settings")).text
        assert dashboard.api.gateway.network.proxy == PROXY
        assert find(page, "input", name="proxy")["value"] == SHOWN
        assert "p4ss" not in page

    async def test_what_is_sent_as_it_was_shown_keeps_the_password(self, dashboard):
        async with dashboard.client() as browser:
            for url in (PROXY, SHOWN):
                await browser.post("/proxy", data={"proxy": url})
        assert dashboard.api.gateway.network.proxy == PROXY

    async def test_another_host_does_not_get_the_password(self, dashboard):
        async with dashboard.client() as browser:
            await browser.post("/proxy", data={"proxy": PROXY})
            answer = await browser.post("/proxy", data={"proxy": SHOWN.replace("127.0.0.1", "evil.example")})
        assert answer.status_code == 422
        assert "Type it again in the place of the stars." in find(answer.text, id="proxy-problem").text
        assert dashboard.api.gateway.network.proxy == PROXY

    @pytest.mark.parametrize("typed", ["ftp://h", "http://h:0", '"><b>'])
    async def test_what_is_no_proxy_comes_back_with_a_sentence(self, dashboard, typed):
        async with dashboard.client() as browser:
            answer = await browser.post("/proxy", data={"proxy": typed})
        field = find(answer.text, "input", name="proxy")
        assert (answer.status_code, field["value"], field["aria-invalid"]) == (422, typed, "true")
        assert find(answer.text, id="proxy-problem").text.endswith(".")
        assert dashboard.api.gateway.network.proxy == ""

    async def test_an_empty_field_is_none(self, dashboard):
        async with dashboard.client() as browser:
            for url in (PROXY, ""):
                await browser.post("/proxy", data={"proxy": url})
        assert dashboard.api.gateway.settings.proxy == ""


class TestCertificates:
    async def test_a_file_is_saved_and_a_bad_one_comes_back_with_a_sentence(self, dashboard, tmp_path):
        good = str(certificate(tmp_path, "ca.example"))
        async with dashboard.client() as browser:
            await browser.post("/ca-file", data={"ca_file": good})
            refused = await browser.post("/ca-file", data={"ca_file": __file__})
        assert dashboard.api.gateway.settings.ca_file == good
        assert refused.status_code == 422
        assert "holds no certificates" in find(refused.text, id="ca-file-problem").text


class TestLimits:
    async def test_every_kind_has_every_limit_with_what_is_usual(self, dashboard):
        async with dashboard.client() as browser:
            page = (await browser.get("/settings")).text
        for name, usual in (("idle", ["120"] * 9), ("first_byte", ["300"] * 8 + ["20"]), ("body", ["32"] * 9)):
            fields = find_all(page, "input", name=f"limit.{name}")
            assert [(field["value"], field["placeholder"]) for field in fields] == [("", each) for each in usual]
        assert len(find_all(page, "input", name="limit.pool")) == len(KINDS) + 1

    async def test_what_is_typed_is_in_force_and_an_empty_field_is_as_usual(self, dashboard):
        limits = dashboard.api.gateway.limits
        async with dashboard.client() as browser:
            answer = await browser.post("/limits", data=sent(idle="90", body="64 MiB"))
            assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
            await browser.post("/limits", data=sent("images", total="7200"))
            assert (limits.of("x", "image_edits").total, limits.of("x", "image_edits").idle) == (7200, 90)
            await browser.post("/limits", data=sent(body="64"))
        assert (limits.of("x", "chat").idle, limits.of("x", "chat").body) == (120, 64)

    async def test_a_wrong_one_comes_back_with_all_that_was_typed_and_nothing_changes(self, dashboard):
        async with dashboard.client() as browser:
            data = sent("images", idle="-1", total="50")
            whole = await browser.post("/limits", data=data)
            part = await browser.post("/limits", data=data, headers={"hx-request": "true"})
        assert (whole.status_code, part.status_code) == (422, 200)
        for page in (whole.text, part.text):
            wrong = find(page, "input", aria_invalid="true")
            assert (wrong["id"], wrong["value"]) == ("limit-images-idle", "-1")
            assert find(page, id=wrong["aria-describedby"]).text == "Type a number of seconds from 0.1 to 86400."
            assert find(page, id="limit-images-total")["value"] == "50"
            opened = [each for each in find_all(page, "details", class_="asking") if "open" in each.attributes]
            assert ["Pictures" in each.text for each in opened] == [True]
        assert dashboard.api.gateway.limits.rules() == ()

    @pytest.mark.parametrize("data", [sent("talk", idle="1"), sent(idle="1", provider="nobody")])
    async def test_what_is_not_there_has_no_limits(self, dashboard, data):
        async with dashboard.client() as browser:
            assert (await browser.post("/limits", data=data)).status_code == 422
        assert dashboard.api.gateway.limits.rules() == ()

    async def test_a_provider_has_a_page_of_its_own(self, dashboard):
        await dashboard.api.gateway.providers.add("far", "openai_chat", "http://127.0.0.1:9/v1", None, name="Far away")
        async with dashboard.client() as browser:
            await browser.post("/limits", data=sent(idle="90"))
            page = (await browser.get("/providers/far/limits")).text
            assert find(page, "title").text == "Limits of Far away · Morello"
            assert find(page, id="limit-all-idle")["placeholder"] == "90"
            answer = await browser.post("/limits", data=sent(idle="30", provider="far"))
            assert answer.headers["location"] == "/providers/far/limits"
            wrong = await browser.post("/limits", data=sent(idle="x", provider="far"))
            assert (wrong.status_code, find(wrong.text, "title").text) == (422, "Limits of Far away · Morello")
            assert find((await browser.get("/settings")).text, "a", href="/providers/far/limits").text == "far"
            assert (await browser.get("/providers/nobody/limits")).status_code == 422
        assert dashboard.api.gateway.limits.of("far", "chat").idle == 30


class TestCommand:
    def test_limits_are_listed_said_and_reset(self, tmp_path: Path) -> None:
        home = tmp_path / "home"

        def rows():
            return json.loads(morello("limits", "--json", home=home).stdout)

        assert rows()[0]["limits"] == {
            "connect": 10,
            "pool": 5,
            "write": 60,
            "first_byte": 300,
            "idle": 120,
            "total": 3600,
            "body": 32,
            "upload": 512,
        }
        assert morello("limits", "set", "local", "--route", "chat", "idle", "90", home=home).returncode == 0
        assert morello("limits", "set", "body", "64 MiB", home=home).returncode == 0
        assert [(row["provider"], row["route"], row["chosen"]) for row in rows()] == [
            (None, None, {"body": 64}),
            ("local", "chat", {"idle": 90}),
        ]
        assert "local chat               idle 90 s" in morello("limits", home=home).stdout
        assert morello("limits", "reset", "body", home=home).returncode == 0
        assert morello("limits", "reset", "local", "--route", "chat", home=home).returncode == 0
        assert [row["chosen"] for row in rows()] == [{}]

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("set", "idle"), 64, "VALUE"),
            (("set", "idle", "soon"), 1, "Type a number of seconds from 0.1 to 86400."),
            (("set", "nobody", "idle", "5"), 1, "There is no provider “nobody”."),
            (("set", "speed", "5"), 1, "There is no limit “speed”."),
            (("reset", "local", "speed"), 1, "There is no limit “speed”."),
        ],
    )
    def test_what_cannot_be_said_is_refused_in_words(self, tmp_path, words, code, said):
        refused = morello("limits", *words, home=tmp_path / "home")
        assert (refused.returncode, refused.stdout) == (code, "")
        assert said in refused.stderr

    def test_a_proxy_is_set_shown_without_its_password_and_read_from_standard_input(self, tmp_path):
        home = tmp_path / "home"
        assert morello("settings", "proxy", PROXY, home=home).stdout == f"{SHOWN}\n"
        assert (
            morello("settings", "proxy", "-", home=home, given="socks5://b:secret@h\n").stdout
            == "socks5://b:***@h:1080\n"
        )
        assert "secret" not in morello("settings", "--json", home=home).stdout
        assert morello("settings", "proxy", "", home=home).stdout == ""

    def test_a_provider_is_given_a_proxy_of_its_own(self, tmp_path):
        home = tmp_path / "home"
        where = ("--dialect", "openai_chat", "--base-url", "https://api.example/v1", "--no-key")
        assert morello("providers", "add", "far", *where, home=home).returncode == 0
        shown = []
        for proxy in (PROXY, "none", "default"):
            told = morello("providers", "edit", "far", "--proxy", proxy, "--json", home=home).stdout
            shown.append(json.loads(told)["proxy"])
        assert shown == [SHOWN, "", None]


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
class TestInABrowser:
    async def test_limits_and_network_by_keyboard(self, site):
        page = await site.open()
        await page.goto(f"{site.dashboard.url}/settings")
        await page.get_by_label("Proxy", exact=True).fill("ftp://h")
        await page.keyboard.press("Enter")
        await expect(page.locator("#proxy-problem")).to_contain_text("is not a kind of proxy")
        await page.get_by_label("Proxy", exact=True).fill(PROXY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Proxy", exact=True)).to_have_value(SHOWN)

        await page.get_by_text("Pictures", exact=True).click()
        field = page.locator("#limit-images-total")
        await field.fill("0")
        await page.keyboard.press("Enter")
        await expect(page.locator("#limit-images-total-hint")).to_contain_text("Type a number of seconds")
        await field.fill("7200")
        await page.keyboard.press("Enter")
        await expect(page.locator("#toasts")).to_contain_text("Saved")
        await until(lambda: site.api.gateway.limits.of("x", "images").total == 7200)
        await expect(field).to_be_visible()
        await accessible(page)
        await site.gallery.take(page, "settings-limits", languages=LANGUAGES)

"""The drawer where files come in and go out."""

import asyncio
import json
import os

import pytest
from playwright.async_api import expect

from api.importing import read
from api.importing.applying import compare
from api.importing.archive import LARGEST
from tests.browser import accessible
from tests.importable import CONFIG, RELAY, SILICON, backup, dump, zipped
from tests.webui.reading import find, find_all
from tests.webui.test_words import MARKED, outside
from webui.pages.importing import SHOWN, Seen
from webui.render import render
from webui.view import Told, Wrong

HTMX = {"hx-request": "true"}
PASSPHRASE = "correct horse battery"
BACKUP = backup(SILICON, RELAY)


async def uploaded(browser, content: bytes, name: str = "file.zip", **fields: str):
    return await browser.post("/providers/import", files={"file": (name, content)}, data=fields, headers=HTMX)


def ids(dashboard) -> list[str]:
    return [one.id for one in dashboard.api.gateway.providers.all()]


async def test_a_file_is_shown_and_what_is_ticked_is_taken_over(dashboard):
    async with dashboard.client() as browser:
        shown = (await uploaded(browser, BACKUP)).text
        assert [box["value"] for box in find_all(shown, "input", name="provider")] == ["silicon", "my-relay"]
        assert "made-up" not in shown
        assert ids(dashboard) == []
        done = await browser.post("/providers/import/apply", data={"provider": ["my-relay"]}, headers=HTMX)
    assert ids(dashboard) == ["my-relay"]
    assert "made-up" not in done.text
    assert find(done.text, class_="toast").text.startswith("Imported. Providers: 1")


async def test_it_works_without_scripts(dashboard):
    async with dashboard.client() as browser:
        del browser.headers["x-csrf-token"]
        csrf = {"csrf": dashboard.csrf}
        large = zipped({"data.json": dump(SILICON), "Data/Files/a.png": os.urandom(200_000)})
        page = await browser.post("/providers/import", files={"file": ("b.zip", large)}, data=csrf)
        assert find(page.text, id="drawer").attributes.get("open") is not None
        assert "silicon" in find(page.text, id="import-form").text
        again = (await browser.get("/providers/import")).text  # the address shows what was read
        assert "silicon" in find(again, id="import-form").text
        done = await browser.post("/providers/import/apply", data={**csrf, "provider": "silicon"})
    assert find(done.text, "article", id="provider-silicon")
    assert ids(dashboard) == ["silicon"]


@pytest.mark.parametrize("csrf", [{}, {"csrf": "0" * 64}])
async def test_a_form_with_a_file_wants_the_token_too(dashboard, csrf):
    async with dashboard.client() as browser:
        del browser.headers["x-csrf-token"]
        answer = await browser.post("/providers/import", files={"file": ("b.zip", BACKUP)}, data=csrf)
        assert answer.status_code == 403
        assert "silicon" not in (await browser.get("/providers/import")).text


@pytest.mark.parametrize(
    ("content", "fields", "words", "at"),
    [
        (b"", {}, "Choose a file", "import-file"),
        (b"hello", {}, "none that can be imported", "import-file"),
        (backup(SILICON)[:-20], {}, "damaged", "import-file"),
        (b'{"morello_export": 99}', {}, "newer Morello", "import-file"),
    ],
)
async def test_a_broken_file_is_said_beside_the_field(dashboard, content, fields, words, at):
    async with dashboard.client() as browser:
        part = (await uploaded(browser, content, **fields)).text
        whole = await browser.post("/providers/import", files={"file": ("b.zip", content)})
    assert words in find(part, id=f"{at}-problem").text
    assert whole.status_code == 422
    assert words in find(whole.text, id=f"{at}-problem").text


async def test_a_form_that_announces_too_much_is_refused_before_it_came(dashboard):
    head = (
        f"POST /providers/import HTTP/1.1\r\nhost: 127.0.0.1:{dashboard.port}\r\norigin: {dashboard.url}\r\n"
        f"cookie: {dashboard.sessions.cookie}={dashboard.identity}\r\nx-csrf-token: {dashboard.csrf}\r\n"
        "hx-request: true\r\ncontent-type: multipart/form-data; boundary=x\r\n"
        f"content-length: {LARGEST * 2}\r\n\r\n--x\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", dashboard.port)
    writer.write(head.encode())
    try:
        answer = (await reader.readuntil(b"Passphrase")).decode()
    finally:
        writer.close()
    assert "larger than 64 MiB" in answer


async def test_what_somebody_read_is_seen_by_nobody_else(dashboard):
    async with dashboard.client() as browser:
        await uploaded(browser, BACKUP)
    async with dashboard.stranger() as other:
        assert (await other.get(dashboard.link())).status_code == 303
        assert "silicon" not in (await other.get("/providers/import")).text


async def test_what_was_let_go_must_be_read_again(dashboard):
    async with dashboard.client() as browser:
        answer = await browser.post("/providers/import/apply", data={"provider": "silicon"}, headers=HTMX)
    assert find(answer.text, id="import-file")
    assert ids(dashboard) == []


async def test_an_export_is_downloaded_and_opens_with_its_passphrase(dashboard):
    async with dashboard.client() as browser:
        await uploaded(browser, BACKUP)
        await browser.post("/providers/import/apply", data={"provider": "silicon"}, headers=HTMX)
        form = {"new": PASSPHRASE, "again": PASSPHRASE}
        answer = await browser.post("/providers/export", data=form)
        assert 'filename="morello-export.json"' in answer.headers["content-disposition"]
        assert b"made-up" not in answer.content
        assert [draft.id for draft in read(answer.content, {}, PASSPHRASE).found] == ["silicon"]
        wrong = (await uploaded(browser, answer.content, "e.json", passphrase="another one")).text
        assert "passphrase" in find(wrong, id="import-passphrase-problem").text
        right = (await uploaded(browser, answer.content, "e.json", passphrase=PASSPHRASE)).text
        assert "There already" in right
        plain = await browser.post("/providers/export", data={"without": "on"})
        assert "secrets" not in json.loads(plain.content)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"new": "short", "again": "short"}, "export-new"),
        ({"new": PASSPHRASE, "again": "something else"}, "export-again"),
        ({"new": PASSPHRASE, "again": PASSPHRASE, "current": "wrong"}, "export-current"),
    ],
)
@pytest.mark.usefixtures("quick_hashes")
async def test_keys_go_out_only_with_a_passphrase_and_the_password(dashboard, form, field):
    await dashboard.sessions.set_password("the right password", by=None)
    token = dashboard.link().partition("token=")[2]
    dashboard.identity = await dashboard.sessions.sign_in(token) or ""
    async with dashboard.client() as browser:
        answer = await browser.post("/providers/export", data=form)
        assert answer.status_code == 422
        assert find(answer.text, id=f"{field}-problem").text
        right = {"new": PASSPHRASE, "again": PASSPHRASE, "current": "the right password"}
        assert (await browser.post("/providers/export", data=right)).headers["content-type"] == "application/json"


async def test_every_sentence_of_the_drawer_is_translated(dashboard):
    imported = read(CONFIG.encode(), {})
    preview = compare(dashboard.api.gateway, imported)
    wrong = Told(wrong=Wrong("file", "", "⟦Wrong.⟧"))
    for seen, told in ((Seen(preview, True), Told()), (Seen(None, True), wrong)):
        part = render(MARKED, "parts/import.html", importing=seen, told=told, csrf="c0ffee", **SHOWN)
        texts = [node.text for tag in ("h2", "h3", "legend", "button", "a") for node in find_all(part, tag)]
        assert [text for text in texts if text and outside(text).strip()] == []


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_a_backup_becomes_providers_in_the_browser(site, tmp_path):
    file = tmp_path / "backup.zip"
    file.write_bytes(BACKUP)
    page = await site.open()
    await page.goto(f"{site.dashboard.url}/providers")
    await page.get_by_role("link", name="Import / export").click()
    await accessible(page)
    await site.gallery.take(page, "import-choose")
    await page.get_by_label("File", exact=True).set_input_files(file)
    await page.get_by_role("button", name="Look into it").click()
    await expect(page.get_by_role("checkbox", name="My Relay")).to_be_checked()
    await accessible(page)
    await site.gallery.take(page, "import-preview")
    await page.get_by_role("checkbox", name="My Relay").uncheck()
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.locator("#provider-silicon")).to_be_visible()
    await expect(page.locator("#drawer")).to_be_hidden()
    kept = site.api.gateway.providers.all()
    assert [(one.id, len(one.credentials)) for one in kept] == [("silicon", 2)]
    await page.get_by_role("link", name="Import / export").click()
    await page.get_by_label("Leave the keys out").check()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    assert json.loads((await (await download.value).path()).read_bytes())["providers"][0]["id"] == "silicon"

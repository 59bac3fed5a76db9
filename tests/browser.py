"""A real Chromium for the tests that need one: found, started once, listened to for complaints, asked by axe-core."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

LANGUAGES = ("en", "zh-Hant-HK", "zh-Hans")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
EVIL_HOST = "evil.example"
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    f"--host-resolver-rules=MAP {EVIL_HOST} 127.0.0.1",
)


def executable() -> str:
    """Where Chromium is; without one the calling test is skipped, and says which layer that leaves out."""
    named = os.environ.get("MORELLO_CHROMIUM")
    found = named or next((path for path in map(shutil.which, NAMES) if path), None)
    if not found:
        pytest.skip("the browser tests: no Chromium was found, and MORELLO_CHROMIUM names none")
    return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One browser process. As root it runs without its sandbox, which root cannot have."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    path = executable()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *root])
        try:
            yield browser
        finally:
            await browser.close()


class Watch:
    """What a browser complains of, and whom it asked, while a test runs."""

    def __init__(self, context: BrowserContext, *origins: str) -> None:
        self._complaints: list[str] = []
        self._asked: list[str] = []
        self._origins, self._forgiven = [*origins], list[re.Pattern[str]]()
        context.on("console", self._console)
        context.on("weberror", lambda error: self._complaints.append(str(error.error)))
        context.on("request", self._request)

    def forgive(self, pattern: str) -> None:
        """Complaints like this belong to the test."""
        self._forgiven.append(re.compile(pattern))

    def allow(self, origin: str) -> None:
        """The test itself goes there."""
        self._origins.append(origin)

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and of scripts, that nothing explains."""
        return [said for said in self._complaints if not any(known.search(said) for known in self._forgiven)]

    @property
    def elsewhere(self) -> list[str]:
        """Requests that left the page's own origin."""
        return [url for url in self._asked if not url.startswith(tuple(self._origins))]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(message.text)

    def _request(self, request: Request) -> None:
        self._asked.append(request.url)


SETTLED = """async () => {
    await new Promise(requestAnimationFrame)
    const ending = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < Infinity)
    await Promise.allSettled(ending.map((one) => one.finished))
}"""


async def accessible(page: Page) -> None:
    """axe-core finds nothing to complain of in the page, once its colours and places have come to rest."""
    await page.evaluate(SETTLED)
    found = await Axe().run(page)
    said = [f"{rule['id']}: {node['html']}" for rule in found.response["violations"] for node in rule["nodes"]]
    assert not said, "\n".join(said)


async def speak(page: Page, language: str) -> None:
    """Load the page again in `language`, as if it had been chosen in the sidebar."""
    cookie, whole_site = f"morello_language_{urlsplit(page.url).port}", urljoin(page.url, "/")
    await page.context.add_cookies([{"name": cookie, "value": language, "url": whole_site}])
    await page.reload()
    assert await page.locator("html").get_attribute("lang") == language


class Gallery:
    """Pictures of a page in each theme and width, written only where MORELLO_GALLERY names a folder."""

    WIDTHS = (1360, 1024, 390)

    def __init__(self) -> None:
        folder = os.environ.get("MORELLO_GALLERY")
        self.folder = Path(folder) if folder else None
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)

    async def take(self, page: Page, name: str, *, languages: Sequence[str] = ()) -> None:
        """Write `name`-width-theme.png for every width and theme; for `languages` the page is loaded again in each."""
        if self.folder is None:
            return
        if not languages:
            await self._draw(self.folder, page, name)
        for language in languages:
            await speak(page, language)
            await self._draw(self.folder, page, f"{name}-{language}")
        if languages:
            await speak(page, LANGUAGES[0])

    async def _draw(self, folder: Path, page: Page, name: str) -> None:
        before = page.viewport_size
        for width in self.WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900 if width > 760 else 844})
            for theme in ("light", "dark"):
                await page.emulate_media(color_scheme="light" if theme == "light" else "dark")
                picture = folder / f"{name}-{width}-{theme}.png"
                await page.screenshot(path=picture, animations="disabled", full_page=True)
        await page.emulate_media(color_scheme=None)
        if before:
            await page.set_viewport_size(before)

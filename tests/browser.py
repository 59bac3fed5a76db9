"""A real Chromium for the tests that need one: found, started once, and listened to for complaints."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

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


class Gallery:
    """Pictures of a page in each theme and width, written only where MORELLO_GALLERY names a folder."""

    WIDTHS = (1360, 1024, 390)

    def __init__(self) -> None:
        folder = os.environ.get("MORELLO_GALLERY")
        self.folder = Path(folder) if folder else None

    async def take(self, page: Page, name: str) -> None:
        """Write `name`-width-theme.png for every width and theme."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        before = page.viewport_size
        for width in self.WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900 if width > 760 else 844})
            for theme in ("light", "dark"):
                await page.emulate_media(color_scheme="light" if theme == "light" else "dark")
                picture = self.folder / f"{name}-{width}-{theme}.png"
                await page.screenshot(path=picture, animations="disabled", full_page=True)
        await page.emulate_media(color_scheme=None)
        if before:
            await page.set_viewport_size(before)

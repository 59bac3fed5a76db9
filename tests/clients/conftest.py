"""What every client's test has: the dashboard whose page connects it, a home and a project of its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Api
from tests.webui.conftest import Dashboard, dashboard_over, free_port


@dataclass
class Desk:
    """Where a client is started: `home` is empty but for what it is given, `project` is where it works."""

    home: Path
    project: Path

    def save(self, name: str, text: str) -> Path:
        """Save a file where the page says it goes: `~/` is the home, all else belongs to the project."""
        path = self.home / name[2:] if name.startswith("~/") else self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
async def dashboard(closed_api: Api) -> AsyncIterator[Dashboard]:
    """The dashboard with somebody signed in, and the API running."""
    await closed_api.door.move(free_port())
    await closed_api.door.start()
    async with dashboard_over(closed_api) as dashboard:
        token = dashboard.link().partition("token=")[2]
        dashboard.identity = await dashboard.sessions.sign_in(token) or ""
        yield dashboard


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "someone", tmp_path / "project")
    for folder in (desk.home, desk.project):
        folder.mkdir()
    return desk

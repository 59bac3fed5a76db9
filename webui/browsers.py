"""Which browser a User-Agent header speaks of, roughly.

Every browser claims to be several others, so the more particular names are looked for first.
"""

from typing import Final

LONGEST: Final = 200
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def kept(agent: str) -> str:
    """What is kept of a User-Agent: anybody may write anything into it, of any length."""
    return "".join(filter(str.isprintable, agent))[:LONGEST]


def browser(agent: str) -> str | None:
    """The browser's name, if it is a known one."""
    return _first(BROWSERS, agent)


def system(agent: str) -> str | None:
    """The name of the system it runs on, if it is a known one."""
    return _first(SYSTEMS, agent)


def _first(table: tuple[tuple[str, str], ...], agent: str) -> str | None:
    return next((name for sign, name in table if sign in agent), None)

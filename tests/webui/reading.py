"""Find what matters in a page, without comparing the whole of it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img"}


@dataclass
class Element:
    """An element with its attributes and everything that is written in it."""

    tag: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)
    inside: "list[Element]" = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.all: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.all.append(element)
        for parent in self._open:
            parent.inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)


def elements(html: str) -> list[Element]:
    """Every element of a page or a part, in order."""
    reader = _Reader()
    reader.feed(html)
    return reader.all


def find(html: str, tag: str = "", **attributes: str) -> Element:
    """The first element with this tag and these attributes (`class_` for class, `_` for `-`)."""
    found = find_all(html, tag, **attributes)
    assert found, f"no <{tag}> with {attributes} in:\n{html}"
    return found[0]


def find_all(html: str, tag: str = "", **attributes: str) -> list[Element]:
    """All of them."""
    wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return [
        element
        for element in elements(html)
        if tag in ("", element.tag) and all(element.attributes.get(name) == value for name, value in wanted.items())
    ]

"""Gathers what is said in the code and in the pages into the catalogues: `python -m webui.locale.gather`.

A translator then fills in what is empty. What nobody says any more is dropped; nothing is ever guessed ("fuzzy").
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from webui.locale import DOMAIN, SOURCE, SPOKEN

ROOT: Final = Path(__file__).parents[2]
# Who says something, and which of its arguments is the sentence (None: the first).
KEYWORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("_", "gettext", "marked")),
    "ngettext": (1, 2),
    # Errors that an owner meets on a page carry their sentence first.
    **dict.fromkeys(("SaidInWords", "OwnerError", "PortRefused", "RunningNow", "StoreFailed", "ProviderRefused")),
    **dict.fromkeys(("ImportRefused",)),
    **dict.fromkeys(("UpstreamRefused", "UpstreamUnreachable", "UpstreamTimeout", "BadReply", "StreamBroken")),
    **dict.fromkeys(("LocalModelFailed", "_bad_url", "ProxyRefused", "CaFileRefused", "LimitRefused", "FactRefused")),
}
# What is said on a terminal, or to a client of the API only, stays English.
UNSEEN: Final = (
    *("api/__main__.py", "webui/cli.py", "webui/commands.py", "webui/control.py", "webui/serve.py"),
    *("api/providers/testing.py", "api/routes/specification.py", "webui/cli_limits.py", "webui/cli_files.py"),
)
PAGES: Final = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
TRANSLATORS: Final = ["Translators:"]
WIDTH: Final = 120
UNTOLD: Final = tuple(
    f'"{name}'
    for name in ("Project-Id", "Report-Msgid", "POT-Creation", "PO-Rev", "Last-Tr", "Language-Team", "Generated-By")
)


def main() -> None:
    """Bring every catalogue up to date with the sources."""
    said = gathered()
    for tag in SPOKEN:
        if tag != SOURCE:
            update(tag, said)


def gathered() -> Catalog:
    """Everything that is said anywhere, without translations."""
    said = Catalog(project="Morello")
    for name, sentence, comments, context in _found():
        said.add(sentence, None, [(name, 1)], auto_comments=comments, context=context)
    return said


def _found() -> Iterator[tuple[str, Any, list[str], str | None]]:
    for path in sorted([*ROOT.glob("api/**/*.py"), *ROOT.glob("webui/**/*.py"), *ROOT.glob("templates/**/*.html")]):
        name = path.relative_to(ROOT).as_posix()
        if name in UNSEEN:
            continue
        for _line, sentence, comments, context in _said_in(path):
            yield name, sentence, comments, context


def _said_in(path: Path) -> list[Any]:
    method, options = ("jinja2", PAGES) if path.suffix == ".html" else ("python", {})
    try:
        return extract_from_file(method, path, KEYWORDS, TRANSLATORS, options)
    except Exception as error:
        error.add_note(f"It is in {path.relative_to(ROOT)}.")
        raise


def catalogue(tag: str) -> Catalog:
    """A language's catalogue as it stands; an empty one for a language that has none yet."""
    path = source(tag)
    if not path.exists():
        return Catalog(tag.replace("-", "_"), DOMAIN, project="Morello")
    with path.open("rb") as file:
        return read_po(file)


def source(tag: str) -> Path:
    """Where a language's catalogue is."""
    return Path(__file__).parent / tag / "LC_MESSAGES" / f"{DOMAIN}.po"


def update(tag: str, said: Catalog) -> None:
    """Add what is new, keep what is translated, drop what is not said any more."""
    old = catalogue(tag)
    old.update(said, no_fuzzy_matching=True)
    old.header_comment = f"# Morello in {SPOKEN[tag]}. Sentences come from the sources: `make translations`."
    source(tag).parent.mkdir(parents=True, exist_ok=True)
    source(tag).write_bytes(_written(old))


def _written(catalogue: Catalog) -> bytes:
    """A catalogue as its file, without the header lines that tell nothing or change at every run."""
    catalogue.fuzzy = False
    with io.BytesIO() as file:
        write_po(file, catalogue, width=WIDTH, ignore_obsolete=True, include_lineno=False)
        lines = file.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(UNTOLD)).encode()


def is_translated(message: Message) -> bool:
    """Whether every form of a message has its words, and they were not guessed."""
    return all(forms(message.string)) and not message.fuzzy


def forms(said: str | Sequence[str] | None) -> tuple[str, ...]:
    """A sentence, or its translation, in each of the forms in which a language counts."""
    return (said or "",) if said is None or isinstance(said, str) else tuple(said)


if __name__ == "__main__":
    main()

"""A page, or a part of one: a template filled in the reader's language."""

import hashlib
import mimetypes
from collections.abc import Mapping
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.assets import folder
from webui.locale import Locale

VERSION_LENGTH: Final = 12


class File:
    """One static file; its version is a digest of its bytes, so an address never means two contents."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def content(self) -> bytes:
        """The bytes, read once."""
        return self.path.read_bytes()

    @cached_property
    def version(self) -> str:
        """What tells this content from every other."""
        return hashlib.sha256(self.content).hexdigest()[:VERSION_LENGTH]

    @property
    def kind(self) -> str:
        """The media type."""
        kind = mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"
        return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@cache
def files() -> Mapping[str, File]:
    """Every static file by its name below `static/`. A name that is not here cannot be asked for."""
    root = folder("static")
    return {path.relative_to(root).as_posix(): File(path) for path in root.rglob("*") if path.is_file()}


def address(name: str) -> str:
    """The address of a static file, which changes whenever the file does."""
    return f"/static/{name}?v={files()[name].version}"


def render(locale: Locale, template: str, **values: object) -> str:
    """`template` in `locale`. What is said in it passes through gettext; what is filled in is escaped."""
    return environment(locale).get_template(template).render(values)


@cache
def environment(locale: Locale) -> Environment:
    """The templates, speaking one language."""
    env = Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_translations(locale.words, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(lang=locale.tag, static=address, units=" ".join(locale.units()), said=locale.said)
    env.filters.update(clock=clock, duration=locale.duration, today=_is_today)
    return env


def clock(at: float) -> Markup:
    """A moment as this computer's clock showed it; the page shows it by the reader's own."""
    when = datetime.fromtimestamp(at).astimezone()
    shown = when.strftime("%H:%M" if _is_today(at) else "%Y-%m-%d %H:%M")
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(timespec="seconds"), shown)


def _is_today(at: float) -> bool:
    return datetime.fromtimestamp(at).date() == datetime.now().date()

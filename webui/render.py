"""A page, or a part of one: a template filled in the reader's language."""

import hashlib
import mimetypes
from collections.abc import Mapping
from datetime import datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Final

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from api.assets import folder
from webui.locale import SPOKEN, Locale, locale
from webui.locale.figures import is_today

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


def warm() -> None:
    """Make every page ready in every language, so that nobody's first one waits for it. Takes a thread a moment."""
    for tag in SPOKEN:
        pages = environment(locale(tag))
        for name in pages.list_templates():
            pages.get_template(name)


class _Compiled(BytecodeCache):
    """Templates as code, compiled once for all languages."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._kept.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()


@cache
def environment(locale: Locale) -> Environment:
    """The templates, speaking one language."""
    env = Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        bytecode_cache=_COMPILED,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_translations(locale.words, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        lang=locale.tag,
        spoken=tuple(SPOKEN.items()),
        static=address,
        units=" ".join(locale.units()),
        said=locale.said,
    )
    env.filters.update(
        clock=partial(_time, locale, seconds=False),
        clock_seconds=partial(_time, locale, seconds=True),
        compact=locale.compact,
        duration=locale.duration,
        milliseconds=locale.milliseconds,
        money=locale.money,
        milliseconds_parts=locale.milliseconds_parts,
        number=locale.number,
        seconds=locale.seconds,
        today=is_today,
    )
    return env


def _time(locale: Locale, at: float, seconds: bool) -> Markup:
    """A moment as this computer's clock showed it; the page shows it by the reader's own."""
    when = datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
    kind = Markup(" data-seconds") if seconds else ""
    return Markup('<time datetime="{}"{}>{}</time>').format(when, kind, locale.clock(at, seconds))

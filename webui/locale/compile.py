"""Compiles the catalogues: what translators write (.po) becomes what gettext reads (.mo).

The build calls it, for a wheel as well as for an editable install; `python webui/locale/compile.py` does the same.
It stands alone: while the project is being built, nothing of it can be imported.
"""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE: Final = Path(__file__).parent
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)  # the same source is the same to the byte, whenever it is built


class Catalogues(BuildHookInterface[Any]):
    """The build's own call."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compile_all(Path(self.root) / "webui/locale")


def compile_all(folder: Path = HERE) -> None:
    """Write each catalogue's .mo beside its .po."""
    for source in sources(folder):
        # Written aside and moved: whoever reads it meanwhile reads the old one whole.
        aside = source.with_suffix(".mo.new")
        aside.write_bytes(compiled(source))
        aside.replace(source.with_suffix(".mo"))


def sources(folder: Path = HERE) -> Iterator[Path]:
    """The .po of every language."""
    return folder.glob("*/LC_MESSAGES/*.po")


def compiled(source: Path) -> bytes:
    """What a .po is as a .mo; fuzzy messages are left out."""
    with source.open("rb") as file, io.BytesIO() as compiled:
        catalogue = read_po(file)
        catalogue.creation_date = EPOCH
        write_mo(compiled, catalogue)
        return compiled.getvalue()


if __name__ == "__main__":
    compile_all()

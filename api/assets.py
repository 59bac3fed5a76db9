"""Where templates and static files lie: in the installed package, or in the checkout."""

from importlib.util import find_spec
from pathlib import Path


def folder(name: str) -> Path:
    """The folder `templates` or `static`. A wheel carries both inside `webui`; a checkout beside it."""
    package = find_spec("webui")
    places = [Path(place) for place in (package.submodule_search_locations or [])] if package else []
    places.append(Path(__file__).parent.parent)
    return next(place / name for place in places if (place / name).is_dir())

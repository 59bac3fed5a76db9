"""Everything that would still exist if there were no dashboard."""

from typing import Final

VERSION: Final = "0.1.0"

"""What is known of models: what they can do, how much they read and answer, what they cost."""

from api.facts.known import Capability, Facts, Known, Prices, Tier, layered
from api.facts.table import Table, bundled

__all__ = ["Capability", "Facts", "Known", "Prices", "Table", "Tier", "bundled", "layered"]

"""What a provider's models really do, found by asking them on the owner's request."""

from api.conformance.probes import PROBES, Probe
from api.conformance.running import Conformance, Result, Run, Stage

__all__ = ["PROBES", "Conformance", "Probe", "Result", "Run", "Stage"]

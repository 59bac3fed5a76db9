"""Times counted in steps that grow by 4 %: few numbers for however many times; a percentile is off by 2 % at most."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

STEP: Final = math.log(1.04)
LEAST_MS, MOST_MS = 0.1, 86_400_000.0

Steps = Counter[int]  # how many times fell into which step


def step(took: float) -> int:
    """The step into which so many milliseconds fall."""
    return math.floor(math.log(min(max(took, LEAST_MS), MOST_MS)) / STEP)


def added(counts: Iterable[Mapping[int, int]]) -> Steps:
    """All of them together."""
    total = Steps()
    for steps in counts:
        for number, times in steps.items():
            total[number] += times
    return total


def percentile(steps: Steps, percent: int) -> float | None:
    """Milliseconds: the middle of the step in which so many percent of the times are reached; None without any."""
    rest = math.ceil(steps.total() * percent / 100)
    for number in sorted(steps):
        rest -= steps[number]
        if rest <= 0:
            return math.exp((number + 0.5) * STEP)
    return None

"""Whether the machine keeps its pace: the same work timed again and again during a benchmark."""

from __future__ import annotations

import statistics
import time

import numpy as np

SLOWER = 1.15
"""Times the fastest from which a reader of the figures should know."""
_SIZE, _TIMES = 384, 5


class Pace:
    """A fixed piece of arithmetic, whose time tells of heat, of throttling and of neighbours on a shared machine.

    Attributes:
        seconds: by moment, as they were given names.
    """

    def __init__(self) -> None:
        self._matrix = np.random.default_rng(0).standard_normal((_SIZE, _SIZE)).astype(np.float32)
        self.seconds: dict[str, float] = {}

    def take(self, moment: str) -> None:
        """Times the work, and keeps the median of a few times under this name."""
        times = []
        for _ in range(_TIMES):
            start = time.perf_counter()
            product = self._matrix
            for _ in range(4):
                product = product @ self._matrix
            times.append(time.perf_counter() - start)
        self.seconds[moment] = statistics.median(times)

    def complaint(self) -> str | None:
        """A line that names the slow moments, or None when all were alike."""
        if not self.seconds:
            return None
        fastest = min(self.seconds.values())
        slow = {name: value / fastest for name, value in self.seconds.items() if value > SLOWER * fastest}
        if not slow:
            return None
        listed = ", ".join(f"{name} x{times:.2f}" for name, times in slow.items())
        return f"the machine did not keep its pace (fixed work took longer than at its fastest before: {listed})"

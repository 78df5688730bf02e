"""How long a call takes: rounds after a warm-up, percentiles over all calls, the median over rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

Clock = Callable[[], float]
"""Seconds from an arbitrary start."""


@dataclass(frozen=True)
class Budget:
    """How much to measure.

    Attributes:
        seconds: all rounds together, not counting the warm-up; a round has at least one call, however long.
        repeats: rounds.
        warm_up: calls before the first round; a slow call is not repeated once `seconds` are over.
    """

    seconds: float = 3.0
    repeats: int = 3
    warm_up: int = 5


@dataclass(frozen=True)
class Percentiles:
    """Of durations, in milliseconds."""

    p50: float
    p90: float
    p99: float
    p999: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Percentiles:
        """With linear interpolation between neighbours.

        Args:
            seconds: at least one duration.
        """
        found = np.percentile(np.asarray(seconds, np.float64), (50, 90, 99, 99.9))
        return cls(*(1000 * float(value) for value in found))

    def as_dict(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Timing:
    """What was measured of one call.

    Attributes:
        batch: crops that one call handles.
        rounds: seconds of every call, by round.
    """

    batch: int
    rounds: tuple[tuple[float, ...], ...]

    @property
    def calls(self) -> int:
        return sum(map(len, self.rounds))

    @property
    def rates(self) -> tuple[float, ...]:
        """Crops a second of every round."""
        return tuple(self.batch * len(calls) / sum(calls) for calls in self.rounds)

    @property
    def rate(self) -> float:
        """Crops a second: the median of the rounds."""
        return float(np.median(self.rates))

    def of_each(self, count: int) -> Timing:
        """When one call was really so many calls that overlapped: the time that each of them took on average."""
        return Timing(self.batch, tuple(tuple(seconds / count for seconds in calls) for calls in self.rounds))

    @property
    def milliseconds(self) -> Percentiles:
        """Of one call, over all rounds."""
        return Percentiles.of([seconds for calls in self.rounds for seconds in calls])

    def as_dict(self) -> dict[str, Any]:
        return {
            "batch": self.batch,
            "calls": self.calls,
            "crops_per_second": round(self.rate, 3),
            "crops_per_second_by_round": [round(rate, 3) for rate in self.rates],
            "milliseconds": self.milliseconds.as_dict(),
        }


def measure(call: Callable[[], object], batch: int, budget: Budget, clock: Clock = perf_counter) -> Timing:
    """Time a call that handles `batch` crops again and again, as often as the budget says."""
    start = clock()
    for _ in range(budget.warm_up):
        call()
        if clock() - start > budget.seconds:
            break
    rounds = []
    for _ in range(budget.repeats):
        calls: list[float] = []
        spent = 0.0
        while spent < budget.seconds / budget.repeats:
            before = clock()
            call()
            # A clock too coarse to see a call must not divide by zero.
            calls.append(max(clock() - before, 1e-9))
            spent += calls[-1]
        rounds.append(tuple(calls))
    return Timing(batch, tuple(rounds))

"""Percentiles and rates on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lpsr_bench.measure import Budget, Percentiles, Timing, measure


class FakeClock:
    """Stands still, but for the calls that `work` makes it pass."""

    def __init__(self, durations: Iterable[float]) -> None:
        self.now, self._durations = 0.0, iter(durations)

    def __call__(self) -> float:
        return self.now

    def work(self) -> None:
        self.now += next(self._durations)


def test_percentiles() -> None:
    found = Percentiles.of([index / 1000 for index in range(101)])
    assert (found.p50, found.p90, found.p99, found.p999) == pytest.approx((50, 90, 99, 99.9))
    assert Percentiles.of([0.002]).as_dict() == {"p50": 2.0, "p90": 2.0, "p99": 2.0, "p999": 2.0}


def test_rounds_after_a_warm_up() -> None:
    # Two calls to warm up; then three rounds of 1 s: four calls of 0.25, two of 0.5, one of 2.
    clock = FakeClock([0.5, 0.5, *[0.25] * 4, *[0.5] * 2, 2.0])
    timing = measure(clock.work, batch=8, budget=Budget(seconds=3, repeats=3, warm_up=2), clock=clock)
    assert timing.rounds == ((0.25,) * 4, (0.5, 0.5), (2.0,))
    assert timing.rates == (32, 16, 4)
    assert timing.rate == 16
    assert timing.milliseconds.p50 == pytest.approx(250)
    assert timing.as_dict()["calls"] == 7


def test_calls_that_overlap_are_told_by_their_share() -> None:
    timing = Timing(8, ((0.4, 0.2),)).of_each(4)
    assert timing.rounds == ((0.1, 0.05),)
    assert timing.rate == pytest.approx(8 * 2 / 0.15)


def test_a_slow_call_warms_up_once() -> None:
    clock = FakeClock([60.0] * 3)
    timing = measure(clock.work, batch=1, budget=Budget(seconds=3, repeats=1, warm_up=5), clock=clock)
    assert clock.now == 120
    assert timing.rounds == ((60.0,),)


def test_a_clock_that_sees_nothing_does_not_divide_by_zero() -> None:
    assert Timing(1, ((1e-9,),)).rate > 0

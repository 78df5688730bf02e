"""Crops that arrive by themselves: the queue counts, and failures surface."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from lpsr_bench.config import BenchConfig
from lpsr_bench.suites.latency import measure_latency
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image


class Slow:
    """Takes so long for a crop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def read(self, crops: Sequence[Image]) -> list[str]:
        time.sleep(self.seconds * len(crops))
        return ["ABC1234"] * len(crops)


class Broken:
    def read(self, crops: Sequence[Image]) -> list[str]:
        raise LpsrError("the model failed")


class Stand:
    """As much of a context as the suite needs."""

    def __init__(self, reader: object, rate: float) -> None:
        self.config = BenchConfig(rates=(rate,), seconds=0.4, threads=1)
        self._reader = reader

    def reader(self, batch: int) -> object:
        assert batch == 1
        return self._reader

    def fill(self, count: int) -> list[Image]:
        return [np.zeros((8, 24, 3), np.uint8)] * count

    def tell(self, *_: object) -> None:
        """Nobody looks."""


def test_a_queue_is_part_of_what_a_crop_waits() -> None:
    (found,) = measure_latency(Stand(Slow(0.01), 500))  # type: ignore[arg-type]
    assert found.crops == 200
    assert found.milliseconds.p50 > 300, "five times as many came as could be served"
    assert found.served < 110
    assert list(found.quantiles) == sorted(found.quantiles)


def test_what_can_be_served_does_not_queue() -> None:
    (found,) = measure_latency(Stand(Slow(0.001), 100))  # type: ignore[arg-type]
    assert found.milliseconds.p50 < 100
    assert found.share is None


def test_a_failure_of_a_worker_is_told() -> None:
    with pytest.raises(LpsrError, match="the model failed"):
        list(measure_latency(Stand(Broken(), 100)))  # type: ignore[arg-type]

"""Where the GPU benchmarks run: a GPU, timed by CUDA graphs, or the processor, on which their code is rehearsed."""

from __future__ import annotations

import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Work = Callable[[], object]
"""Puts one call on the current stream."""


@dataclass(frozen=True)
class Timing:
    """Time of one call.

    Attributes:
        microseconds: median over the samples.
        lowest, highest: of the samples.
        calls: timed in all.
    """

    microseconds: float
    lowest: float
    highest: float
    calls: int


class Device(ABC):
    """A device of PyTorch's with a clock.

    Attributes:
        name: of the hardware.
        kind: PyTorch's word for it.
        cache: bytes of its last cache.
    """

    name: str
    kind: str
    cache: int

    def time(self, works: Sequence[Work], seconds: float = 0.02, samples: int = 7) -> Timing:
        """Time of one call, over rounds through all of `works`.

        Args:
            works: the same call on buffers of its own each, so that one round touches more than a cache holds.
            seconds: that a sample is to take, roughly.
            samples: of which the median is taken.
        """
        lap, close = self._lap(works)
        try:
            self._seconds(lap, 1)
            once = self._seconds(lap, 1)
            laps = max(1, min(1000, int(seconds / max(once, 1e-6))))
            found = sorted(1e6 * self._seconds(lap, laps) / laps / len(works) for _ in range(samples))
        finally:
            close()
        return Timing(statistics.median(found), found[0], found[-1], samples * laps * len(works))

    @abstractmethod
    def _lap(self, works: Sequence[Work]) -> tuple[Work, Work]:
        """One round through all works as a single call, and what releases it."""

    @abstractmethod
    def _seconds(self, work: Work, count: int) -> float:
        """Seconds of `count` calls, by the device's clock."""

    @property
    @abstractmethod
    def stream(self) -> int:
        """Handle of the current stream."""

    @abstractmethod
    def wait(self) -> None:
        """Until all work is done.

        Raises:
            RuntimeError: some of it failed.
        """


class Gpu(Device):
    """The first GPU. Rounds are CUDA graphs, so that launching costs what it costs in an engine."""

    kind = "cuda"

    def __init__(self) -> None:
        import torch

        self._torch: Any = torch
        properties = torch.cuda.get_device_properties(0)
        self.name = f"{properties.name} (sm_{10 * properties.major + properties.minor})"
        self.cache = int(getattr(properties, "L2_cache_size", 50 << 20))

    @property
    def stream(self) -> int:
        return int(self._torch.cuda.current_stream().cuda_stream)

    def wait(self) -> None:
        self._torch.cuda.synchronize()

    def _lap(self, works: Sequence[Work]) -> tuple[Work, Work]:
        torch = self._torch
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # what libraries set up at their first call may not be captured
            for work in works[:2]:
                work()
        torch.cuda.current_stream().wait_stream(aside)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for work in works:
                work()
        return graph.replay, graph.reset

    def _seconds(self, work: Work, count: int) -> float:
        start, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            work()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000


class Processor(Device):
    """The processor: a rehearsal, whose times say nothing about a GPU."""

    name, kind, cache, stream = "processor (rehearsal)", "cpu", 0, 0

    def time(self, works: Sequence[Work], seconds: float = 0.0, samples: int = 1) -> Timing:
        return super().time(works, 0.0, 1)

    def wait(self) -> None:
        pass

    def _lap(self, works: Sequence[Work]) -> tuple[Work, Work]:
        def lap() -> None:
            for work in works:
                work()

        return lap, lambda: None

    def _seconds(self, work: Work, count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            work()
        return time.perf_counter() - start


def device(kind: str) -> Device:
    """`cuda` or `cpu`.

    Raises:
        RuntimeError: PyTorch sees no GPU.
    """
    if kind == "cpu":
        return Processor()
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU here; give --device cpu to rehearse")
    return Gpu()

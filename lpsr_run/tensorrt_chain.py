"""Generator and reader of TensorRT one after the other, two batches at a time.

The SR pictures stay on the device for the reader. While one batch is computed, the next is sent and the last is
fetched: each of the two slots has buffers of its own, and each of the three kinds of work a stream of its own.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cuda import Driver
from lpsr_core.errors import LpsrError
from lpsr_run.cuda import Buffer, current
from lpsr_run.cuda_graph import CudaGraph
from lpsr_run.engine import Passed, Pending
from lpsr_run.tensorrt_engine import Execution, TensorRtEngine

Pictures = NDArray[np.float32]
LogProbs = NDArray[np.float32]

_TRIALS = 20
_GAIN = 0.97
"""A CUDA graph is kept when its pass takes at most this share of the time without it, by the median of the trials."""


class TensorRtChain:
    """Two engines as one.

    Args:
        generator, reader: loaded.

    Attributes:
        largest: crops in one pass.
        replayed: numbers of crops whose passes are replayed as CUDA graphs, once `warm_up` has found that it gains.
    """

    def __init__(self, generator: TensorRtEngine, reader: TensorRtEngine) -> None:
        self._generator, self._reader = generator, reader
        self.largest = min(generator.largest, reader.largest)
        self._lock = threading.RLock()
        self._next = 0
        with current() as cuda:
            self._sending, self._computing, self._fetching = (cuda.stream() for _ in range(3))
            self._passes = _Passes(generator.execution(), reader.execution())
            self._slots = tuple(_Slot(cuda, generator, reader, self.largest) for _ in range(2))

    @property
    def depth(self) -> int:
        return len(self._slots)

    @property
    def replayed(self) -> tuple[int, ...]:
        return tuple(sorted({count for slot in self._slots for count in slot.graphs}))

    def start(self, lr: NDArray[np.float32]) -> Pending:
        """Begins with N crops; what it returns waits for them.

        Two batches are under way at most: a third waits for the first, whose results are then kept for its caller.

        Args:
            lr: float32[N, 3, 16, 48] in 0..1; may be changed when this returns.

        Returns:
            A function that waits, and raises LpsrError when an engine fails.

        Raises:
            LpsrError: an engine refuses.
        """
        parts = [self._start_part(lr[at : at + self.largest]) for at in range(0, len(lr), self.largest)]

        def wait() -> Passed:
            found = [self._land(part) for part in parts]
            return Passed(np.concatenate([sr for sr, _ in found]), np.concatenate([probs for _, probs in found]))

        return wait

    def run(self, lr: NDArray[np.float32]) -> Passed:
        """N crops, as `start` takes them, from beginning to end."""
        return self.start(lr)()

    def warm_up(self, batch: int) -> None:
        """Runs a single crop and a full batch in each slot, and keeps CUDA graphs of their passes where those are
        faster; where the driver cannot capture them, passes stay as they are.

        Args:
            batch: crops that will usually come at once.

        Raises:
            LpsrError: an engine fails.
        """
        (channels, height, width) = (size or 1 for size in self._generator.inputs[0].shape[1:])
        for count in sorted({1, min(batch, self.largest)}):
            for _ in self._slots:
                self.run(np.zeros((count, channels, height, width), np.float32))
            with self._lock, current() as cuda:
                for slot in self._slots:
                    self._try_graph(cuda, slot, count)

    def _start_part(self, lr: NDArray[np.float32]) -> _Part:
        count = len(lr)
        with self._lock, current() as cuda:
            slot = self._slots[self._next]
            self._next = 1 - self._next
            if slot.part is not None:
                self._land(slot.part)
            slot.lr.send(lr, self._sending)
            cuda.record(slot.sent, self._sending)
            cuda.wait_for(slot.sent, self._computing)
            graph = slot.graphs.get(count)
            if graph is not None:
                graph.launch()
            else:
                self._passes.enqueue(count, slot, self._computing)
            cuda.record(slot.made, self._computing)
            cuda.wait_for(slot.made, self._fetching)
            slot.sr.fetch(count, self._fetching)
            slot.log_probs.fetch(count, self._fetching)
            cuda.record(slot.fetched, self._fetching)
            slot.part = _Part(slot, count)
            return slot.part

    def _land(self, part: _Part) -> tuple[Pictures, LogProbs]:
        with self._lock:
            if part.found is None:
                slot = part.slot
                with current() as cuda:
                    cuda.wait(slot.fetched)
                part.found = slot.sr.host[: part.count].copy(), slot.log_probs.host[: part.count].copy()
                slot.part = None
            return part.found

    def _try_graph(self, cuda: Driver, slot: _Slot, count: int) -> None:
        """Captures the pass of a slot, and keeps it when it gains."""
        try:
            # A graph is bound to its execution contexts, which may then serve nothing else.
            passes = _Passes(self._generator.execution(), self._reader.execution())
            passes.enqueue(count, slot, self._computing)
            cuda.synchronize(self._computing)
            graph = CudaGraph(lambda: passes.again(self._computing), self._computing)
        except LpsrError:
            return
        plain = self._median(cuda, lambda: self._passes.enqueue(count, slot, self._computing))
        try:
            gains = self._median(cuda, graph.launch) <= _GAIN * plain
        except LpsrError:  # captured, but not launched
            gains = False
        if gains:
            slot.graphs[count], slot.bound[count] = graph, passes
        else:
            graph.close()

    def _median(self, cuda: Driver, work: Callable[[], None]) -> float:
        """Seconds of one pass, from its call to its end."""
        seconds = []
        for _ in range(_TRIALS):
            start = time.perf_counter()
            work()
            cuda.synchronize(self._computing)
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)


class _Passes:
    """The two passes of a batch, in order on one stream."""

    def __init__(self, generate: Execution, read: Execution) -> None:
        self._generate, self._read = generate, read

    def enqueue(self, count: int, slot: _Slot, stream: int) -> None:
        self._generate.enqueue(count, slot.generated, stream)
        self._read.enqueue(count, slot.read, stream)

    def again(self, stream: int) -> None:
        self._generate.again(stream)
        self._read.again(stream)


class _Part:
    """A batch under way, or its results."""

    def __init__(self, slot: _Slot, count: int) -> None:
        self.slot, self.count = slot, count
        self.found: tuple[Pictures, LogProbs] | None = None


class _Slot:
    """Memory for one batch, and the events that order the work on it."""

    def __init__(self, cuda: Driver, generator: TensorRtEngine, reader: TensorRtEngine, largest: int) -> None:
        (lr,), (sr,) = generator.inputs, generator.outputs
        (image,), (log_probs,) = reader.inputs, reader.outputs
        self.lr, self.sr, self.log_probs = (Buffer(cuda, spec, largest) for spec in (lr, sr, log_probs))
        self.generated = {lr.name: self.lr.address, sr.name: self.sr.address}
        self.read = {image.name: self.sr.address, log_probs.name: self.log_probs.address}
        self.sent, self.made, self.fetched = (cuda.event() for _ in range(3))
        self.part: _Part | None = None
        self.graphs: dict[int, CudaGraph] = {}
        self.bound: dict[int, _Passes] = {}

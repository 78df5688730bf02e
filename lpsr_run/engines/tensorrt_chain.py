"""Generator and reader of TensorRT one after the other, two batches at a time.

The SR pictures stay on the device for the reader. While one batch is computed, the next is sent and the last is
fetched: each of the two slots has buffers of its own, and each of the three kinds of work a stream of its own.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cuda import Driver
from lpsr_core.errors import LpsrError
from lpsr_run.engines.base import Passed, Pending, TensorSpec
from lpsr_run.engines.cuda import current
from lpsr_run.engines.cuda_graph import CudaGraph
from lpsr_run.engines.tensorrt_execution import Execution, TensorRtPlan

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

    def __init__(self, generator: TensorRtPlan, reader: TensorRtPlan) -> None:
        self._generator, self._reader = generator, reader
        self.largest = min(generator.largest, reader.largest)
        self._lock = threading.RLock()
        self._next = 0
        with current() as cuda:
            self._sending, self._computing, self._fetching = (cuda.stream() for _ in range(3))
            # Passes follow each other on one stream, so that all of them share what lies between layers.
            self._activations = cuda.allocate(max(generator.activations, reader.activations))
            self._slots = tuple(_Slot(cuda, generator, reader, self._activations) for _ in range(2))

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
        return lambda: Passed.joined([self._land(part) for part in parts])

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
        with current():
            self._generator.keep()
            self._reader.keep()

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
                slot.passes.enqueue(count, self._computing)
            cuda.record(slot.made, self._computing)
            cuda.wait_for(slot.made, self._fetching)
            slot.sr.fetch((count, *slot.sr_spec.row), self._fetching)
            slot.log_probs.fetch((count, *slot.log_probs_spec.row), self._fetching)
            cuda.record(slot.fetched, self._fetching)
            slot.part = _Part(slot, count)
            return slot.part

    def _land(self, part: _Part) -> Passed:
        with self._lock:
            if part.found is None:
                slot = part.slot
                with current() as cuda:
                    cuda.wait(slot.fetched)
                sr = slot.sr.host((part.count, *slot.sr_spec.row))
                log_probs = slot.log_probs.host((part.count, *slot.log_probs_spec.row))
                part.found = Passed(sr.copy(), log_probs.copy())
                slot.part = None
            return part.found

    def _try_graph(self, cuda: Driver, slot: _Slot, count: int) -> None:
        """Captures the pass of a slot, and keeps it when it gains."""
        try:
            # A graph is bound to its execution contexts, which may then serve nothing else.
            passes = slot.another(self._generator, self._reader, self._activations)
            passes.enqueue(count, self._computing)
            cuda.synchronize(self._computing)
            graph = CudaGraph(lambda: passes.again(self._computing), self._computing)
        except LpsrError:
            return
        plain = self._median(cuda, lambda: slot.passes.enqueue(count, self._computing))
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
    """The two passes of a slot, in order on one stream."""

    def __init__(self, generate: Execution, read: Execution, lr: TensorSpec, image: TensorSpec) -> None:
        self._generate, self._read, self._lr, self._image = generate, read, lr, image

    def enqueue(self, count: int, stream: int) -> None:
        self._generate.enqueue({self._lr.name: (count, *self._lr.row)}, stream)
        self._read.enqueue({self._image.name: (count, *self._image.row)}, stream)

    def again(self, stream: int) -> None:
        self._generate.again(stream)
        self._read.again(stream)


@dataclass
class _Part:
    """A batch of `count` crops under way in a slot, or its results."""

    slot: _Slot
    count: int
    found: Passed | None = None


class _Slot:
    """Memory for one batch, the passes through it, and the events that order the work on it."""

    def __init__(self, cuda: Driver, generator: TensorRtPlan, reader: TensorRtPlan, activations: int) -> None:
        (self._lr_spec,), (self.sr_spec,) = generator.inputs, generator.outputs
        (image,), (self.log_probs_spec,) = reader.inputs, reader.outputs
        self._image_spec = replace(self.sr_spec, name=image.name)
        self.lr = generator.buffer(cuda, self._lr_spec.name)
        self.sr = generator.buffer(cuda, self.sr_spec.name)
        self.log_probs = reader.buffer(cuda, self.log_probs_spec.name)
        self._generated = {self._lr_spec.name: self.lr.address, self.sr_spec.name: self.sr.address}
        self._read = {image.name: self.sr.address, self.log_probs_spec.name: self.log_probs.address}
        self.passes = self.another(generator, reader, activations)
        self.sent, self.made, self.fetched = (cuda.event() for _ in range(3))
        self.part: _Part | None = None
        self.graphs: dict[int, CudaGraph] = {}
        self.bound: dict[int, _Passes] = {}

    def another(self, generator: TensorRtPlan, reader: TensorRtPlan, activations: int) -> _Passes:
        """Execution contexts of their own for this memory."""
        generate, read = generator.execution(self._generated, activations), reader.execution(self._read, activations)
        return _Passes(generate, read, self._lr_spec, self._image_spec)

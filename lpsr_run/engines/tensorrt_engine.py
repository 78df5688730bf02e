"""Engines of TensorRT: plans on an NVIDIA GPU.

One primary CUDA context is shared by all threads and pushed for the time of a call. Buffers for the largest batch of
the plan's profile, and the memory between layers, are allocated once, the host's pinned, so that nothing is allocated
and no address changes while a stream runs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from lpsr_core.cuda import Driver
from lpsr_run.engines.base import Engine
from lpsr_run.engines.batching import in_spans, spans_of
from lpsr_run.engines.cuda import current
from lpsr_run.engines.tensorrt_chain import TensorRtChain
from lpsr_run.engines.tensorrt_execution import TensorRtPlan


class TensorRtEngine(TensorRtPlan):
    """A plan that TensorRT runs; see `TensorRtPlan`."""

    def __init__(self, path: Path, source: str | None = None) -> None:
        super().__init__(path, source)
        self._lock = threading.Lock()
        self._alone: _Alone | None = None

    def run(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        return in_spans(batch, spans_of(batch, self.largest), self.outputs, self._run_part)

    def then(self, reader: Engine) -> TensorRtChain | None:
        """This generator and a reader with the pictures left on the device; None for a reader of another runtime."""
        return TensorRtChain(self, reader) if isinstance(reader, TensorRtEngine) else None

    def _run_part(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        with self._lock, current() as cuda:
            if self._alone is None:
                self._alone = _Alone(cuda, self)
            return self._alone.run(cuda, batch)


class _Alone:
    """What an engine needs to run by itself: a stream, memory and an execution context, made at the first pass."""

    def __init__(self, cuda: Driver, engine: TensorRtEngine) -> None:
        self._of = engine
        self._stream = cuda.stream()
        self._buffers = {spec.name: engine.buffer(cuda, spec.name) for spec in (*engine.inputs, *engine.outputs)}
        addresses = {name: buffer.address for name, buffer in self._buffers.items()}
        self._execution = engine.execution(addresses, cuda.allocate(engine.activations))

    def run(self, cuda: Driver, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """One pass, from the inputs to the outputs."""
        for name, values in batch.items():
            self._buffers[name].send(values, self._stream)
        self._execution.enqueue({name: values.shape for name, values in batch.items()}, self._stream)
        count = len(next(iter(batch.values())))
        shapes = {spec.name: (count, *spec.row) for spec in self._of.outputs}
        for name, shape in shapes.items():
            self._buffers[name].fetch(shape, self._stream)
        cuda.synchronize(self._stream)
        return {name: self._buffers[name].host(shape).copy() for name, shape in shapes.items()}

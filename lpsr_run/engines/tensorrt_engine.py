"""Engines of TensorRT: plans on an NVIDIA GPU.

One primary CUDA context is shared by all threads and pushed for the time of a call. Buffers for the largest batch of
the plan's profile, and the memory between layers, are allocated once, the host's pinned, so that nothing is allocated
and no address changes while a stream runs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cuda import Driver
from lpsr_core.errors import LpsrError
from lpsr_core.plans import PlanRuntime, current_gpu, load_runnable
from lpsr_core.tensorrt import import_tensorrt, load_plugin
from lpsr_run.engines.base import Engine, TensorSpec
from lpsr_run.engines.batching import in_spans, spans_of
from lpsr_run.engines.cuda import Buffer, current
from lpsr_run.engines.tensorrt_chain import TensorRtChain
from lpsr_run.engines.tensorrt_execution import Execution, Log


class TensorRtEngine:
    """A plan that TensorRT runs.

    Args:
        path: the .plan file; its card lies beside it.
        source: sha256 of the released graph that it must have been built from, where that is known.

    Attributes:
        runtime: that runs it.
        card: of the plan.
        largest: crops in one pass.

    Raises:
        MissingExtraError: TensorRT, or a package that calls the GPU's driver, is not installed.
        LpsrError: there is no GPU, or the plan is missing, damaged, stale or another machine's.
    """

    runtime: PlanRuntime = "tensorrt"

    def __init__(self, path: Path, source: str | None = None) -> None:
        self._trt = trt = self._module()
        self._path = path
        self._gpu = current_gpu()
        self.card = load_runnable(path, str(trt.__version__), self._gpu, source, self.runtime)
        self._lock = threading.Lock()
        self._log = Log(trt)
        with current():
            if self.card.plugin_file:
                load_plugin(path.parent / self.card.plugin_file, self.card.config.plugin)
            self._runtime = trt.Runtime(self._log.logger)
            if self.card.config.carries_code:
                self._runtime.engine_host_code_allowed = True
            self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
            if self._engine is None:
                raise LpsrError(f"{path}: TensorRT cannot load this engine: {self._log.reason}")
            names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
            inputs = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
            self._inputs = tuple(self._spec(name) for name in inputs)
            self._outputs = tuple(self._spec(name) for name in names if name not in inputs)
            self.largest = int(self._engine.get_tensor_profile_shape(inputs[0], 0)[2][0])
            self._alone: _Alone | None = None

    @property
    def name(self) -> str:
        return f"{self._path} ({self.runtime} {self.card.config.tensorrt})"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._outputs

    def run(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        return in_spans(batch, spans_of(batch, self.largest), self._outputs, self._run_part)

    def then(self, reader: Engine) -> TensorRtChain | None:
        """This generator and a reader with the pictures left on the device; None for a reader of another runtime."""
        return TensorRtChain(self, reader) if isinstance(reader, TensorRtEngine) else None

    @property
    def activations(self) -> int:
        """Bytes on the device that a pass needs for what lies between its layers."""
        return int(self._engine.device_memory_size_v2)

    def buffer(self, cuda: Driver, name: str) -> Buffer:
        """Memory for the largest tensor of an input or output; the CUDA context must be current."""
        spec = next(spec for spec in (*self._inputs, *self._outputs) if spec.name == name)
        largest: tuple[int, ...]
        if spec in self._inputs:
            largest = tuple(int(size) for size in self._engine.get_tensor_profile_shape(name, 0)[2])
        else:
            largest = (self.largest, *(size or 0 for size in spec.shape[1:]))
        return Buffer(cuda, spec, largest)

    def execution(self, addresses: Mapping[str, int], activations: int) -> Execution:
        """See `Plan.execution`."""
        context = self._context()
        if context is None:
            raise LpsrError(f"{self._path}: no memory on the GPU for this engine: {self._log.reason}")
        context.set_device_memory(activations, self.activations)
        return Execution(self.name, context, self._log, addresses)

    def keep(self) -> None:
        """See `Plan.keep`."""

    def _module(self) -> Any:
        """TensorRT's."""
        return import_tensorrt()

    def _context(self) -> Any:
        """A new execution context of TensorRT's without memory of its own; None where it fails."""
        trt = self._trt
        return self._engine.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)

    def _run_part(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        with self._lock, current() as cuda:
            if self._alone is None:
                self._alone = _Alone(cuda, self)
            return self._alone.run(cuda, batch)

    def _spec(self, name: str) -> TensorSpec:
        shape = tuple(int(size) if size >= 0 else None for size in self._engine.get_tensor_shape(name))
        return TensorSpec(name, shape, np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name))).name)


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
        shapes = {spec.name: (count, *(size or 0 for size in spec.shape[1:])) for spec in self._of.outputs}
        for name, shape in shapes.items():
            self._buffers[name].fetch(shape, self._stream)
        cuda.synchronize(self._stream)
        return {name: self._buffers[name].host(shape).copy() for name, shape in shapes.items()}

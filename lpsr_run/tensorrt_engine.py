"""Engines of TensorRT: plans on an NVIDIA GPU.

One primary CUDA context is shared by all threads and pushed for the time of a call. Buffers for the largest batch of
the plan's profile are allocated once, the host's pinned, so that nothing is allocated while a stream runs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.plans import current_gpu, load_runnable
from lpsr_core.tensorrt import import_tensorrt, load_plugin
from lpsr_run.cuda import Buffer, current
from lpsr_run.engine import Engine, TensorSpec

if TYPE_CHECKING:
    from lpsr_run.tensorrt_chain import TensorRtChain


class TensorRtEngine:
    """A plan that TensorRT runs.

    Args:
        path: the .plan file; its card lies beside it.
        source: sha256 of the released graph that it must have been built from, where that is known.

    Raises:
        MissingExtraError: TensorRT, or a package that calls the GPU's driver, is not installed.
        LpsrError: there is no GPU, or the plan is missing, damaged, stale or another machine's.
    """

    def __init__(self, path: Path, source: str | None = None) -> None:
        self._trt = trt = import_tensorrt()
        self._path = path
        self.card = load_runnable(path, str(trt.__version__), current_gpu(), source)
        self._lock = threading.Lock()
        self._log = _Log(trt)
        with current() as cuda:
            if self.card.plugin_file:
                load_plugin(path.parent / self.card.plugin_file, self.card.config.plugin)
            self._runtime = trt.Runtime(self._log.logger)
            if self.card.config.carries_code:
                self._runtime.engine_host_code_allowed = True
            self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
            if self._engine is None:
                raise LpsrError(f"{path}: TensorRT cannot load this engine: {self._log.last or 'no reason given'}")
            names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
            inputs = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
            self._inputs = tuple(self._spec(name) for name in inputs)
            self._outputs = tuple(self._spec(name) for name in names if name not in inputs)
            self.largest = int(self._engine.get_tensor_profile_shape(inputs[0], 0)[2][0])
            self._execution = self.execution()
            self._stream = cuda.stream()
            specs = (*self._inputs, *self._outputs)
            self._buffers = {spec.name: Buffer(cuda, spec, self.largest) for spec in specs}

    @property
    def name(self) -> str:
        return f"{self._path} (tensorrt {self.card.config.tensorrt})"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._outputs

    def run(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        count = len(next(iter(batch.values())))
        starts = range(0, count, self.largest) if count else range(1)
        parts = [
            self._run_part({name: values[start : start + self.largest] for name, values in batch.items()})
            for start in starts
        ]
        return {spec.name: np.concatenate([part[spec.name] for part in parts]) for spec in self._outputs}

    def then(self, reader: Engine) -> TensorRtChain | None:
        """This generator and a reader with the pictures left on the device; None for a reader of another runtime."""
        from lpsr_run.tensorrt_chain import TensorRtChain

        return TensorRtChain(self, reader) if isinstance(reader, TensorRtEngine) else None

    def execution(self) -> Execution:
        """Another way to run it, with activations of its own; the CUDA context must be current.

        Raises:
            LpsrError: the GPU has no memory for it.
        """
        context = self._engine.create_execution_context()
        if context is None:
            raise LpsrError(
                f"{self._path}: no memory on the GPU for this engine: {self._log.last or 'no reason given'}"
            )
        return Execution(self, context, self._log)

    def _run_part(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        count = len(next(iter(batch.values())))
        if count == 0:
            return {
                spec.name: np.empty((0, *(size or 0 for size in spec.shape[1:])), spec.dtype) for spec in self._outputs
            }
        with self._lock, current() as cuda:
            for name, values in batch.items():
                self._buffers[name].send(values, self._stream)
            addresses = {name: buffer.address for name, buffer in self._buffers.items()}
            self._execution.enqueue(count, addresses, self._stream)
            for spec in self._outputs:
                self._buffers[spec.name].fetch(count, self._stream)
            cuda.synchronize(self._stream)
            return {spec.name: self._buffers[spec.name].host[:count].copy() for spec in self._outputs}

    def _spec(self, name: str) -> TensorSpec:
        shape = tuple(int(size) if size >= 0 else None for size in self._engine.get_tensor_shape(name))
        return TensorSpec(name, shape, np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name))).name)


class Execution:
    """An engine's execution context: one pass at a time, on one stream.

    Args:
        engine: that it runs.
        context: TensorRT's.
        log: TensorRT's errors.
    """

    def __init__(self, engine: TensorRtEngine, context: Any, log: _Log) -> None:
        self._of, self._context, self._log = engine, context, log

    def enqueue(self, count: int, addresses: Mapping[str, int], stream: int) -> None:
        """Puts one pass on a stream; the CUDA context must be current.

        Args:
            count: crops.
            addresses: on the device, of every input and output by name.
            stream: its handle.

        Raises:
            LpsrError: TensorRT refuses it.
        """
        for spec in self._of.inputs:
            sizes = (count, *(size for size in spec.shape[1:] if size is not None))
            if not self._context.set_input_shape(spec.name, sizes):
                raise LpsrError(f"{self._of.name}: the engine does not take {count} crops: {self._log.last}")
        for name, address in addresses.items():
            if not self._context.set_tensor_address(name, address):
                raise LpsrError(f"{self._of.name}: the engine does not take {name} where it is: {self._log.last}")
        self.again(stream)

    def again(self, stream: int) -> None:
        """Puts the last pass on a stream once more.

        Raises:
            LpsrError: TensorRT refuses it.
        """
        if not self._context.execute_async_v3(stream):
            raise LpsrError(f"{self._of.name}: the engine failed: {self._log.last or 'no reason given'}")


class _Log:
    """TensorRT's errors, of which the last is told."""

    def __init__(self, trt: Any) -> None:
        self.last = ""
        log = self

        class Logger(trt.ILogger):  # type: ignore[misc]
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, msg: str) -> None:
                if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                    log.last = msg.strip().splitlines()[0] if msg.strip() else ""

        self.logger = Logger()

"""Engines of TensorRT: plans on an NVIDIA GPU, through pycuda.

One primary CUDA context is shared by all threads and pushed for the time of a call. Buffers for the largest batch of
the plan's profile are allocated once, the host's pinned, so that nothing is allocated while a stream runs.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.plans import current_gpu, load_runnable
from lpsr_core.tensorrt import import_tensorrt, load_plugin
from lpsr_run.engine import Engine, TensorSpec


class CudaContext:
    """The primary context of the first GPU, for any thread.

    Raises:
        MissingExtraError: pycuda is not installed.
        LpsrError: there is no GPU.
    """

    _shared: CudaContext | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        current_gpu()  # says in one line what is missing
        import pycuda.driver as cuda

        self.cuda = cuda
        self._context = cuda.Device(0).retain_primary_context()

    @classmethod
    def shared(cls) -> CudaContext:
        """The one of this process."""
        with cls._lock:
            if cls._shared is None:
                cls._shared = cls()
            return cls._shared

    @contextlib.contextmanager
    def current(self) -> Iterator[Any]:
        """Makes it this thread's context; gives pycuda's driver module."""
        self._context.push()
        try:
            yield self.cuda
        finally:
            self.cuda.Context.pop()


class TensorRtEngine:
    """A plan that TensorRT runs.

    Args:
        path: the .plan file; its card lies beside it.
        source: sha256 of the released graph that it must have been built from, where that is known.

    Raises:
        MissingExtraError: TensorRT or pycuda is not installed.
        LpsrError: there is no GPU, or the plan is missing, damaged, stale or another machine's.
    """

    def __init__(self, path: Path, source: str | None = None) -> None:
        self._trt = trt = import_tensorrt()
        self._path = path
        self.card = load_runnable(path, str(trt.__version__), current_gpu(), source)
        self.context = CudaContext.shared()
        self._lock = threading.Lock()
        self._log = _Log(trt)
        with self.context.current() as cuda:
            if self.card.plugin_file:
                load_plugin(Path(self.card.plugin_file))
            self._runtime = trt.Runtime(self._log.logger)
            if self.card.config.version_compatible:
                self._runtime.engine_host_code_allowed = True
            self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
            if self._engine is None:
                raise LpsrError(f"{path}: TensorRT cannot load this engine: {self._log.last or 'no reason given'}")
            self._execution = self._engine.create_execution_context()
            if self._execution is None:
                raise LpsrError(f"{path}: no memory on the GPU for this engine: {self._log.last or 'no reason given'}")
            names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
            inputs = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
            self._inputs = tuple(self._spec(name) for name in inputs)
            self._outputs = tuple(self._spec(name) for name in names if name not in inputs)
            self.largest = int(self._engine.get_tensor_profile_shape(inputs[0], 0)[2][0])
            self.stream = cuda.Stream()
            self._buffers = {spec.name: _Buffer(cuda, spec, self.largest) for spec in (*self._inputs, *self._outputs)}

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
        return TensorRtChain(self, reader) if isinstance(reader, TensorRtEngine) else None

    def _run_part(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        count = len(next(iter(batch.values())))
        if count == 0:
            return {
                spec.name: np.empty((0, *(size or 0 for size in spec.shape[1:])), spec.dtype) for spec in self._outputs
            }
        with self._lock, self.context.current() as cuda:
            for name, values in batch.items():
                self._buffers[name].send(cuda, values, self.stream)
            self.enqueue(count, {})
            for spec in self._outputs:
                self._buffers[spec.name].fetch(cuda, count, self.stream)
            self.stream.synchronize()
            return {spec.name: self._buffers[spec.name].host[:count].copy() for spec in self._outputs}

    def enqueue(self, count: int, addresses: Mapping[str, int]) -> None:
        """Puts one pass on the stream; the context must be current.

        Args:
            count: crops.
            addresses: of inputs that lie elsewhere on the device than in the engine's own buffers, by name.

        Raises:
            LpsrError: TensorRT refuses it.
        """
        for spec in self._inputs:
            sizes = (count, *(size for size in spec.shape[1:] if size is not None))
            if not self._execution.set_input_shape(spec.name, sizes):
                raise LpsrError(f"{self.name}: the engine does not take {count} crops: {self._log.last}")
        for name, buffer in self._buffers.items():
            self._execution.set_tensor_address(name, addresses.get(name, int(buffer.device)))
        if not self._execution.execute_async_v3(self.stream.handle):
            raise LpsrError(f"{self.name}: the engine failed: {self._log.last or 'no reason given'}")

    def buffer(self, name: str) -> _Buffer:
        """Memory of an input or output."""
        return self._buffers[name]

    def _spec(self, name: str) -> TensorSpec:
        shape = tuple(int(size) if size >= 0 else None for size in self._engine.get_tensor_shape(name))
        return TensorSpec(name, shape, np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name))).name)


class TensorRtChain:
    """Generator and reader one after the other: the SR pictures stay on the device for the reader.

    Args:
        generator, reader: engines; both are run on the generator's stream order.
    """

    def __init__(self, generator: TensorRtEngine, reader: TensorRtEngine) -> None:
        self._generator, self._reader = generator, reader
        self.largest = min(generator.largest, reader.largest)
        self._lock = threading.Lock()
        with generator.context.current() as cuda:
            self._made = cuda.Event()

    def run(self, lr: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """SR pictures and log-probabilities of N crops.

        Args:
            lr: float32[N, 3, 16, 48] in 0..1.

        Returns:
            float32[N, 3, 32, 96] and float32[N, 7, 36].

        Raises:
            LpsrError: an engine fails.
        """
        parts = [self._run_part(lr[start : start + self.largest]) for start in range(0, len(lr), self.largest)]
        return np.concatenate([sr for sr, _ in parts]), np.concatenate([log_probs for _, log_probs in parts])

    def _run_part(self, lr: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        generator, reader, count = self._generator, self._reader, len(lr)
        source, (sr,), (log_probs,) = generator.inputs[0], generator.outputs, reader.outputs
        with self._lock, generator.context.current() as cuda:
            generator.buffer(source.name).send(cuda, lr, generator.stream)
            generator.enqueue(count, {})
            self._made.record(generator.stream)
            # The reader begins when the pictures are there, while they are still being fetched for the caller.
            reader.stream.wait_for_event(self._made)
            reader.enqueue(count, {reader.inputs[0].name: int(generator.buffer(sr.name).device)})
            generator.buffer(sr.name).fetch(cuda, count, generator.stream)
            reader.buffer(log_probs.name).fetch(cuda, count, reader.stream)
            generator.stream.synchronize()
            reader.stream.synchronize()
            return generator.buffer(sr.name).host[:count].copy(), reader.buffer(log_probs.name).host[:count].copy()


class _Buffer:
    """Memory of one tensor for the largest batch, on the device and pinned on the host."""

    def __init__(self, cuda: Any, spec: TensorSpec, largest: int) -> None:
        self._row = tuple(size for size in spec.shape[1:] if size is not None)
        dtype = np.dtype(spec.dtype)
        self.host: NDArray = cuda.pagelocked_empty((largest, *self._row), dtype)
        self.device: Any = cuda.mem_alloc(largest * math.prod(self._row) * dtype.itemsize)

    def send(self, cuda: Any, values: NDArray, stream: Any) -> None:
        """Copies rows to the device, on a stream."""
        if values.shape[1:] != self._row:
            raise LpsrError(f"an engine's input has rows of {self._row}, not {values.shape[1:]}")
        part = self.host[: len(values)]
        part[...] = values
        cuda.memcpy_htod_async(self.device, part, stream)

    def fetch(self, cuda: Any, count: int, stream: Any) -> None:
        """Copies rows to the host, on a stream."""
        cuda.memcpy_dtoh_async(self.host[:count], self.device, stream)


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

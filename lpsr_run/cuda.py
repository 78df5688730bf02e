"""The GPU's primary context, shared by all threads, and memory for tensors on it."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.plans import current_gpu
from lpsr_run.engine import TensorSpec


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
        """Makes it this thread's context; gives pycuda's driver module.

        Raises:
            LpsrError: a call of the driver within it failed.
        """
        self._context.push()
        try:
            yield self.cuda
        except self.cuda.Error as error:
            raise LpsrError(f"the GPU failed: {error}") from error
        finally:
            self.cuda.Context.pop()


class Buffer:
    """Memory of one tensor for a number of rows, on the device and pinned on the host; the context must be current.

    Args:
        cuda: pycuda's driver module.
        spec: of the tensor; the first axis is the batch.
        rows: the most that it holds.

    Raises:
        LpsrError: the GPU has no such memory left.
    """

    def __init__(self, cuda: Any, spec: TensorSpec, rows: int) -> None:
        self._row = tuple(size for size in spec.shape[1:] if size is not None)
        dtype = np.dtype(spec.dtype)
        size = rows * math.prod(self._row) * dtype.itemsize
        try:
            self.host: NDArray = cuda.pagelocked_empty((rows, *self._row), dtype)
            self.device: Any = cuda.mem_alloc(size)
        except cuda.MemoryError as error:
            raise LpsrError(
                f"no memory on the GPU for {rows} rows of {spec.name} ({size >> 20} MiB): {error}; "
                "build the engines with a profile of smaller batches"
            ) from None

    @property
    def address(self) -> int:
        """On the device."""
        return int(self.device)

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

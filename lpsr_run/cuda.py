"""The GPU's primary context in whatever thread, and memory for tensors on it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cuda import Driver, driver
from lpsr_core.errors import LpsrError
from lpsr_run.engine import TensorSpec


@contextlib.contextmanager
def current() -> Iterator[Driver]:
    """Makes the GPU's primary context this thread's; gives the driver's calls.

    Raises:
        MissingExtraError: no package for them is installed.
        LpsrError: there is no GPU, or a call within failed.
    """
    made = driver()
    made.push()
    try:
        yield made
    finally:
        made.pop()


class Buffer:
    """Memory of one tensor for a number of rows, on the device and pinned on the host; the context must be current.

    Args:
        cuda: the driver's calls.
        spec: of the tensor; the first axis is the batch.
        rows: the most that it holds.

    Attributes:
        host: [rows, ...], pinned.
        address: on the device.

    Raises:
        LpsrError: the GPU has no such memory left.
    """

    def __init__(self, cuda: Driver, spec: TensorSpec, rows: int) -> None:
        self._row = tuple(size for size in spec.shape[1:] if size is not None)
        dtype = np.dtype(spec.dtype)
        size = rows * math.prod(self._row) * dtype.itemsize
        self._cuda = cuda
        try:
            self.host: NDArray = cuda.pinned((rows, *self._row), dtype)
            self.address = cuda.allocate(size)
        except LpsrError as error:
            raise LpsrError(
                f"no memory on the GPU for {rows} rows of {spec.name} ({size >> 20} MiB): {error}; "
                "build the engines with a profile of smaller batches"
            ) from None

    def send(self, values: NDArray, stream: int) -> None:
        """Copies rows to the device, on a stream."""
        if values.shape[1:] != self._row:
            raise LpsrError(f"an engine's input has rows of {self._row}, not {values.shape[1:]}")
        part = self.host[: len(values)]
        part[...] = values
        self._cuda.send(part, self.address, stream)

    def fetch(self, count: int, stream: int) -> None:
        """Copies rows to the host, on a stream."""
        self._cuda.fetch(self.address, self.host[:count], stream)

    def close(self) -> None:
        """Gives the device's memory back; the host's goes with its last view."""
        if self.address:
            self._cuda.free(self.address)
            self.address = 0

"""The GPU's primary context in whatever thread, and memory for tensors on it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cuda import Driver, driver
from lpsr_core.errors import LpsrError
from lpsr_run.engines.base import TensorSpec


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
    """Memory of one tensor, on the device and pinned on the host; the context must be current.

    Args:
        cuda: the driver's calls.
        spec: of the tensor; what is free of its shape is free within `largest`.
        largest: shape of the most that it holds, the batch first.

    Attributes:
        address: on the device.

    Raises:
        LpsrError: the GPU has no such memory left.
    """

    def __init__(self, cuda: Driver, spec: TensorSpec, largest: tuple[int, ...]) -> None:
        self._spec, self._cuda, self._largest = spec, cuda, largest
        self._dtype = np.dtype(spec.dtype)
        size = math.prod(largest) * self._dtype.itemsize
        try:
            self._host: NDArray = cuda.pinned((math.prod(largest),), self._dtype)
            self.address = cuda.allocate(size)
        except LpsrError as error:
            raise LpsrError(
                f"no memory on the GPU for {largest[0]} rows of {spec.name} ({size >> 20} MiB): {error}; "
                "build the engines with a profile of smaller batches"
            ) from None

    def host(self, shape: tuple[int, ...]) -> NDArray:
        """The host's side, as an array of a shape.

        Raises:
            LpsrError: it does not hold such a tensor.
        """
        free = (None, *self._spec.shape[1:])
        fits = len(shape) == len(self._largest) and all(
            size == fixed or (fixed is None and size <= most)
            for size, fixed, most in zip(shape, free, self._largest, strict=True)
        )
        if not fits:
            raise LpsrError(f"{self._spec.name} holds tensors of up to {self._largest}, not {shape}")
        return self._host[: math.prod(shape)].reshape(shape)

    def send(self, values: NDArray, stream: int) -> None:
        """Copies a tensor to the device, on a stream."""
        part = self.host(values.shape)
        part[...] = values
        self._cuda.send(part, self.address, stream)

    def fetch(self, shape: tuple[int, ...], stream: int) -> None:
        """Copies a tensor of that shape to the host, on a stream."""
        self._cuda.fetch(self.address, self.host(shape), stream)

    def close(self) -> None:
        """Gives the device's memory back; the host's goes with its last view."""
        if self.address:
            self._cuda.free(self.address)
            self.address = 0

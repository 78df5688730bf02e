"""The CUDA driver's calls that the project needs, behind one interface with two makers.

cuda-python's bindings (extra `tensorrt`: wheels, no compiler) are taken where they are installed, else pycuda (extra
`jetson`, where JetPack brings TensorRT and a toolkit to compile it with). Streams, events and addresses are plain
integers, as TensorRT takes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lpsr_core.errors import LpsrError, MissingExtraError

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: does not wait for the default stream, on which other libraries may work."""
_SLEEPING = 1 | 2
"""CU_EVENT_BLOCKING_SYNC and CU_EVENT_DISABLE_TIMING: waiting threads sleep, for the processor has other work."""


@dataclass(frozen=True)
class Gpu:
    """A GPU as far as a plan depends on it.

    Attributes:
        name: as the driver calls it.
        sm: compute capability, as 87 for 8.7.
        multiprocessors: how many it has.
    """

    name: str
    sm: int
    multiprocessors: int

    def __str__(self) -> str:
        return f"{self.name} (sm_{self.sm}, {self.multiprocessors} multiprocessors)"


class Driver(Protocol):
    """The first GPU's primary context. All but `gpu` and `push` need it current.

    Attributes:
        name: of the package that makes the calls.

    Raises:
        LpsrError: a call failed; the line says which and why.
    """

    name: str

    def gpu(self) -> Gpu:
        """What it is."""

    def push(self) -> None:
        """Make the primary context this thread's."""

    def pop(self) -> None:
        """Take back the last `push`."""

    def allocate(self, size: int) -> int:
        """Address of `size` bytes on the device."""

    def free(self, address: int) -> None:
        """Give back what `allocate` gave."""

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """An array of the host that the device copies from and to directly; freed with its last view."""

    def stream(self) -> int:
        """A new stream, which does not wait for the default one."""

    def synchronize(self, stream: int) -> None:
        """Wait for all work of a stream."""

    def event(self) -> int:
        """A new event without a clock, on which threads sleep."""

    def record(self, event: int, stream: int) -> None:
        """Mark what a stream holds so far."""

    def wait_for(self, event: int, stream: int) -> None:
        """Later work of a stream waits for the event."""

    def wait(self, event: int) -> None:
        """This thread waits for the event."""

    def send(self, values: NDArray, address: int, stream: int) -> None:
        """Copy a contiguous, pinned array to the device."""

    def fetch(self, address: int, values: NDArray, stream: int) -> None:
        """Copy from the device into a contiguous, pinned array."""

    def destroy(self, streams: tuple[int, ...] = (), events: tuple[int, ...] = ()) -> None:
        """Give streams and events back."""


class BindingsDriver:
    """By cuda-python's bindings; methods as `Driver` says.

    Raises:
        ImportError: they are not installed.
        LpsrError: there is no driver or no GPU.
    """

    name = "cuda-bindings"

    def __init__(self) -> None:
        from cuda.bindings import driver

        self._driver: Any = driver
        try:
            (code,) = driver.cuInit(0)  # looks for the driver's library, and says in its own way where there is none
        except Exception as error:
            raise LpsrError(f"no NVIDIA GPU here: {str(error).splitlines()[0]}") from None
        if int(code):
            raise LpsrError(f"no NVIDIA GPU here: {self._word(code)}")
        self._device = self._call("cuDeviceGet", 0)
        self._context: Any = None
        self._lock = threading.Lock()

    def gpu(self) -> Gpu:
        of = self._driver.CUdevice_attribute
        major, minor, count = (
            int(self._call("cuDeviceGetAttribute", attribute, self._device))
            for attribute in (
                of.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                of.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                of.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
            )
        )
        name = bytes(self._call("cuDeviceGetName", 256, self._device)).split(b"\0")[0].decode()
        return Gpu(name, 10 * major + minor, count)

    def push(self) -> None:
        with self._lock:
            if self._context is None:
                self._context = self._call("cuDevicePrimaryCtxRetain", self._device)
        self._call("cuCtxPushCurrent", self._context)

    def pop(self) -> None:
        self._call("cuCtxPopCurrent")

    def allocate(self, size: int) -> int:
        return int(self._call("cuMemAlloc", max(size, 1)))

    def free(self, address: int) -> None:
        self._call("cuMemFree", self._driver.CUdeviceptr(address))

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        size = max(1, math.prod(shape) * np.dtype(dtype).itemsize)
        address = int(self._call("cuMemHostAlloc", size, 0))
        memory: Any = (ctypes.c_byte * size).from_address(address)
        weakref.finalize(memory, self._free_pinned, address)
        return np.ndarray(shape, dtype, buffer=memory)  # which keeps the memory as its base

    def stream(self) -> int:
        return int(self._call("cuStreamCreate", _NON_BLOCKING))

    def synchronize(self, stream: int) -> None:
        self._call("cuStreamSynchronize", self._driver.CUstream(stream))

    def event(self) -> int:
        return int(self._call("cuEventCreate", _SLEEPING))

    def record(self, event: int, stream: int) -> None:
        self._call("cuEventRecord", self._driver.CUevent(event), self._driver.CUstream(stream))

    def wait_for(self, event: int, stream: int) -> None:
        self._call("cuStreamWaitEvent", self._driver.CUstream(stream), self._driver.CUevent(event), 0)

    def wait(self, event: int) -> None:
        self._call("cuEventSynchronize", self._driver.CUevent(event))

    def send(self, values: NDArray, address: int, stream: int) -> None:
        to, on = self._driver.CUdeviceptr(address), self._driver.CUstream(stream)
        self._call("cuMemcpyHtoDAsync", to, _contiguous(values).ctypes.data, values.nbytes, on)

    def fetch(self, address: int, values: NDArray, stream: int) -> None:
        source, on = self._driver.CUdeviceptr(address), self._driver.CUstream(stream)
        self._call("cuMemcpyDtoHAsync", _contiguous(values).ctypes.data, source, values.nbytes, on)

    def destroy(self, streams: tuple[int, ...] = (), events: tuple[int, ...] = ()) -> None:
        for stream in streams:
            self._call("cuStreamDestroy", self._driver.CUstream(stream))
        for event in events:
            self._call("cuEventDestroy", self._driver.CUevent(event))

    def _free_pinned(self, address: int) -> None:
        with contextlib.suppress(LpsrError):  # at the process's end the driver may be gone before
            self.push()
            try:
                self._call("cuMemFreeHost", address)
            finally:
                self.pop()

    def _call(self, name: str, *arguments: Any) -> Any:
        code, *results = getattr(self._driver, name)(*arguments)
        if int(code):
            raise LpsrError(f"the GPU failed: {name}: {self._word(code)}")
        return results[0] if results else None

    def _word(self, code: Any) -> str:
        failed, text = self._driver.cuGetErrorString(code)
        return str(getattr(code, "name", code)) if int(failed) or not text else bytes(text).decode()


class PycudaDriver:
    """By pycuda; methods as `Driver` says.

    Raises:
        ImportError: it is not installed.
        LpsrError: there is no driver or no GPU.
    """

    name = "pycuda"

    def __init__(self) -> None:
        import pycuda.driver as cuda

        self._cuda: Any = cuda
        try:
            cuda.init()
            self._device = cuda.Device(0)
        except cuda.Error as error:
            raise LpsrError(f"no NVIDIA GPU here: {error}") from None
        self._context: Any = None
        self._lock = threading.Lock()
        # pycuda gives objects, which free what they stand for when they go.
        self._kept: dict[int, Any] = {}

    def gpu(self) -> Gpu:
        with self._told():
            major, minor = self._device.compute_capability()
            count = self._device.get_attribute(self._cuda.device_attribute.MULTIPROCESSOR_COUNT)
            return Gpu(self._device.name(), 10 * major + minor, count)

    def push(self) -> None:
        with self._told():
            with self._lock:
                if self._context is None:
                    self._context = self._device.retain_primary_context()
            self._context.push()

    def pop(self) -> None:
        self._cuda.Context.pop()

    def allocate(self, size: int) -> int:
        with self._told():
            return self._keep(self._cuda.mem_alloc(max(size, 1)))

    def free(self, address: int) -> None:
        with self._told():
            self._kept.pop(address).free()

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        with self._told():
            made: NDArray = self._cuda.pagelocked_empty(shape, dtype)
            return made

    def stream(self) -> int:
        with self._told():
            made = self._cuda.Stream(_NON_BLOCKING)
            return self._keep(made, made.handle)

    def synchronize(self, stream: int) -> None:
        with self._told():
            self._kept[stream].synchronize()

    def event(self) -> int:
        with self._told():
            made = self._cuda.Event(_SLEEPING)
            return self._keep(made, id(made))

    def record(self, event: int, stream: int) -> None:
        with self._told():
            self._kept[event].record(self._kept[stream])

    def wait_for(self, event: int, stream: int) -> None:
        with self._told():
            self._kept[stream].wait_for_event(self._kept[event])

    def wait(self, event: int) -> None:
        with self._told():
            self._kept[event].synchronize()

    def send(self, values: NDArray, address: int, stream: int) -> None:
        with self._told():
            self._cuda.memcpy_htod_async(address, _contiguous(values), self._kept[stream])

    def fetch(self, address: int, values: NDArray, stream: int) -> None:
        with self._told():
            self._cuda.memcpy_dtoh_async(_contiguous(values), address, self._kept[stream])

    def destroy(self, streams: tuple[int, ...] = (), events: tuple[int, ...] = ()) -> None:
        for each in (*streams, *events):
            self._kept.pop(each, None)

    def _keep(self, made: Any, handle: int | None = None) -> int:
        number = int(made) if handle is None else int(handle)
        self._kept[number] = made
        return number

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._cuda.Error as error:
            raise LpsrError(f"the GPU failed: {error}") from error


def _contiguous(values: NDArray) -> NDArray:
    if not values.flags.c_contiguous:
        raise ValueError("the driver copies contiguous arrays alone")
    return values


_MAKERS: tuple[type[BindingsDriver] | type[PycudaDriver], ...] = (BindingsDriver, PycudaDriver)
_opened: Driver | None = None
_opening = threading.Lock()


def driver() -> Driver:
    """Return the one driver of this process.

    Raises:
        MissingExtraError: neither cuda-bindings nor pycuda is installed.
        LpsrError: there is no GPU, or its driver does not answer.
    """
    global _opened
    with _opening:
        if _opened is None:
            for maker in _MAKERS:
                with contextlib.suppress(ImportError):
                    _opened = maker()
                    break
            else:
                raise MissingExtraError("cuda-bindings", "tensorrt")
        return _opened

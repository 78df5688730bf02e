"""CUDA graphs: work that was put on a stream once, launched again with one call.

pycuda has no such calls, so the driver's own are made here, whatever package makes the others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from lpsr_core.errors import LpsrError

LIBRARY = "libcuda.so.1"
CALLS = (
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
)
"""What is asked of the driver; all of it since CUDA 11.4."""
_THREAD_LOCAL = 1
"""Capture mode: what other threads do meanwhile neither joins the capture nor spoils it."""


class CudaGraph:
    """What some function puts on a stream, captured; the context must be current, here and at every launch.

    Args:
        work: puts kernels on the stream and waits for nothing. It was run once before, so that nothing is set up while
            it is captured.
        stream: handle of a stream that is not the default one.

    Raises:
        LpsrError: the driver cannot capture it.
    """

    def __init__(self, work: Callable[[], None], stream: int) -> None:
        self._driver = _driver()
        self._stream = ctypes.c_void_p(stream)
        self._made = ctypes.c_void_p()
        graph = ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", self._stream, ctypes.c_int(_THREAD_LOCAL))
        try:
            work()
        finally:  # a stream that is left capturing takes no other work
            ended = self._driver.cuStreamEndCapture(self._stream, ctypes.byref(graph))
        if ended:
            raise LpsrError(f"CUDA graph: cuStreamEndCapture gave error {ended}")
        try:
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(self._made), graph, ctypes.c_ulonglong(0))
        finally:
            self._driver.cuGraphDestroy(graph)

    def launch(self) -> None:
        """Puts all of it on the stream.

        Raises:
            LpsrError: the driver refuses.
        """
        self._call("cuGraphLaunch", self._made, self._stream)

    def close(self) -> None:
        """Gives the driver's memory back."""
        if self._made:
            self._driver.cuGraphExecDestroy(self._made)
            self._made = ctypes.c_void_p()

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._driver, name)(*arguments)
        if code:
            raise LpsrError(f"CUDA graph: {name} gave error {code}")


def _driver() -> Any:
    try:
        library = ctypes.CDLL(LIBRARY)
        for name in CALLS:
            getattr(library, name).restype = ctypes.c_int
    except (OSError, AttributeError) as error:
        raise LpsrError(f"CUDA graph: {error}") from None
    return library

"""Which runtime opens a graph. A new runtime is one new engine class and one line in the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.engines.base import Engine
from lpsr_run.engines.onnx_engine import Device, OnnxRuntimeEngine
from lpsr_run.engines.openvino_engine import OpenVinoEngine
from lpsr_run.engines.triton_engine import SCHEME, address_of

Backend = str
"""One of `BACKENDS`, or the URL of a Triton server, `triton://HOST:PORT`."""
BACKENDS: tuple[Backend, ...] = ("auto", "onnxruntime", "cuda", "tensorrt", "tensorrt-rtx", "openvino")


def is_triton(backend: Backend) -> bool:
    """Whether a backend is a Triton server.

    Raises:
        UsageError: it looks like one, and its URL is none.
    """
    return backend.startswith(SCHEME) and bool(address_of(backend))


def open_engine(
    path: Path, backend: Backend = "auto", threads: int = 0, rows: bool = False, device: str = ""
) -> Engine:
    """Opens a graph file.

    Args:
        path: the .onnx file.
        backend: `onnxruntime` is its CPU provider, `cuda` its CUDA provider; `auto` takes CUDA where it works.
        threads: on the CPU; 0 for as many as there are cores.
        rows: CPU threads share out a batch's rows, not each operator; for small pictures in batches.
        device: of OpenVINO's: CPU (also when empty), GPU, NPU, AUTO.

    Raises:
        UsageError: unknown backend.
        LpsrError: the backend is not there, or the file is not a graph that it can run.
    """
    if backend not in _OPENERS:
        raise UsageError(f"unknown backend {backend!r}; give one of {', '.join(_OPENERS)}")
    return _OPENERS[backend](path, threads, rows, device)


def _tensorrt(path: Path, threads: int, rows: bool, device: str) -> Engine:
    raise LpsrError(f"{path}: TensorRT runs engines built from released graphs; run this with --backend cuda")


def _onnxruntime(kind: Device) -> _Opener:
    return lambda path, threads, rows, device: OnnxRuntimeEngine(path, kind, threads, rows)


def _openvino(path: Path, threads: int, rows: bool, device: str) -> Engine:
    # What takes large pictures one by one finds plates, and bf16 moves their corners.
    return OpenVinoEngine(path, device, threads, rows, exact=not rows)


_Opener = Callable[[Path, int, bool, str], Engine]
_OPENERS: dict[Backend, _Opener] = {
    "auto": _onnxruntime("auto"),
    "onnxruntime": _onnxruntime("cpu"),
    "cuda": _onnxruntime("cuda"),
    "tensorrt": _tensorrt,
    "tensorrt-rtx": _tensorrt,
    "openvino": _openvino,
}

"""Which runtime opens a graph."""

from __future__ import annotations

from pathlib import Path

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.engines.base import Engine
from lpsr_run.engines.onnx_engine import Device, OnnxRuntimeEngine
from lpsr_run.engines.openvino_engine import OpenVinoEngine
from lpsr_run.engines.triton_engine import SCHEME, address_of

Backend = str
"""One of `BACKENDS`, or the URL of a Triton server, `triton://HOST:PORT`."""
BACKENDS: tuple[Backend, ...] = ("auto", "onnxruntime", "cuda", "tensorrt", "tensorrt-rtx", "openvino")
_ONNX_RUNTIME: dict[Backend, Device] = {"auto": "auto", "onnxruntime": "cpu", "cuda": "cuda"}


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
    if backend in ("tensorrt", "tensorrt-rtx"):
        raise LpsrError(f"{path}: TensorRT runs engines built from released graphs; run this with --backend cuda")
    if backend == "openvino":
        # What takes large pictures one by one finds plates, and bf16 moves their corners.
        return OpenVinoEngine(path, device, threads, rows, exact=not rows)
    if backend not in _ONNX_RUNTIME:
        raise UsageError(f"unknown backend {backend!r}; give one of {', '.join(BACKENDS)}")
    return OnnxRuntimeEngine(path, _ONNX_RUNTIME[backend], threads, rows)

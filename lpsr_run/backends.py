"""Which runtime opens a graph. A new runtime is one new engine class and one line in the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.engine import Engine
from lpsr_run.onnx_engine import OnnxRuntimeEngine

Backend = Literal["auto", "onnxruntime", "cuda", "tensorrt", "tensorrt-rtx"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)


def open_engine(path: Path, backend: Backend = "auto", threads: int = 0, rows: bool = False) -> Engine:
    """Opens a graph file.

    Args:
        path: the .onnx file.
        backend: `onnxruntime` is its CPU provider, `cuda` its CUDA provider; `auto` takes CUDA where it works.
        threads: on the CPU; 0 for as many as there are cores.
        rows: CPU threads share out a batch's rows, not each operator; for small pictures in batches.

    Raises:
        UsageError: unknown backend.
        LpsrError: the backend is not there, or the file is not a graph that it can run.
    """
    if backend not in _OPENERS:
        raise UsageError(f"unknown backend {backend!r}; give one of {', '.join(_OPENERS)}")
    return _OPENERS[backend](path, threads, rows)


def _tensorrt(path: Path, threads: int, rows: bool) -> Engine:
    raise LpsrError(f"{path}: TensorRT runs engines built from released graphs; run this with --backend cuda")


_OPENERS: dict[Backend, Callable[[Path, int, bool], Engine]] = {
    "auto": lambda path, threads, rows: OnnxRuntimeEngine(path, "auto", threads, rows),
    "onnxruntime": lambda path, threads, rows: OnnxRuntimeEngine(path, "cpu", threads, rows),
    "cuda": lambda path, threads, rows: OnnxRuntimeEngine(path, "cuda", threads, rows),
    "tensorrt": _tensorrt,
    "tensorrt-rtx": _tensorrt,
}

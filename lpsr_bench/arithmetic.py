"""How much arithmetic a graph takes, counted from what ONNX Runtime says that it ran."""

from __future__ import annotations

import json
import tempfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from lpsr_core.errors import LpsrError
from lpsr_core.onnx_session import import_onnxruntime

Shape = list[int]


def operations(graph: Path, rows: int = 1) -> float:
    """Floating-point operations of one forward pass: two for each multiplication of convolutions and matrix products.

    Args:
        graph: an .onnx file with one input, whose free axes are the batch.
        rows: of the batch.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        LpsrError: it cannot run the graph.
    """
    ort = import_onnxruntime()
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        # As it was written: what optimisation makes of an operator has other inputs.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
            (given,) = session.get_inputs()
            shape = [size if isinstance(size, int) else rows for size in given.shape]
            session.run(None, {given.name: np.zeros(shape, np.float32)})
        except Exception as error:
            raise LpsrError(f"{graph}: cannot be profiled: {str(error).splitlines()[0]}") from error
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return float(sum(_of(event["args"]) for event in events if event.get("name", "").endswith("_kernel_time")))


def _of(node: dict[str, Any]) -> float:
    """Of one operator, from the shapes that it was given and made."""
    kind = node.get("op_name", "")
    given, made = _shapes(node.get("input_type_shape", [])), _shapes(node.get("output_type_shape", []))
    if kind in ("Conv", "DeformConv", "QLinearConv"):
        weight = given[3] if kind == "QLinearConv" else given[1]
        return 2 * prod(made[0]) * prod(weight[1:])
    if kind == "ConvTranspose":
        return 2 * prod(given[0]) * prod(given[1][1:])
    if kind in ("MatMul", "Gemm", "QLinearMatMul"):
        return 2 * prod(made[0]) * given[0][-1]
    return 0.0


def _shapes(entries: list[dict[str, Shape]]) -> list[Shape]:
    """A list holds one entry an input: its type, and its shape."""
    return [next(iter(entry.values())) for entry in entries]

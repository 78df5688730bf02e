"""FP16 and INT8 graphs from FP32 ones, without torch. Precision becomes a property of the graph."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import MissingExtraError
from lpsr_export.graphs import import_onnx, load_graph

if TYPE_CHECKING:
    import onnx

# Kept in FP32: the bicubic way past the network, whose half-precision kernels do not exist everywhere, and what sums
# over many values. Not an operator that a graph ends with: the converter would make that output FP16.
_FP32_OPERATORS = ["Resize", "Softmax", "LayerNormalization", "ReduceMean", "ReduceSum"]


def to_fp16(path: Path) -> onnx.ModelProto:
    """An FP16 graph with FP32 input and output, so that it fulfils the same contract.

    Args:
        path: the FP32 graph.

    Raises:
        MissingExtraError: onnxconverter-common is not installed.
    """
    try:
        from onnxconverter_common import float16
    except ImportError:
        raise MissingExtraError("onnxconverter-common", "train") from None
    model = load_graph(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it reports every value that underflows
        converted: onnx.ModelProto = float16.convert_float_to_float16(
            model, keep_io_types=True, op_block_list=float16.DEFAULT_OP_BLOCK_LIST + _FP32_OPERATORS
        )
    return converted


def to_int8(path: Path, role: Role, calibration: NDArray[np.float32]) -> onnx.ModelProto:
    """A Q/DQ graph: INT8 convolutions and products, per-channel weights, ranges from calibration crops.

    Deformable convolutions, and the first and last layers, which decide most about the picture and cost least,
    stay as they are.

    Args:
        path: the FP32 graph.
        role: what it does.
        calibration: float32[N, ...] inputs.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
    """
    import_onnx()
    try:
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError:
        raise MissingExtraError("onnxruntime", "cpu") from None

    name = CONTRACTS[role].input

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[dict[str, Any]] = iter(
                {name: calibration[start : start + 16]} for start in range(0, len(calibration), 16)
            )

        def get_next(self) -> dict[str, Any] | None:
            return next(self._batches, None)

    logging.getLogger().setLevel(logging.ERROR)  # it recommends preprocessing, which is what we have just done
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared),
            str(quantised),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            nodes_to_exclude=_ends(load_graph(prepared)),
            per_channel=True,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.Percentile,
            extra_options={"ActivationSymmetric": True, "CalibPercentile": 99.99},
        )
        return load_graph(quantised)


def _ends(model: onnx.ModelProto) -> list[str]:
    """The first and the last layer with weights of a graph, and what predicts offsets of deformable ones."""
    weighted = [node for node in model.graph.node if node.op_type in ("Conv", "MatMul", "Gemm")]
    made_by = {output: node for node in model.graph.node for output in node.output}
    kept = {weighted[0].name, weighted[-1].name}
    for node in model.graph.node:
        if node.op_type == "DeformConv":
            for value in (node.input[2], node.input[4]):
                while value in made_by and made_by[value].op_type not in ("Conv", "MatMul", "Gemm"):
                    value = made_by[value].input[0]
                if value in made_by:
                    kept.add(made_by[value].name)
    return sorted(kept)

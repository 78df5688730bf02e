"""FP16 graphs from FP32 and Q/DQ ones, without torch. Precision becomes a property of the graph."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from lpsr_core.errors import MissingExtraError

if TYPE_CHECKING:
    import onnx

# Kept in FP32: the bicubic way past the network, whose half-precision kernels do not exist everywhere, and what sums
# over many values. Not an operator that a graph ends with: the converter would make that output FP16.
_FP32_OPERATORS = ["Resize", "Softmax", "LayerNormalization", "ReduceMean", "ReduceSum"]


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """An FP16 graph with FP32 input and output, so that it fulfils the same contract.

    Args:
        model: the FP32 graph, which may be changed. Q/DQ pairs in it stay, with FP16 on their floating-point side.

    Raises:
        MissingExtraError: onnxconverter-common is not installed.
    """
    try:
        from onnxconverter_common import float16
    except ImportError:
        raise MissingExtraError("onnxconverter-common", "export") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it reports every value that underflows
        converted: onnx.ModelProto = float16.convert_float_to_float16(
            model, keep_io_types=True, op_block_list=float16.DEFAULT_OP_BLOCK_LIST + _FP32_OPERATORS
        )
    return converted

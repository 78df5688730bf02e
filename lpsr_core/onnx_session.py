"""Sessions of ONNX Runtime, for those who check graphs and those who run them; imported when first needed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lpsr_core.errors import MissingExtraError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_FATAL = 4
"""Log level of ONNX Runtime: its errors arrive as exceptions, so it need not print them too."""
_SLOWER_THAN_NOT = ["SkipLayerNormFusion"]
"""Optimisers that lose on the CPU: the fused operator takes three times as long as the two that it replaces."""


def import_onnxruntime() -> Any:
    """The onnxruntime module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError:
        raise MissingExtraError("onnxruntime", "cpu") from None
    # The default logger speaks before a session has options of its own, e.g. when it looks for GPUs.
    onnxruntime.set_default_logger_severity(_FATAL)
    return onnxruntime


def open_session(graph: Path | bytes, threads: int = 0, providers: Sequence[Any] = (CPU,)) -> Any:
    """Open a graph as the runtime does.

    Args:
        graph: an .onnx file, or its bytes.
        threads: that share out each operator on the CPU; 0 for as many as there are cores.
        providers: of ONNX Runtime's, with their options.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        Exception: ONNX Runtime's own, where it cannot load the graph.
    """
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Generator and reader run by turns, each with threads of its own: idle ones that spin take the cores from the
    # other network, which made a crop nearly twice as slow on two cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL
    source = graph if isinstance(graph, bytes) else str(graph)
    return ort.InferenceSession(source, options, providers=list(providers), disabled_optimizers=_SLOWER_THAN_NOT)

"""Engines of ONNX Runtime, on the CPU or through CUDA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.extras import install_command
from lpsr_core.onnx_session import CPU, CUDA, import_onnxruntime, open_session
from lpsr_run.engines.base import Engine, TensorSpec
from lpsr_run.engines.batching import SharesRows, filled_up
from lpsr_run.engines.onnx_binding import BoundChain
from lpsr_run.engines.onnx_chain import OnnxChain
from lpsr_run.process import usable_cores

Device = Literal["auto", "cpu", "cuda"]

_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}


class OnnxRuntimeEngine(SharesRows):
    """A graph that ONNX Runtime runs.

    Args:
        path: the .onnx file.
        device: `cuda` insists on CUDA; `auto` takes it where it works.
        threads: on the CPU; 0 for as many as there are cores.
        rows: on the CPU, a batch's rows are shared out among the threads, each of which takes its own through the
            whole graph; otherwise the threads share out every operator. The first suits small pictures in batches,
            the second a single large one.

    Attributes:
        name: see `Engine`.
        device: `cpu` or `cuda`.
        session: ONNX Runtime's own, for those who bind it to tensors.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        LpsrError: the file is missing, not a graph that this version can run, or CUDA was asked for and fails.
    """

    def __init__(self, path: Path, device: Device = "auto", threads: int = 0, rows: bool = False) -> None:
        ort = import_onnxruntime()
        if not path.is_file():
            raise LpsrError(f"{path}: no such model file")
        available = ort.get_available_providers()
        if device == "cuda" and CUDA not in available:
            raise LpsrError(
                f"this ONNX Runtime has no CUDA; run: pip uninstall onnxruntime, then: {install_command('gpu')}"
            )
        # cuDNN's exhaustive search, the default, takes seconds at every new shape.
        cuda = (CUDA, {"cudnn_conv_algo_search": "HEURISTIC"})
        providers = [cuda, CPU] if device != "cpu" and CUDA in available else [CPU]
        try:
            self.session = open_session(path, 1 if rows else threads, providers)
        except Exception as error:
            if "implementation for DeformConv" in str(error):
                raise LpsrError(
                    f"{path}: ONNX Runtime {ort.__version__} has no deformable convolutions; take 1.25 or newer "
                    "(Python 3.11 on), or graphs of: lpsr-export build --fp32 --lower-deform-conv --out DIR"
                ) from error
            raise LpsrError(f"{path}: not a model that ONNX Runtime can load: {_reason(error)}") from error
        self.device = "cuda" if CUDA in self.session.get_providers() else "cpu"
        if device == "cuda" and self.device != "cuda":
            raise LpsrError("ONNX Runtime could not start CUDA; check the driver, or run with --backend onnxruntime")
        self.name = f"{path} (onnxruntime {self.device})"
        self.inputs = tuple(_spec(node) for node in self.session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self.session.get_outputs())
        super().__init__((threads or usable_cores()) if rows and self.device == "cpu" else 1)

    @property
    def metadata(self) -> dict[str, str]:
        """Notes that the file's exporter left in it."""
        return dict(self.session.get_modelmeta().custom_metadata_map)

    def then(self, reader: Engine) -> OnnxChain | BoundChain | None:
        """Both in one go: on a GPU with the pictures left there, on the processor every core with crops of its own.

        None where there is one core, or the reader is of another runtime or device.
        """
        if not isinstance(reader, OnnxRuntimeEngine) or reader.device != self.device:
            return None
        if self.device == "cuda":
            return BoundChain(self, reader)
        return None if self.pool is None else OnnxChain(self, reader)

    def run_whole(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        given, count = (dict(batch), None) if self.device == "cpu" else filled_up(batch)
        try:
            values = self.session.run(None, given)
        except Exception as error:
            raise LpsrError(f"{self.name}: the model failed: {_reason(error)}") from error
        return {spec.name: np.asarray(value)[:count] for spec, value in zip(self.outputs, values, strict=True)}


def _spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in node.shape or ())
    return TensorSpec(node.name, shape, _TYPES.get(node.type, node.type))


_PREFIX = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : "
    r"(?:Load model from .*? failed:)?"
    r"(?:\S+\.(?:cc|cpp|cu|h|hpp):\d+ .+?\) (?=[A-Z]))?"
)
"""What stands before the reason: the file once more, and a place in ONNX Runtime's source."""
_LONG = 400


def _reason(error: Exception) -> str:
    """The reason in one line; of a long one the middle is left out, as it may stand at either end."""
    line = " ".join(str(error).split()) or type(error).__name__
    line = _PREFIX.sub("", line, count=1) or line
    return line if len(line) <= _LONG else f"{line[: _LONG // 2]} … {line[-_LONG // 2 :]}"

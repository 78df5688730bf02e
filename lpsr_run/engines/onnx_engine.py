"""Engines of ONNX Runtime, on the CPU or through CUDA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError, MissingExtraError
from lpsr_core.extras import install_command
from lpsr_run.engines.base import Engine, TensorSpec
from lpsr_run.engines.batching import shared_out
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
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_FATAL = 4
"""Log level of ONNX Runtime: its errors arrive as exceptions, so it need not print them too."""
_SLOWER_THAN_NOT = ["SkipLayerNormFusion"]
"""Optimisers that lose on the CPU: the fused operator takes three times as long as the two that it replaces."""


class OnnxRuntimeEngine:
    """A graph that ONNX Runtime runs.

    Args:
        path: the .onnx file.
        device: `cuda` insists on CUDA; `auto` takes it where it works.
        threads: on the CPU; 0 for as many as there are cores.
        rows: on the CPU, a batch's rows are shared out among the threads, each of which takes its own through the
            whole graph; otherwise the threads share out every operator. The first suits small pictures in batches,
            the second a single large one.

    Attributes:
        workers: threads that rows are shared out among.
        pool: those threads; None where there is but one.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        LpsrError: the file is missing, not a graph that this version can run, or CUDA was asked for and fails.
    """

    def __init__(self, path: Path, device: Device = "auto", threads: int = 0, rows: bool = False) -> None:
        ort = import_onnxruntime()
        self._path = path
        if not path.is_file():
            raise LpsrError(f"{path}: no such model file")
        available = ort.get_available_providers()
        if device == "cuda" and _CUDA not in available:
            raise LpsrError(
                f"this ONNX Runtime has no CUDA; run: pip uninstall onnxruntime, then: {install_command('gpu')}"
            )
        # cuDNN's exhaustive search, the default, takes seconds at every new shape.
        cuda = (_CUDA, {"cudnn_conv_algo_search": "HEURISTIC"})
        providers = [cuda, _CPU] if device != "cpu" and _CUDA in available else [_CPU]
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1 if rows else threads
        options.inter_op_num_threads = 1
        # Generator and reader run by turns, each with threads of its own: idle ones that spin take the cores from the
        # other network, which made a crop nearly twice as slow on two cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _FATAL
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=providers, disabled_optimizers=_SLOWER_THAN_NOT
            )
        except Exception as error:
            if "implementation for DeformConv" in str(error):
                raise LpsrError(
                    f"{path}: ONNX Runtime {ort.__version__} has no deformable convolutions; take 1.25 or newer "
                    "(Python 3.11 on), or graphs of: lpsr-export build --fp32 --lower-deform-conv --out DIR"
                ) from error
            raise LpsrError(f"{path}: not a model that ONNX Runtime can load: {_reason(error)}") from error
        self._device = "cuda" if _CUDA in self._session.get_providers() else "cpu"
        if device == "cuda" and self._device != "cuda":
            raise LpsrError("ONNX Runtime could not start CUDA; check the driver, or run with --backend onnxruntime")
        self._inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self._outputs = tuple(_spec(node) for node in self._session.get_outputs())
        self.workers = (threads or usable_cores()) if rows and self._device == "cpu" else 1
        self.pool = ThreadPoolExecutor(self.workers, "lpsr-onnx") if self.workers > 1 else None

    @property
    def name(self) -> str:
        return f"{self._path} (onnxruntime {self._device})"

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._device

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._outputs

    @property
    def metadata(self) -> dict[str, str]:
        """Notes that the file's exporter left in it."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def then(self, reader: Engine) -> OnnxChain | None:
        """Both in one go, every core with crops of its own; None where there is one core, or another runtime."""
        if self.pool is None or not isinstance(reader, OnnxRuntimeEngine) or reader.device != "cpu":
            return None
        return OnnxChain(self, reader)

    def run(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        return shared_out(batch, self.workers, self.pool, self.run_whole)

    def run_whole(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """As `run`, in the thread that calls; several threads may call at once."""
        given, count = (dict(batch), None) if self._device == "cpu" else filled_up(batch)
        try:
            values = self._session.run(None, given)
        except Exception as error:
            raise LpsrError(f"{self.name}: the model failed: {_reason(error)}") from error
        return {spec.name: np.asarray(value)[:count] for spec, value in zip(self._outputs, values, strict=True)}


def filled_up(batch: Mapping[str, NDArray]) -> tuple[dict[str, NDArray], int | None]:
    """A batch filled up with its last row to a power of two, since CUDA's libraries plan anew for every new shape.

    Returns:
        The batch, and how many rows of the results count; all where there is nothing to fill up.
    """
    counts = {len(rows) for rows in batch.values() if np.ndim(rows)}
    if len(counts) != 1 or 0 in counts:
        return dict(batch), None
    (count,) = counts
    missing = (1 << (count - 1).bit_length()) - count
    if not missing:
        return dict(batch), None
    return {
        name: np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if np.ndim(rows) else rows
        for name, rows in batch.items()
    }, count


def import_onnxruntime() -> Any:
    """The onnxruntime module, imported at first use.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("onnxruntime", "cpu") from None
    # The default logger speaks before a session has options of its own, e.g. when it looks for GPUs.
    onnxruntime.set_default_logger_severity(_FATAL)
    return onnxruntime


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

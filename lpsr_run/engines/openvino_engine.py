"""Engines of OpenVINO, for Intel's processors, integrated GPUs and NPUs; it runs on other x86 and Arm processors too.

On processors with AMX or AVX-512's bf16 it computes in bf16, which ONNX Runtime does not. The released graphs are read
as they are: ONNX's DeformConv, which OpenVINO's reader does not know, becomes its own DeformableConvolution.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_run.engines.base import Engine, TensorSpec
from lpsr_run.engines.batching import SharesRows, in_spans
from lpsr_run.engines.onnx_chain import OnnxChain
from lpsr_run.process import usable_cores

_LARGEST = 16
"""Rows of one pass. Passes have a power of two, since OpenVINO compiles anew for every shape."""


class OpenVinoEngine(SharesRows):
    """A graph that OpenVINO runs.

    Args:
        path: the .onnx file.
        device: OpenVINO's word for it: CPU, GPU, NPU, AUTO.
        threads: on the processor; 0 for as many as there are cores.
        rows: on the processor, a batch's rows are shared out among the threads, each of which takes its own through
            the whole graph; otherwise the threads share out every operator.
        exact: in FP32, also where the processor has bf16.

    Attributes:
        name: see `Engine`.
        device: OpenVINO's word for it.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        UsageError: there is no such device.
        LpsrError: the file is missing, or not a graph that this version can run.
    """

    def __init__(self, path: Path, device: str = "", threads: int = 0, rows: bool = False, exact: bool = False) -> None:
        try:
            import openvino as ov
        except ImportError:
            raise MissingExtraError("openvino", "openvino") from None
        self.device = (device or "CPU").upper()
        if not path.is_file():
            raise LpsrError(f"{path}: no such model file")
        core = ov.Core()
        there = list(core.available_devices)
        if self.device != "AUTO" and self.device.split(".")[0] not in {each.split(".")[0] for each in there}:
            raise UsageError(f"OpenVINO sees no {self.device} here; --device takes {', '.join((*there, 'AUTO'))}")
        super().__init__((threads or usable_cores()) if rows and self.device == "CPU" else 1)
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self.device == "CPU":
            options["INFERENCE_NUM_THREADS"] = self.workers if rows else threads or usable_cores()
            options["NUM_STREAMS"] = self.workers
        if exact:
            options["INFERENCE_PRECISION_HINT"] = "f32"
        try:
            core.add_extension(_deform_conv())
            self._model = core.compile_model(core.read_model(str(path)), self.device, options)
        except Exception as error:
            raise LpsrError(f"{path}: not a model that OpenVINO can load: {_reason(error)}") from None
        self.name = f"{path} (openvino {self.device} {self.precision})"
        self.inputs = tuple(_spec(port) for port in self._model.inputs)
        self.outputs = tuple(_spec(port) for port in self._model.outputs)
        self._requests = threading.local()

    @property
    def precision(self) -> str:
        """That it computes in: `f32`, `bf16` or `f16`; `auto` on a device that does not say, as AUTO."""
        try:
            return str(self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        except RuntimeError:
            return "auto"

    def then(self, reader: Engine) -> OnnxChain | None:
        """Both in one go, every core with crops of its own; None where there is one core, or another runtime."""
        if self.pool is None or not isinstance(reader, OpenVinoEngine) or reader.device != "CPU":
            return None
        return OnnxChain(self, reader)

    def run_whole(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        return in_spans(batch, _spans(len(next(iter(batch.values())))), self.outputs, self._pass)

    def _pass(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        if not hasattr(self._requests, "own"):
            self._requests.own = self._model.create_infer_request()
        try:
            found = self._requests.own.infer({name: np.ascontiguousarray(rows) for name, rows in batch.items()})
        except Exception as error:
            raise LpsrError(f"{self.name}: the model failed: {_reason(error)}") from None
        # The request's own memory, which the next pass writes over.
        return {spec.name: np.array(found[spec.name]) for spec in self.outputs}


def _spans(count: int) -> Iterator[slice]:
    """Rows cut into powers of two, the largest first: 7 is 4, 2 and 1."""
    at = 0
    while at < count:
        size = min(_LARGEST, 1 << ((count - at).bit_length() - 1))
        yield slice(at, at + size)
        at += size


def _deform_conv() -> Any:
    """What makes OpenVINO's DeformableConvolution of ONNX's DeformConv."""
    from openvino import opset8
    from openvino.frontend.onnx import ConversionExtension

    def convert(node: Any) -> list[Any]:
        inputs = [node.get_input(index) for index in range(node.get_input_size())]
        # An optional input that is left out between others is a node without anything.
        present = [None if each.get_node().get_type_name() == "NullNode" else each for each in inputs]
        x, weight, offset, bias, mask = (*present, None, None)[:5]
        pads = list(node.get_attribute("pads", [0, 0, 0, 0]))
        made = opset8.deformable_convolution(
            x,
            offset,
            weight,
            list(node.get_attribute("strides", [1, 1])),
            pads[:2],
            pads[2:],
            list(node.get_attribute("dilations", [1, 1])),
            mask,
            auto_pad="EXPLICIT",
            group=node.get_attribute("group", 1),
            deformable_group=node.get_attribute("offset_group", 1),
            bilinear_interpolation_pad=True,  # what lies between the border and one pixel beyond it, as ONNX has it
        )
        if bias is not None:
            made = opset8.add(made, opset8.unsqueeze(bias, np.array([0, 2, 3], np.int64)))
        return [made.output(0)]

    return ConversionExtension("DeformConv", convert)


def _spec(port: Any) -> TensorSpec:
    shape = tuple(None if size.is_dynamic else int(size.get_length()) for size in port.get_partial_shape())
    return TensorSpec(port.get_any_name(), shape, np.dtype(port.get_element_type().to_dtype()).name)


def _reason(error: Exception) -> str:
    """The last line that says something; the others name places in OpenVINO's source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or ["no reason given"])[-1][:400]

"""INT8 graphs from FP32 ones, without torch: Q/DQ pairs around convolutions and products.

Which layers stay in floating point is measured, not guessed: each layer is quantised alone, and those that do the
most harm for the arithmetic that they save are left out until the graph reads as the FP32 one does.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError, MissingExtraError
from lpsr_export.graphs import import_onnx, load_graph

if TYPE_CHECKING:
    import onnx

_WEIGHTED = ("Conv", "MatMul", "Gemm")
_BATCH = 16


class Quantiser:
    """Quantises one graph, calibrated once, with any of its layers left out.

    Weights are symmetric per channel. Activations are unsigned with a zero point, which is what processors multiply
    fastest, or signed and symmetric with biases in floating point, which is all that TensorRT takes. What places the
    samples of deformable convolutions is never quantised, nor are those themselves.

    Args:
        path: the FP32 graph.
        role: what it does.
        calibration: float32[N, ...] inputs.
        symmetric: for TensorRT.

    Raises:
        MissingExtraError: ONNX or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, role: Role, calibration: NDArray[np.float32], symmetric: bool = False) -> None:
        import_onnx()
        try:
            from onnxruntime import quantization
            from onnxruntime.quantization.shape_inference import quant_pre_process
        except ImportError:
            raise MissingExtraError("onnxruntime", "cpu") from None
        name = CONTRACTS[role].input

        class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                starts = range(0, len(calibration), _BATCH)
                self._batches: Iterator[dict[str, Any]] = iter(
                    {name: calibration[start : start + _BATCH]} for start in starts
                )

            def get_next(self) -> dict[str, Any] | None:
                return next(self._batches, None)

        with tempfile.TemporaryDirectory() as folder, _quiet():
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            calibrator = quantization.calibrate.create_calibrator(
                prepared,
                list(_WEIGHTED),
                augmented_model_path=str(Path(folder) / "augmented.onnx"),
                calibrate_method=quantization.CalibrationMethod.Percentile,
                extra_options={"percentile": 99.99},
            )
            calibrator.collect_data(Reader())
            self._ranges = calibrator.compute_data()
            del calibrator
            self._prepared = load_graph(prepared)
        never = _placing(self._prepared)
        weighted = [node.name for node in self._prepared.graph.node if node.op_type in _WEIGHTED]
        self.layers: tuple[str, ...] = tuple(name for name in weighted if name not in never)
        """Names of what may be quantised, in the graph's order."""
        self.work: dict[str, float] = _work(self._prepared)
        """Multiplications of each layer for one crop: what eight bits save."""
        self._never = never
        self._symmetric = symmetric

    def graph(self, keep: Collection[str] = ()) -> onnx.ModelProto:
        """The Q/DQ graph with these layers left in floating point."""
        import onnx
        from onnxruntime.quantization import QuantType
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

        model = onnx.ModelProto()
        model.CopyFrom(self._prepared)
        with _quiet():
            quantiser = QDQQuantizer(
                model,
                True,  # per channel
                False,  # the full range of eight bits
                QuantType.QInt8,
                QuantType.QInt8 if self._symmetric else QuantType.QUInt8,
                self._ranges,
                [],
                sorted({*keep, *self._never}),
                list(_WEIGHTED),
                {
                    "ActivationSymmetric": self._symmetric,
                    "WeightSymmetric": True,
                    "QuantizeBias": not self._symmetric,
                },
            )
            quantiser.quantize_model()
        quantised: onnx.ModelProto = quantiser.model.model
        return quantised


@dataclass(frozen=True)
class Choice:
    """What quantisation left out.

    Attributes:
        model: the Q/DQ graph.
        kept: layers in floating point, with the error that each makes when it alone is quantised; first the one that
            makes most for its work.
        layers: how many layers there were to choose from.
    """

    model: onnx.ModelProto
    kept: dict[str, float]
    layers: int


def choose_layers(
    quantiser: Quantiser,
    error: Callable[[onnx.ModelProto], float],
    good: Callable[[onnx.ModelProto], bool],
    say: Callable[[str], None] = lambda _: None,
) -> Choice:
    """Leaves out as little arithmetic as it takes for the graph to be good, by the harm that a layer does for its work.

    Args:
        quantiser: of the graph.
        error: how far a graph is from FP32.
        good: whether a graph is near enough; with nothing quantised it is not asked.
        say: told what is being done.

    Raises:
        LpsrError: nothing can be quantised.
    """
    model = quantiser.graph()
    if good(model):
        return Choice(model, {}, len(quantiser.layers))
    harm: dict[str, float] = {}
    for number, layer in enumerate(quantiser.layers, start=1):
        say(f"measuring layer {number} of {len(quantiser.layers)}")
        harm[layer] = error(quantiser.graph([other for other in quantiser.layers if other != layer]))
    ranked = sorted(quantiser.layers, key=lambda layer: -harm[layer] / quantiser.work[layer])
    low, high = 0, len(ranked)  # not good with `low` left out, good with `high`
    while high - low > 1:
        middle = (low + high) // 2
        say(f"leaving out {middle} of {len(ranked)} layers")
        if good(quantiser.graph(ranked[:middle])):
            high = middle
        else:
            low = middle
    if high == len(ranked):
        raise LpsrError("no layer survives eight bits within the gate; nothing was written")
    kept = {layer: harm[layer] for layer in ranked[:high]}
    return Choice(quantiser.graph(kept), kept, len(ranked))


def _placing(model: onnx.ModelProto) -> set[str]:
    """The layers that predict offsets and masks of deformable convolutions."""
    made_by = {output: node for node in model.graph.node for output in node.output}
    found = set()
    for node in model.graph.node:
        if node.op_type == "DeformConv":
            for value in (node.input[2], node.input[4]):
                while value in made_by and made_by[value].op_type not in _WEIGHTED:
                    value = made_by[value].input[0]
                if value in made_by:
                    found.add(made_by[value].name)
    return found


def _work(model: onnx.ModelProto) -> dict[str, float]:
    """By layer; the free batch axis counts as one."""
    graph = model.graph
    sizes = {
        value.name: [max(dim.dim_value, 1) for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    sizes |= {entry.name: list(entry.dims) for entry in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type in _WEIGHTED:
            # Each output takes a product for every weight that leads to it.
            each = prod(sizes[node.input[1]][1:]) if node.op_type == "Conv" else sizes[node.input[0]][-1]
            found[node.name] = float(prod(sizes[node.output[0]]) * each)
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice on standard output and in the root logger."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)

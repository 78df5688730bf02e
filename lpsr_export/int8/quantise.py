"""INT8 graphs from FP32 ones, without torch: Q/DQ pairs around convolutions and products.

Which layers stay in floating point is measured, not guessed: each layer is quantised alone, and those that do the
most harm for the arithmetic that they save are left out until the graph reads as the FP32 one does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError
from lpsr_core.onnx_session import open_session
from lpsr_export.graph.editing import makers_of, shapes_of, uses_of
from lpsr_export.graph.graphs import load_graph, quiet, save_graph
from lpsr_export.graph.rearranging import rearrange
from lpsr_export.int8.qdq import place, weights, written
from lpsr_export.int8.rounding import Rounding, fit
from lpsr_export.progress import Report, silent

if TYPE_CHECKING:
    import onnx

_BATCH = 16
_AXES = {"Conv": 4, "MatMul": 2}
"""Of the constant weights of what is quantised."""
_WIDE = 32
"""Channels in and out from which on a processor gains by eight bits."""
_WORTH = 0.01
"""Share of all work from which on a layer is tried a second time."""
_AT_ONCE = 8
"""Tensors that are held in memory together, over all calibration crops."""
_PLACES = 65536
"""Places of a tensor that its rounding is fitted to."""


class Quantiser:
    """Quantises one graph, calibrated once, with any of its layers left out.

    Weights are symmetric with a step for each output. For processors, activations are unsigned with a zero point, may
    have a scale for each channel, and convolutions give integers; narrow layers are left as they are. For TensorRT they
    are signed and symmetric with one step a tensor, and biases stay real. What places the samples of deformable
    convolutions is never quantised, nor are those themselves.

    Args:
        path: the FP32 graph.
        role: what it does.
        calibration: float32[N, ...] inputs.
        symmetric: for TensorRT.
    """

    def __init__(self, path: Path, role: Role, calibration: NDArray[np.float32], symmetric: bool = False) -> None:
        self._prepared = _prepare(path)
        self._symmetric = symmetric
        graph = self._prepared.graph
        constants = {entry.name: entry for entry in graph.initializer}
        placing = _placing(self._prepared)
        weighted = {
            node.name: node
            for node in graph.node
            if node.name not in placing and len(_dims(constants, node)) == _AXES.get(node.op_type)
        }
        wide = {name: node for name, node in weighted.items() if min(_dims(constants, node)[:2]) >= _WIDE}
        chosen = weighted if symmetric else wide or weighted
        self.layers: tuple[str, ...] = tuple(chosen)
        """Names of what may be quantised, in the graph's order."""
        work = _work(self._prepared)
        self.work: dict[str, float] = {name: work[name] for name in chosen}
        """Multiplications of each layer for one crop: what eight bits save."""
        uses = uses_of(graph)
        readers: dict[str, list[onnx.NodeProto]] = {node.input[0]: [] for node in chosen.values()}
        for node in chosen.values():
            readers[node.input[0]].append(node)
            if node.op_type == "Conv" and not symmetric:
                readers.setdefault(written(node, uses), [])
        self.roundings: dict[str, Rounding] = {}
        """Of what the layers read and write, by tensor."""
        for name, values in _values(self._prepared, CONTRACTS[role].input, calibration, readers):
            kinds = {node.op_type for node in readers[name]} or {"Conv"}
            rows = np.moveaxis(values, 1, -1) if kinds == {"Conv"} else values
            rows = rows.reshape(-1, rows.shape[-1])
            rows = rows[np.random.default_rng(0).permutation(len(rows))[:_PLACES]]
            met = [weights(node, constants)[0] for node in readers[name]]
            alike = len(kinds) == 1 and all(each.shape[1] == rows.shape[1] for each in met)
            by_channel = alike and not symmetric
            self.roundings[name] = fit(rows, met if by_channel else [], symmetric, by_channel)

    def graph(self, keep: Collection[str] = ()) -> onnx.ModelProto:
        """The Q/DQ graph with these layers left in floating point."""
        model = deepcopy(self._prepared)
        place(model, [name for name in self.layers if name not in keep], self.roundings, not self._symmetric)
        return model


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
    say: Report = silent,
) -> Choice:
    """Leaves out as little arithmetic as it takes for the graph to be good, by the harm that a layer does for its work.

    Args:
        quantiser: of the graph.
        error: how far a graph is from FP32.
        good: whether a graph is near enough; with nothing quantised it is not asked.
        say: told what is being done, and what fraction of it is done.

    Raises:
        LpsrError: nothing can be quantised.
    """
    model = quantiser.graph()
    if good(model):
        return Choice(model, {}, len(quantiser.layers))
    # Each step builds a graph and runs it: as many as there are layers, and some twice their logarithm to choose.
    count = len(quantiser.layers)
    steps, done = count + 2 * count.bit_length(), 0

    def told(what: str) -> None:
        nonlocal done
        say(what, done / steps)
        done += 1

    harm: dict[str, float] = {}
    for number, layer in enumerate(quantiser.layers, start=1):
        told(f"measuring layer {number} of {count}")
        harm[layer] = error(quantiser.graph([other for other in quantiser.layers if other != layer]))
    ranked = sorted(quantiser.layers, key=lambda layer: -harm[layer] / quantiser.work[layer])
    low, high = 0, len(ranked)  # not good with `low` left out, good with `high`
    while high - low > 1:
        middle = (low + high) // 2
        told(f"leaving out {middle} of {len(ranked)} layers")
        if good(quantiser.graph(ranked[:middle])):
            high = middle
        else:
            low = middle
    if high == len(ranked):
        raise LpsrError("no layer survives eight bits within the gate; nothing was written")
    kept = ranked[:high]
    # Harms do not simply add up: some of what was left out on the way may come back.
    for layer in sorted(kept, key=lambda layer: -quantiser.work[layer]):
        if quantiser.work[layer] < _WORTH * sum(quantiser.work.values()) or len(kept) == 1:
            break
        told(f"trying {layer} once more")
        others = [other for other in kept if other != layer]
        if good(quantiser.graph(others)):
            kept = others
    return Choice(quantiser.graph(kept), {layer: harm[layer] for layer in kept}, len(ranked))


def _prepare(path: Path) -> onnx.ModelProto:
    """A graph with constants folded, batch norms merged, and every tensor's shape known."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = load_graph(path)
    rearrange(model)
    with tempfile.TemporaryDirectory() as folder, quiet(None):
        given, prepared = Path(folder) / "given.onnx", Path(folder) / "prepared.onnx"
        save_graph(model, given)
        quant_pre_process(str(given), str(prepared), skip_symbolic_shape=True)
        return load_graph(prepared)


def _dims(constants: Mapping[str, onnx.TensorProto], node: onnx.NodeProto) -> tuple[int, ...]:
    """Of a node's second input; none when it is not constant."""
    weight = node.input[1] if len(node.input) > 1 else ""
    return tuple(constants[weight].dims) if weight in constants else ()


def _values(
    model: onnx.ModelProto, entry: str, inputs: NDArray[np.float32], names: Collection[str]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Tensors of a graph by name, over all inputs."""
    import onnx

    ordered = sorted(names)
    for start in range(0, len(ordered), _AT_ONCE):
        wanted = ordered[start : start + _AT_ONCE]
        seen = deepcopy(model)
        given = {value.name for value in (*model.graph.input, *model.graph.output)}
        seen.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted if name not in given)
        session = open_session(seen.SerializeToString())
        asked = [name for name in wanted if name != entry]
        parts = [session.run(asked, {entry: inputs[at : at + _BATCH]}) for at in range(0, len(inputs), _BATCH)]
        if entry in wanted:
            yield entry, inputs
        for at, name in enumerate(asked):
            yield name, np.concatenate([part[at] for part in parts])


def _placing(model: onnx.ModelProto) -> set[str]:
    """The layers that predict offsets and masks of deformable convolutions."""
    makers = makers_of(model.graph)
    found = set()
    for node in model.graph.node:
        if node.op_type == "DeformConv":
            for value in (node.input[2], node.input[4]):
                while value in makers and makers[value].op_type not in _AXES:
                    value = makers[value].input[0]
                if value in makers:
                    found.add(makers[value].name)
    return found


def _work(model: onnx.ModelProto) -> dict[str, float]:
    """By layer; the free batch axis counts as one."""
    sizes = {name: [max(size, 1) for size in shape] for name, shape in shapes_of(model.graph).items()}
    sizes |= {entry.name: list(entry.dims) for entry in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type in _AXES:
            # Each output takes a product for every weight that leads to it.
            each = prod(sizes[node.input[1]][1:]) if node.op_type == "Conv" else sizes[node.input[0]][-1]
            found[node.name] = float(prod(sizes[node.output[0]]) * each)
    return found

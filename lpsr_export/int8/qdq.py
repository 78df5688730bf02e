"""Q/DQ pairs around layers of an ONNX graph: integers in, integers out, and real numbers elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lpsr_export.graph.editing import replace, uses_of
from lpsr_export.int8.rounding import Rounding, weight_steps

if TYPE_CHECKING:
    import onnx


def written(node: onnx.NodeProto, uses: Mapping[str, Collection[onnx.NodeProto]]) -> str:
    """The tensor that a layer leaves: its output, or what ReLU makes of that where nothing else sees it."""
    after = list(uses.get(node.output[0], ()))
    output: str = after[0].output[0] if len(after) == 1 and after[0].op_type == "Relu" else node.output[0]
    return output


def place(model: onnx.ModelProto, layers: Collection[str], roundings: Mapping[str, Rounding], integer: bool) -> None:
    """Quantises layers of a graph in place.

    Weights are rounded symmetrically, with a step for each output. A tensor that comes from a quantised convolution is
    rounded once, and read by the next one as it is.

    Args:
        model: the graph; convolutions and products with constant weights can be quantised.
        layers: names of the nodes to quantise.
        roundings: of every tensor that one of them reads, and with `integer`, of those that convolutions write.
        integer: for runtimes that fuse a convolution with the rounding of its output and take biases of 32 bits;
            otherwise what comes out of a layer stays real.
    """
    _Placing(model, layers, roundings, integer).run()


def weights(
    node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """A layer's weights as float32[outputs, inputs, taps], and its bias."""
    from onnx import numpy_helper

    array = numpy_helper.to_array(constants[node.input[1]]).astype(np.float32)
    if node.op_type != "Conv":
        return array.T[:, :, None], None
    rows = array.reshape(*array.shape[:2], -1)
    bias = node.input[2] if len(node.input) > 2 else ""
    return rows, numpy_helper.to_array(constants[bias]).astype(np.float64) if bias else None


class _Placing:
    def __init__(
        self, model: onnx.ModelProto, layers: Collection[str], roundings: Mapping[str, Rounding], integer: bool
    ) -> None:
        self._graph, self._layers, self._roundings, self._integer = model.graph, layers, roundings, integer
        self._uses = uses_of(model.graph)
        self._constants = {entry.name: entry for entry in model.graph.initializer}
        self._writes = {
            written(node, self._uses)
            for node in model.graph.node
            if integer and node.name in layers and node.op_type == "Conv"
        }
        self._made: dict[str, NDArray[np.generic]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._read: set[str] = set()

    def run(self) -> None:
        from onnx import numpy_helper

        for node in self._graph.node:
            copy = deepcopy(node)
            if node.name in self._layers:
                self._quantise(copy)
            self._nodes.append(copy)
            if node.output[0] in self._writes:
                self._leave(copy)
        made = [numpy_helper.from_array(array, name) for name, array in self._made.items()]
        replace(self._graph, self._nodes, made)

    def _quantise(self, node: onnx.NodeProto) -> None:
        """One layer's input, weights and bias."""
        source, convolution, (weight, bias) = node.input[0], node.op_type == "Conv", weights(node, self._constants)
        rounding, output = self._roundings[source], written(node, self._uses)
        weight = weight * rounding.scales[:, None]
        if output in self._writes:
            scales = self._roundings[output].scales
            weight, bias = weight / scales[:, None, None], None if bias is None else bias / scales
        steps = weight_steps(weight)
        if bias is not None and self._integer:
            # A bias counts in products of both steps, and must fit into 32 bits.
            steps = np.maximum(steps, (np.abs(bias) / (rounding.step * 2.0**30)).astype(np.float32))
        integers = np.rint(weight / steps[:, None, None]).astype(np.int8)
        integers = integers.reshape(self._constants[node.input[1]].dims) if convolution else integers[:, :, 0].T
        node.input[0] = self._scaled(source)
        node.input[1] = self._constant(f"{node.name}.weight", integers, steps, 0 if convolution else 1)
        if bias is not None and self._integer:
            unit = (rounding.step * steps.astype(np.float64)).astype(np.float32)
            node.input[2] = self._constant(f"{node.name}.bias", np.rint(bias / unit).astype(np.int32), unit, 0)

    def _scaled(self, name: str) -> str:
        """A tensor as quantised layers read it: rounded, and divided by its scales."""
        if name not in self._read:
            self._read.add(name)
            if name not in self._writes:
                scales = self._roundings[name].scales
                divided = self._times(name, np.float32(1) / scales, f"{name}.divided") if len(scales) > 1 else name
                self._node("QuantizeLinear", name, divided, f"{name}.q")
            self._node("DequantizeLinear", name, f"{name}.q", f"{name}.scaled")
        return f"{name}.scaled"

    def _leave(self, node: onnx.NodeProto) -> None:
        """What a quantised convolution writes is rounded, and given back to those who want real numbers."""
        name = node.output[0]
        node.output[0] = f"{name}.written"
        self._node("QuantizeLinear", name, node.output[0], f"{name}.q")
        if any(user.name not in self._layers for user in self._uses[name]):
            scales = self._roundings[name].scales
            self._node("DequantizeLinear", name, f"{name}.q", f"{name}.back" if len(scales) > 1 else name)
            if len(scales) > 1:
                self._times(f"{name}.back", scales, name)

    def _times(self, source: str, scales: NDArray[np.float32], output: str) -> str:
        """Channels multiplied. Rounding with a step for each would do the same; ONNX Runtime takes 30 times as long."""
        from onnx import helper

        multiplied = any(user.op_type == "MatMul" for user in self._uses[source])
        self._made[f"{output}.scales"] = scales if multiplied else scales[:, None, None]
        self._nodes.append(helper.make_node("Mul", [source, f"{output}.scales"], [output], f"{output}.Mul"))
        return output

    def _node(self, kind: str, name: str, source: str, output: str) -> None:
        """A node that rounds as a tensor is rounded, or brings back."""
        from onnx import helper

        rounding = self._roundings[name]
        names = [source, f"{output}.step", f"{output}.zero"]
        self._made[names[1]] = np.asarray(rounding.step, np.float32)
        self._made[names[2]] = np.asarray(rounding.zero, np.int8 if rounding.signed else np.uint8)
        self._nodes.append(helper.make_node(kind, names, [output], f"{output}.{kind}"))

    def _constant(self, name: str, integers: NDArray[np.integer], steps: NDArray[np.float32], axis: int) -> str:
        """Integers that come back as real numbers, with a step for each place along the axis."""
        from onnx import helper

        names = [f"{name}.q", f"{name}.step", f"{name}.zero"]
        self._made |= {names[0]: integers, names[1]: steps, names[2]: np.zeros(len(steps), integers.dtype)}
        self._nodes.append(helper.make_node("DequantizeLinear", names, [name], f"{name}.DequantizeLinear", axis=axis))
        return name

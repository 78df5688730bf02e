"""What TensorRT needs of a portable graph: its DeformConv nodes as the plugin's, or lowered to native operators.

TensorRT takes a node called DeformConv for its own plugin, which rounds sample coordinates to half precision; so the
plugin's nodes are LpsrDeformConv, derived in memory from the standard graph. A machine without a compiler takes the
lowered graph instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.tensorrt import PLUGIN_NAME, PLUGIN_NAMESPACE, PLUGIN_VERSION
from lpsr_export.graph.editing import makers_of, replace, shapes_of, uses_of, without_unread
from lpsr_export.graph.predicted import predicted_together

if TYPE_CHECKING:
    import onnx

LOWERED_OPSET = 19
"""TensorRT's parser reads the sampling mode of opset 20, `linear`, as nearest neighbour without a word; until 19 it is
called `bilinear`."""


@dataclass(frozen=True)
class _Node:
    """One DeformConv: its tensors' names (empty for absent ones) and attributes, defaults filled in."""

    proto: onnx.NodeProto
    x: str
    weight: str
    offset: str
    bias: str
    mask: str
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    group: int
    offset_group: int

    @property
    def output(self) -> str:
        return str(self.proto.output[0])

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]


def pack_weights(weight: NDArray, group: int) -> NDArray:
    """Weights as the plugin takes them: see lpsrPackWeights in engines/plugin/deform_conv.h.

    Args:
        weight: [O, C / group, kernel height, kernel width].
        group: of the convolution.

    Returns:
        The same type, [group, taps, Cp / 2, Op, 2]: pairs of channels side by side, with Cp = C / group rounded up to
        16 and Op = O / group rounded up to 8, padded with zeros.
    """
    outputs, channels = weight.shape[0] // group, weight.shape[1]
    taps = weight.shape[2] * weight.shape[3]
    padded = np.zeros((group, taps, -(-channels // 16) * 16, -(-outputs // 8) * 8), weight.dtype)
    padded[:, :, :channels, :outputs] = weight.reshape(group, outputs, channels, taps).transpose(0, 3, 2, 1)
    pairs = padded.reshape(group, taps, padded.shape[2] // 2, 2, padded.shape[3])
    return np.ascontiguousarray(pairs.transpose(0, 1, 2, 4, 3))


def to_plugin(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with LpsrDeformConv nodes: weights packed, bias in FP32, and a ReLU that follows taken in.

    Where one layer predicts offsets and masks together, the node takes its output whole, sigmoid and all.

    Raises:
        LpsrError: a DeformConv's weights are not constants.
    """
    from onnx import helper, numpy_helper

    made = deepcopy(model)
    graph = made.graph
    weights = {entry.name: entry for entry in graph.initializer}
    uses, makers = uses_of(graph), makers_of(graph)
    nodes: list[Any] = []
    dropped: set[str] = set()
    for proto in graph.node:
        if proto.op_type != "DeformConv":
            if proto.output[0] not in dropped:
                nodes.append(proto)
            continue
        node = _read(proto, weights)
        packed = pack_weights(numpy_helper.to_array(weights[node.weight]), node.group)
        raw = predicted_together(node.offset, node.mask, node.taps * node.offset_group, makers, weights)
        masks = [node.mask] if node.mask and not raw else []
        names = [node.x, f"{node.output}_weight", raw or node.offset, *masks]
        graph.initializer.append(numpy_helper.from_array(packed, names[1]))
        if node.bias:
            bias = numpy_helper.to_array(_constant(weights, node.bias)).astype(np.float32)
            names.append(f"{node.output}_bias")
            graph.initializer.append(numpy_helper.from_array(bias, names[-1]))
        following = uses[node.output]
        relu = len(following) == 1 and following[0].op_type == "Relu"
        if relu:
            dropped.add(following[0].output[0])
        plugin = helper.make_node(
            PLUGIN_NAME,
            names,
            [following[0].output[0] if relu else node.output],
            name=proto.name,
            domain=PLUGIN_NAMESPACE,
            plugin_version=PLUGIN_VERSION,
            plugin_namespace=PLUGIN_NAMESPACE,
            kernel_shape=list(node.kernel),
            strides=list(node.strides),
            dilations=list(node.dilations),
            pads=list(node.pads),
            group=node.group,
            offset_group=node.offset_group,
            out_channels=weights[node.weight].dims[0],
            relu=int(relu),
            has_mask=len(masks),
            has_bias=int(bool(node.bias)),
            raw=int(bool(raw)),
        )
        nodes.append(plugin)
    replace(graph, without_unread(nodes, graph))
    made.opset_import.append(helper.make_opsetid(PLUGIN_NAMESPACE, 1))
    return made


def lower(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with GridSample and Conv in place of DeformConv; coordinates and sampling are FP32 in any graph.

    Raises:
        LpsrError: a DeformConv's weights are not constants, or sizes other than the batch's are free.
    """
    from onnx import checker, shape_inference

    made = deepcopy(model)
    shapes = shapes_of(shape_inference.infer_shapes(made, data_prop=True).graph)
    weights = {entry.name: entry for entry in made.graph.initializer}
    nodes: list[Any] = []
    for proto in made.graph.node:
        if proto.op_type == "DeformConv":
            lowering = _Lowering(_read(proto, weights), weights, shapes)
            nodes.extend(lowering.nodes())
            made.graph.initializer.extend(lowering.constants)
        else:
            nodes.append(proto)
    replace(made.graph, nodes)
    for entry in made.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = min(entry.version, LOWERED_OPSET)
    checker.check_model(made, full_check=True)
    return made


class _Lowering:
    """One DeformConv as native operators: a grid of all taps' places, one GridSample, the mask, one 1x1 Conv."""

    def __init__(self, node: _Node, weights: dict[str, onnx.TensorProto], shapes: dict[str, list[int]]) -> None:
        from onnx import numpy_helper

        self.node = node
        self.constants: list[onnx.TensorProto] = []
        sizes = [shapes.get(name, []) for name in (node.x, node.offset)]
        if any(len(size) != 4 or not all(size[1:]) for size in sizes):
            raise LpsrError(f"{node.proto.name}: its sizes must be fixed but for the batch, to lower it")
        (_, self._channels, self._height, self._width), (_, _, self._out_height, self._out_width) = sizes
        self._weight = numpy_helper.to_array(weights[node.weight])

    def nodes(self) -> Iterator[onnx.NodeProto]:
        """The nodes, in order."""
        from onnx import TensorProto, helper

        node, taps = self.node, self.node.taps
        outputs, inner = self._weight.shape[:2]
        rows = taps * self._out_height
        half = self._weight.dtype == np.float16

        def name(what: str) -> str:
            return f"{node.output}_{what}"

        def make(operator: str, inputs: list[str], what: str, **attributes: Any) -> onnx.NodeProto:
            return helper.make_node(operator, inputs, [name(what)], name=name(what), **attributes)

        single_x, single_offset = node.x, node.offset
        if half:
            yield make("Cast", [node.x], "x", to=TensorProto.FLOAT)
            yield make("Cast", [node.offset], "offset", to=TensorProto.FLOAT)
            single_x, single_offset = name("x"), name("offset")
        scale, shift = self._grid()
        by_tap = [-1, taps, 2, self._out_height, self._out_width]
        yield make("Reshape", [single_offset, self._add("by_tap", by_tap)], "offset_by_tap")
        yield make("Mul", [name("offset_by_tap"), self._add("scale", scale)], "scaled")
        yield make("Add", [name("scaled"), self._add("shift", shift)], "placed")
        yield make("Transpose", [name("placed")], "yx", perm=[0, 1, 3, 4, 2])
        yield make("Gather", [name("yx"), self._add("flip", [1, 0])], "xy", axis=4)
        yield make("Reshape", [name("xy"), self._add("rows", [-1, rows, self._out_width, 2])], "grid")
        groups = node.offset_group
        each = self._channels // groups
        yield make("Reshape", [single_x, self._add("by_group", [-1, each, self._height, self._width])], "x_by_group")
        yield make(
            "GridSample",
            [name("x_by_group"), name("grid")],
            "sampled",
            align_corners=0,
            mode="bilinear",
            padding_mode="zeros",
        )
        sampled = name("sampled")
        if half:
            yield make("Cast", [sampled], "sampled_half", to=TensorProto.FLOAT16)
            sampled = name("sampled_half")
        if node.mask:
            yield make("Reshape", [node.mask, self._add("gates", [-1, 1, rows, self._out_width])], "mask")
            yield make("Mul", [sampled, name("mask")], "gated")
            sampled = name("gated")
        columns = [-1, self._channels * taps, self._out_height, self._out_width]
        yield make("Reshape", [sampled, self._add("columns", columns)], "gathered")
        kernel = self._add("kernel", self._weight.reshape(outputs, inner * taps, 1, 1))
        inputs = [name("gathered"), kernel, *([node.bias] if node.bias else [])]
        yield helper.make_node("Conv", inputs, [node.output], name=node.proto.name, group=node.group)

    def _grid(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale and shift from offsets to GridSample's coordinates, where pixel p of n lies at (2 p + 1) / n - 1."""
        node = self.node
        taps_y, taps_x = np.divmod(np.arange(node.taps), node.kernel[1])
        y = np.arange(self._out_height) * node.strides[0] - node.pads[0]
        x = np.arange(self._out_width) * node.strides[1] - node.pads[1]
        base = np.zeros((1, node.taps, 2, self._out_height, self._out_width))
        base[0, :, 0] = (taps_y * node.dilations[0])[:, None, None] + y[None, :, None]
        base[0, :, 1] = (taps_x * node.dilations[1])[:, None, None] + x[None, None, :]
        sizes = np.array([self._height, self._width], np.float64).reshape(1, 1, 2, 1, 1)
        return (2 / sizes).astype(np.float32), ((2 * base + 1) / sizes - 1).astype(np.float32)

    def _add(self, what: str, values: Any) -> str:
        from onnx import numpy_helper

        array = np.asarray(values)
        array = array.astype(np.int64) if array.dtype.kind == "i" else array
        name = f"{self.node.output}_{what}_of"
        self.constants.append(numpy_helper.from_array(array, name))
        return name


def _read(proto: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> _Node:
    from onnx import helper

    given = {entry.name: helper.get_attribute_value(entry) for entry in proto.attribute}
    x, weight, offset, bias, mask = [*proto.input, "", ""][:5]
    height, width = _constant(weights, weight).dims[2:]
    return _Node(
        proto=proto,
        x=x,
        weight=weight,
        offset=offset,
        bias=bias,
        mask=mask,
        kernel=(height, width),
        strides=tuple(given.get("strides", (1, 1))),
        pads=tuple(given.get("pads", (0, 0, 0, 0))),
        dilations=tuple(given.get("dilations", (1, 1))),
        group=given.get("group", 1),
        offset_group=given.get("offset_group", 1),
    )


def _constant(weights: dict[str, onnx.TensorProto], name: str) -> onnx.TensorProto:
    if name not in weights:
        raise LpsrError(f"{name}: weights and bias of a deformable convolution must be constants of the graph")
    return weights[name]

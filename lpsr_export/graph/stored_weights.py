"""Graphs of half or a quarter of the size: weights stored in sixteen or eight bits, FP32 again when they are loaded.

A large FP32 weight becomes an FP16 one and a Cast, or, where its layer is wide, 8-bit integers, a Cast and a product
with a scale for each output channel. ONNX Runtime folds these when it loads a graph, so it computes in FP32 as before,
and `graphs.load_graph` takes them back, so nothing that is made from a graph has to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpsr_export.graph.editing import replace, uses_of

if TYPE_CHECKING:
    import onnx

Storage = Literal["float32", "float16", "int8"]
"""How a graph's file holds its weights; narrow layers of an `int8` one are held as `float16`."""
STORAGES: tuple[Storage, ...] = get_args(Storage)
SMALLEST = 256
"""Values of the smallest weight that is stored in fewer bits; biases and scales stay as they are."""
WIDE = 32
"""Channels in and out from which on eight bits hold a layer's weights; narrower ones err more for less."""
_LIMIT = 127


def store(model: onnx.ModelProto, storage: Storage) -> None:
    """Stores the large FP32 weights of a graph in fewer bits, in place."""
    from onnx import TensorProto, helper, numpy_helper

    if storage == "float32":
        return
    axes = _output_axes(model) if storage == "int8" else {}
    made: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    for weight in model.graph.initializer:
        name = weight.name
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < SMALLEST:
            continue
        values = numpy_helper.to_array(weight)
        if name in axes and min(values.shape[:2]) >= WIDE:
            integers, scale = _eight_bits(values, axes[name])
            made += [
                numpy_helper.from_array(integers, f"{name}_bytes"),
                numpy_helper.from_array(scale, f"{name}_scale"),
            ]
            nodes += [
                helper.make_node("Cast", [f"{name}_bytes"], [f"{name}_whole"], f"{name}_cast", to=TensorProto.FLOAT),
                helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name], f"{name}_single"),
            ]
        else:
            limit = np.finfo(np.float16).max
            made.append(numpy_helper.from_array(np.clip(values, -limit, limit).astype(np.float16), f"{name}_half"))
            nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], f"{name}_single", to=TensorProto.FLOAT))
    replace(model.graph, [*nodes, *model.graph.node], made)


def restore(model: onnx.ModelProto) -> None:
    """Makes FP32 weights of those that `store` stored, in place."""
    from onnx import numpy_helper

    stored = {weight.name: weight for weight in model.graph.initializer}
    whole: dict[str, NDArray[np.float32]] = {}
    made, nodes = [], []
    for node in model.graph.node:
        source, target = (node.input[0] if node.input else ""), node.output[0]
        if node.op_type == "Cast" and source in stored and source == f"{target}_half":
            values = numpy_helper.to_array(stored[source]).astype(np.float32)
            made.append(numpy_helper.from_array(values, target))
        elif node.op_type == "Cast" and source in stored and target == source.removesuffix("_bytes") + "_whole":
            whole[target] = numpy_helper.to_array(stored[source]).astype(np.float32)
        elif node.op_type == "Mul" and source in whole and node.input[1] == f"{target}_scale":
            values = whole[source] * numpy_helper.to_array(stored[node.input[1]])
            made.append(numpy_helper.from_array(values, target))
        else:
            nodes.append(node)
    if made:
        replace(model.graph, nodes, made)


def _eight_bits(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers within -127..127, and what they are to be multiplied with."""
    others = tuple(other for other in range(values.ndim) if other != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True) / _LIMIT, np.finfo(np.float32).tiny)
    return np.round(values / scale).astype(np.int8), scale.astype(np.float32)


def _output_axes(model: onnx.ModelProto) -> dict[str, int]:
    """Of the weights of convolutions and products that nothing else uses."""
    kinds = {"Conv": 0, "MatMul": 1}
    axes = {node.input[1]: kinds[node.op_type] for node in model.graph.node if node.op_type in kinds}
    uses = uses_of(model.graph)
    return {name: axis for name, axis in axes.items() if len(uses[name]) == 1}

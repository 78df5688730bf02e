"""Graphs of half the size: weights stored at half precision, and FP32 again as soon as they are loaded.

Each large FP32 weight becomes an FP16 one and a Cast. ONNX Runtime folds these when it loads a graph, so it computes
in FP32 as before, and `graphs.load_graph` takes them back, so nothing that is made from a graph has to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

SMALLEST = 256
"""Values of the smallest weight that is stored at half precision; biases and scales stay as they are."""


def store_at_half(model: onnx.ModelProto) -> None:
    """Stores the large FP32 weights of a graph at half precision."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < SMALLEST:
            continue
        name = weight.name
        values = numpy_helper.to_array(weight)
        limit = np.finfo(np.float16).max
        weight.CopyFrom(numpy_helper.from_array(np.clip(values, -limit, limit).astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [weight.name], [name], name=f"{name}_single", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def restore(model: onnx.ModelProto) -> None:
    """Makes FP32 weights of those that `store_at_half` stored."""
    from onnx import TensorProto, numpy_helper

    halves = {weight.name: weight for weight in model.graph.initializer if weight.data_type == TensorProto.FLOAT16}
    kept = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in halves and node.output[0] + "_half" == node.input[0]:
            weight = halves[node.input[0]]
            values = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(values, node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)

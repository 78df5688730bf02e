"""What every change of an ONNX graph needs: who reads a tensor, who writes it, and nodes in place of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx


def uses_of(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """By tensor, the nodes that read it; one more, an `Output`, where it is one of the graph's own outputs."""
    from onnx import NodeProto

    found: dict[str, list[Any]] = defaultdict(list)
    for node in graph.node:
        for value in node.input:
            found[value].append(node)
    for value in graph.output:
        found[value.name].append(NodeProto(op_type="Output", name=value.name))
    return found


def makers_of(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """By tensor, the node that writes it."""
    return {value: node for node in graph.node for value in node.output}


def shapes_of(graph: onnx.GraphProto) -> dict[str, list[int]]:
    """Sizes by tensor, weights left out; what is free counts as zero."""
    values = (*graph.value_info, *graph.input, *graph.output)
    return {value.name: [int(size.dim_value) for size in value.type.tensor_type.shape.dim] for value in values}


def without_unread(nodes: Iterable[onnx.NodeProto], graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that lead to a graph's outputs, in order."""
    wanted, kept = {value.name for value in graph.output}, []
    for node in reversed(list(nodes)):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def replace(
    graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto], constants: Iterable[onnx.TensorProto] = ()
) -> None:
    """Puts nodes in place of a graph's, and drops constants that none of them reads and types of what is gone.

    Args:
        graph: is changed in place.
        nodes: all that it is to have, in order.
        constants: that it is to have beside its own.
    """
    nodes, constants = list(nodes), [*graph.initializer, *constants]
    read = {value for node in nodes for value in node.input}
    made = {value for node in nodes for value in node.output}
    # Constants have types too: the FP16 converter looks there for what its FP32 nodes read.
    known = [value for value in graph.value_info if value.name in read | made]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(entry for entry in constants if entry.name in read - made)
    graph.value_info.extend(known)

"""Offsets and masks that one layer predicts together: which tensor holds both, for the plugin to take whole.

Such a layer's output is cut into offsets and masks, and the masks go through a sigmoid. The plugin does all of that as
it reads: three nodes less for TensorRT to launch at every deformable convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx


def predicted_together(
    offset: str,
    mask: str,
    samples: int,
    makers: Mapping[str, onnx.NodeProto],
    constants: Mapping[str, onnx.TensorProto],
) -> str:
    """Name the tensor that holds 2 x `samples` channels of offsets and then `samples` of masks before their sigmoid.

    Args:
        offset, mask: tensors that a deformable convolution takes.
        samples: taps times offset groups.
        makers: by tensor, the node that writes it.
        constants: of the graph, by name.

    Returns:
        The tensor, or nothing where offsets and masks are made otherwise.
    """
    gate = makers.get(mask)
    if gate is None or gate.op_type != "Sigmoid":
        return ""
    first = _channels(makers.get(offset), constants)
    second = _channels(makers.get(gate.input[0]), constants)
    if first is None or second is None or first[0] != second[0]:
        return ""
    source, begin, end = first
    maker = makers.get(source)
    if maker is None or maker.op_type != "Conv" or maker.input[1] not in constants:
        return ""
    together = (begin, end, second[1]) == (0, 2 * samples, 2 * samples)
    whole = constants[maker.input[1]].dims[0] == 3 * samples <= second[2]
    return source if together and whole else ""


def _channels(node: onnx.NodeProto | None, constants: Mapping[str, onnx.TensorProto]) -> tuple[str, int, int] | None:
    """A tensor and the span of channels that a Slice takes of it; None for any other node."""
    from onnx import numpy_helper

    if node is None or node.op_type != "Slice" or not all(name in constants for name in node.input[1:]):
        return None
    starts, ends, *rest = (numpy_helper.to_array(constants[name]) for name in node.input[1:])
    axes = rest[0] if rest else np.arange(len(starts))
    steps = rest[1] if len(rest) > 1 else np.ones_like(starts)
    if axes.tolist() != [1] or steps.tolist() != [1]:
        return None
    return node.input[0], int(starts[0]), int(ends[0])

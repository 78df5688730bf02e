"""PyTorch networks as portable ONNX graphs.

With `restore`, the way back, the only module of this package that needs torch. The graphs hold standard operators
alone, DeformConv among them (opset 19 and newer), and take any number of plates.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.geometry import HR_SIZE, READ_SIZE
from lpsr_export.graph.graphs import quiet, save_graph
from lpsr_export.graph.rearranging import rearrange

if TYPE_CHECKING:
    import onnx
    import torch
    from torch import nn

_OPSET = 20
"""DeformConv needs 19; ONNX Runtime has kernels for 19 and 22, and 20 uses the former."""


def export(network: nn.Module, role: Role, path: Path) -> onnx.ModelProto:
    """Writes a network as an ONNX graph.

    Args:
        network: in evaluation mode, on the CPU.
        role: fixes the names and shapes of input and output.
        path: the file; written whole or not at all.

    Returns:
        The graph.
    """
    import onnx
    import torch
    from onnxscript import opset20 as op

    import lpsr_train.networks.deform  # noqa: F401  (registers the operator)

    def deform_conv(x, weight, offset, mask, bias, stride: int, padding: int, dilation: int):  # type: ignore[no-untyped-def]
        return op.DeformConv(
            x,
            weight,
            offset,
            bias,
            mask,
            strides=[stride, stride],
            pads=[padding] * 4,
            dilations=[dilation, dilation],
            kernel_shape=list(weight.shape[2:]),
        )

    contract = CONTRACTS[role]
    example = torch.rand(2, *contract.input_shape)
    axes = {0: torch.export.Dim("plates", min=1, max=4096)}
    if role == "reader" and network.config.fine:  # type: ignore[union-attr]
        axes[2] = torch.export.Dim("height", min=HR_SIZE[1], max=READ_SIZE[1])
        axes[3] = torch.export.Dim("width", min=HR_SIZE[0], max=READ_SIZE[0])
    plain = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    translations = {torch.ops.lpsr.deform_conv2d.default: deform_conv}
    model = converted(plain, example, contract.input, contract.output, axes, translations)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "plates"
    rearrange(model)
    onnx.checker.check_model(model, full_check=True)
    save_graph(model, path)
    return model


def run_torch(network: nn.Module, batch: NDArray[np.float32], size: int = 64) -> NDArray[np.float32]:
    """What the network itself makes of a batch, `size` at a time: the reference of every check."""
    import torch

    network.eval()
    parts = (torch.from_numpy(batch[start : start + size]) for start in range(0, len(batch), size))
    with torch.no_grad():
        result: NDArray[np.float32] = torch.cat([network(part) for part in parts]).numpy()
    return result


def converted(
    network: nn.Module,
    example: torch.Tensor,
    takes: str,
    gives: str,
    axes: dict[int, Any],
    translations: dict[Any, Any] | None = None,
) -> onnx.ModelProto:
    """A network as a graph.

    Args:
        network: in evaluation mode.
        example: of its input.
        takes, gives: names of input and output.
        axes: of the input that are free.
        translations: of operators that PyTorch's exporter does not know.
    """
    import torch

    with quiet("torch.onnx"):  # the exporter reports its own progress in many lines, none of them for the user
        program: Any = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[takes],
            output_names=[gives],
            dynamic_shapes=(axes,),
            custom_translation_table=translations,
            verbose=False,
        )
    model: onnx.ModelProto = program.model_proto
    # Notes of the exporter name files of the machine that exported; they help nobody.
    model.graph.doc_string = ""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    return model

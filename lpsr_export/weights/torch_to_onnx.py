"""PyTorch networks as portable ONNX graphs.

With `restoring`, the way back, the only module of this package that needs torch. The graphs hold standard operators
alone, DeformConv among them (opset 19 and newer), and take any number of plates.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import MissingExtraError
from lpsr_core.geometry import HR_SIZE, READ_SIZE
from lpsr_export.graph.graphs import save_graph
from lpsr_export.graph.rearranging import rearrange

if TYPE_CHECKING:
    import onnx
    from torch import nn

OPSET = 20
"""DeformConv needs 19; ONNX Runtime has kernels for 19 and 22, and 20 uses the former."""


def export(network: nn.Module, role: Role, path: Path) -> onnx.ModelProto:
    """Writes a network as an ONNX graph.

    Args:
        network: in evaluation mode, on the CPU.
        role: fixes the names and shapes of input and output.
        path: the file; written whole or not at all.

    Returns:
        The graph.

    Raises:
        MissingExtraError: torch, onnx or onnxscript is not installed.
    """
    try:
        import onnx
        import torch
        from onnxscript import opset20 as op

        import lpsr_train.networks.deform  # noqa: F401  (registers the operator)
    except ImportError as error:
        raise MissingExtraError(error.name or "PyTorch", "train") from None

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
        axes |= {
            axis: torch.export.Dim(name, min=small, max=large)
            for axis, name, small, large in (
                (2, "height", HR_SIZE[1], READ_SIZE[1]),
                (3, "width", HR_SIZE[0], READ_SIZE[0]),
            )
        }
    plain = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with quiet():
        program: Any = torch.onnx.export(
            plain,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[contract.input],
            output_names=[contract.output],
            dynamic_shapes=(axes,),
            custom_translation_table={torch.ops.lpsr.deform_conv2d.default: deform_conv},
            verbose=False,
        )
    model: onnx.ModelProto = program.model_proto
    _name_batch(model)
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


def _name_batch(model: onnx.ModelProto) -> None:
    """Calls the free dimension the same in input and output."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "plates"
    tidy(model)


def tidy(model: onnx.ModelProto) -> None:
    """Takes the exporter's notes out of a graph."""
    # Notes of the exporter name files of the machine that exported; they help nobody.
    model.graph.doc_string = ""
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]


@contextlib.contextmanager
def quiet():  # type: ignore[no-untyped-def]
    """The exporter reports its own progress in many lines, none of them for the user."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield

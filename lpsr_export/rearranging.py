"""PixelShuffle and PixelUnshuffle as moves of one axis at a time.

Runtimes move one axis past others by copying rows or interleaving them, and fall back to a copy of single values
through six axes otherwise: two moves take ONNX Runtime less than half the time of DepthToSpace, of which `lite` has a
dozen.
"""

from __future__ import annotations

from typing import Any


def translations() -> dict[Any, Any]:
    """What the exporter makes of the two operators; x is [N, C, H, W] with all but N fixed.

    Raises:
        ImportError: PyTorch or onnxscript is not installed.
    """
    import torch
    from onnxscript import opset20 as op

    def shape(*sizes: int):  # type: ignore[no-untyped-def]
        return op.Constant(value_ints=list(sizes))

    def shuffle(x, factor: int):  # type: ignore[no-untyped-def]
        _, channels, height, width = x.shape
        rows = channels // factor
        x = op.Transpose(op.Reshape(x, shape(-1, rows, factor, height * width)), perm=[0, 1, 3, 2])
        x = op.Transpose(op.Reshape(x, shape(-1, factor, height, width * factor)), perm=[0, 2, 1, 3])
        return op.Reshape(x, shape(-1, rows // factor, height * factor, width * factor))

    def unshuffle(x, factor: int):  # type: ignore[no-untyped-def]
        _, channels, height, width = x.shape
        height, width = height // factor, width // factor
        x = op.Transpose(op.Reshape(x, shape(-1, height, factor, width * factor)), perm=[0, 2, 1, 3])
        x = op.Transpose(op.Reshape(x, shape(-1, channels * factor, height * width, factor)), perm=[0, 1, 3, 2])
        return op.Reshape(x, shape(-1, channels * factor**2, height, width))

    return {torch.ops.aten.pixel_shuffle.default: shuffle, torch.ops.aten.pixel_unshuffle.default: unshuffle}

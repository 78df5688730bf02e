"""Modulated deformable convolution (DCNv2) in plain PyTorch, exportable as the ONNX operator DeformConv.

Zhu et al., "Deformable ConvNets v2" (2019), with the tensor layout of ONNX DeformConv-19 and torchvision: the
offsets of tap k are channels 2k (vertical) and 2k + 1 (horizontal), one mask channel a tap.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def deform_conv2d(
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Convolution whose taps are displaced and weighted at every output pixel.

    Sampling coordinates and the bilinear blend are float32 whatever the autocast type, since half precision moves
    samples by visible fractions of a pixel; the product with the weights follows autocast.

    Args:
        x: [N, C, H, W].
        weight: [Co, C, kh, kw].
        offset: [N, 2 * kh * kw, Ho, Wo], in pixels of `x`.
        mask: [N, kh * kw, Ho, Wo], the weight of every tap.
        bias: [Co] or None.
        stride, padding, dilation: as in an ordinary convolution; samples outside `x` are zero.

    Returns:
        [N, Co, Ho, Wo].
    """
    batch, channels, height, width = x.shape
    out_channels, _, kernel_h, kernel_w = weight.shape
    taps = kernel_h * kernel_w
    out_h, out_w = offset.shape[-2:]
    pixels = out_h * out_w

    shift = offset.float().reshape(batch, taps, 2, out_h, out_w)
    tap = torch.arange(taps, device=x.device)
    base_y = (torch.arange(out_h, device=x.device) * stride - padding).view(1, 1, out_h, 1)
    base_x = (torch.arange(out_w, device=x.device) * stride - padding).view(1, 1, 1, out_w)
    y = shift[:, :, 0] + base_y + (tap // kernel_w * dilation).view(1, taps, 1, 1)
    z = shift[:, :, 1] + base_x + (tap % kernel_w * dilation).view(1, taps, 1, 1)
    # grid_sample wants -1..1 between the outer edges of the picture, x first.
    grid = torch.stack([(2 * z + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    grid = grid.reshape(batch, taps * out_h, out_w, 2)
    # Planes, not channels last: the product below wants them so, and reordering the samples is nine times the work.
    planes = x.float().contiguous(memory_format=torch.contiguous_format)
    samples = F.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    # Blended values lose nothing by being as coarse as every other activation; coordinates would.
    samples = samples.reshape(batch, channels, taps, pixels).to(mask.dtype) * mask.reshape(batch, 1, taps, pixels)
    # One product a plate: a single broadcast one would transpose all samples first.
    kernels = weight.reshape(1, out_channels, channels * taps).expand(batch, -1, -1)
    result = torch.bmm(kernels, samples.reshape(batch, channels * taps, pixels))
    if bias is not None:
        result = result + bias.view(1, -1, 1)
    return result.reshape(batch, out_channels, out_h, out_w)


@torch.library.custom_op("lpsr::deform_conv2d", mutates_args=())
def deform_conv2d_op(
    x: Tensor, weight: Tensor, offset: Tensor, mask: Tensor, bias: Tensor, stride: int, padding: int, dilation: int
) -> Tensor:
    """`deform_conv2d` as one node of an exported graph."""
    return deform_conv2d(x, weight, offset, mask, bias, stride, padding, dilation)


@deform_conv2d_op.register_fake
def _(
    x: Tensor, weight: Tensor, offset: Tensor, mask: Tensor, bias: Tensor, stride: int, padding: int, dilation: int
) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0], *offset.shape[-2:])


class DeformConv2d(nn.Module):
    """A deformable convolution of 3x3 taps that predicts its own offsets and masks.

    Starts as an ordinary convolution: zero offsets, and masks of sigmoid(0) = 0.5 as in the authors' code.
    """

    taps, padding = 9, 1

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        plain = nn.Conv2d(in_channels, out_channels, 3)  # for its initialisation
        self.weight = nn.Parameter(plain.weight.detach().clone())
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.offset_mask = nn.Conv2d(in_channels, 3 * self.taps, 3, stride, self.padding)
        nn.init.zeros_(self.offset_mask.weight)
        assert self.offset_mask.bias is not None
        nn.init.zeros_(self.offset_mask.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, Co, H / stride, W / stride]."""
        field = self.offset_mask(x)
        offset, mask = field[:, : 2 * self.taps], torch.sigmoid(field[:, 2 * self.taps :])
        if torch.compiler.is_exporting():
            exported: Tensor = deform_conv2d_op(x, self.weight, offset, mask, self.bias, self.stride, self.padding, 1)
            return exported
        return deform_conv2d(x, self.weight, offset, mask, self.bias, self.stride, self.padding)

"""PLTFAM, the pixel-level three-fold attention module, whose one instance every block of the generator shares.

Nascimento et al. (2023) introduced it; section III-B of the paper shares its weights and puts deformable
convolutions in its Channel and Positional units in place of depthwise ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lpsr_train.networks.deform import DeformConv2d


def depthwise_separable(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    """A depthwise convolution followed by a pointwise one, at the same size or a fraction of it."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, kernel_size, stride, padding=kernel_size // 2, groups=in_channels),
        nn.Conv2d(in_channels, out_channels, 1),
    )


class GeometricalPerceptionUnit(nn.Module):
    """Gates from the row means, the column means and the pixels themselves."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.across = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.down = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.pixel = nn.Conv2d(channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, Co, H, W] in 0..1."""
        across = torch.sigmoid(self.across(x.mean(dim=2, keepdim=True)))
        down = torch.sigmoid(self.down(x.mean(dim=3, keepdim=True)))
        return across * down * torch.sigmoid(self.pixel(x))


class ThreeFoldAttention(nn.Module):
    """PLTFAM: multiplies its input by a learnt gate of the same shape.

    Args:
        channels: of the input.
        width: channels inside the module.
        deformable: deformable convolutions in the Channel and Positional units (the paper's ArchMod), or
            depthwise separable ones as in the network it builds on (PLNET).
        stride: 2 finds the gate at half resolution and rearranges channels into its pixels; deformable convolutions
            then cost a quarter.
    """

    def __init__(self, channels: int, width: int, deformable: bool = True, stride: int = 1) -> None:
        super().__init__()

        def convolution(in_channels: int, out_channels: int) -> nn.Module:
            if deformable:
                return DeformConv2d(in_channels, out_channels)
            return depthwise_separable(in_channels, out_channels, 3)

        self.entry = nn.Sequential(depthwise_separable(channels, width, 3, stride), nn.ReLU())
        self.geometry = GeometricalPerceptionUnit(width, 2 * width)
        self.average, self.maximum = nn.AvgPool2d(2), nn.MaxPool2d(2)
        self.positional = nn.Sequential(
            convolution(2 * width, 4 * width), nn.PixelShuffle(2), convolution(width, 2 * width)
        )
        self.channel = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1, groups=width),
            nn.PixelUnshuffle(2),
            convolution(8 * width, 8 * width),
            nn.PixelShuffle(2),
            convolution(2 * width, width),
        )
        self.exit = nn.Sequential(
            depthwise_separable(2 * width, stride * stride * channels, 3),
            nn.PixelShuffle(stride) if stride > 1 else nn.Identity(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]; H and W multiples of twice the stride."""
        inner = self.entry(x)
        channel = torch.cat([self.channel(inner), inner], dim=1)
        positional = self.positional(torch.cat([self.average(inner), self.maximum(inner)], dim=1))
        return x * torch.sigmoid(self.exit((channel + positional) * self.geometry(inner)))

"""What lies around: a small U at half and quarter resolution, where channels are cheap."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation where it is wanted, added to their input."""

    def __init__(self, channels: int, norm: bool) -> None:
        super().__init__()

        def normed() -> nn.Module:
            return nn.BatchNorm2d(channels) if norm else nn.Identity()

        self.first = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=not norm), normed())
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=not norm), normed())

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        return x + self.second(F.relu(self.first(x)))


class ShrinkingConv(nn.Conv2d):
    """PixelUnshuffle(2) and a 1x1 convolution in one, with the weights of the latter.

    It is a 2x2 convolution with stride two, which runtimes do a fifth faster than rearranging pixels first.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(4 * channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, Co, H / 2, W / 2]."""
        out_channels, channels, _, _ = self.weight.shape
        return F.conv2d(x, self.weight.reshape(out_channels, channels // 4, 2, 2), self.bias, stride=2)


class Context(nn.Module):
    """Rearranges 2x2 pixels into channels, works there, goes down again while widths are left, and comes back.

    Every pixel's parameters cost a quarter of what they do one level above, and see twice as far. The module starts
    as the identity, so that a trained network can be given one.

    Args:
        channels: of the input.
        widths: channels of each level below it.
        norm: batch normalisation in the residual blocks.
    """

    starts_as_identity = True

    def __init__(self, channels: int, widths: Sequence[int], norm: bool = False) -> None:
        super().__init__()
        width, *rest = widths
        # Named as when the pixels were rearranged by a module of its own.
        self.down = nn.Sequential(nn.Identity(), ShrinkingConv(channels, width), nn.ReLU())
        self.before = ResidualBlock(width, norm)
        self.below = nn.Sequential(Context(width, rest, norm), ResidualBlock(width, norm)) if rest else nn.Identity()
        self.up = nn.Sequential(nn.Conv2d(width, 4 * channels, 1), nn.PixelShuffle(2))
        nn.init.zeros_(self.up[0].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.up[0].bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape; H and W multiples of two to the number of levels."""
        return x + self.up(self.below(self.before(self.down(x))))

"""The locator's network: where plates are in a picture, and their four corners.

A plate is a peak of a heatmap (Zhou, Wang and Krähenbühl, "Objects as Points", 2019), found on a grid of eight pixels
from features of strides 8 to 32 that are joined from the coarse to the fine. Its corners are told from every cell near
its middle, as offsets in units of a size that is told along, so that small and large plates weigh alike.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lpsr_core.grid import GRID_STRIDE

LEVEL = 0.45
"""Of a picture in 0..1, subtracted so that the first layer sees values about zero."""
_LARGEST = 5.5
"""Of the logarithm of a plate's size in cells, so that no half-precision engine overflows."""
_STEM, _CHANNELS, _BLOCKS = 24, (40, 64, 96), (2, 3, 3)
"""Channels at stride 4, then at strides 8, 16 and 32, and residual blocks at each of these."""


class LocatorNet(nn.Module):
    """Pictures to a grid of scores and corners.

    Attributes:
        level: what is subtracted from pictures; 0 where the first layer does it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.level = LEVEL
        fine, middle, coarse = _CHANNELS
        self.stem = nn.Sequential(nn.Conv2d(3, _STEM, 4, stride=4, bias=False), *_after(_STEM))
        self.fine = _stage(_STEM, fine, _BLOCKS[0])
        self.middle = _stage(fine, middle, _BLOCKS[1])
        self.coarse = _stage(middle, coarse, _BLOCKS[2])
        self.to_middle = nn.Conv2d(coarse, middle, 1)
        self.join_middle = _Block(middle)
        self.to_fine = nn.Conv2d(middle, fine, 1)
        self.join_fine = _Block(fine)
        self.head = nn.Sequential(_Block(fine), nn.Conv2d(fine, 10, 1))
        last = self.head[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        last.bias.data[0] = -4.6  # one cell in a hundred at first, or the empty ones would drown the others

    def forward(self, picture: Tensor) -> Tensor:
        """The grid of a picture.

        Args:
            picture: float32[N, 3, H, W] in 0..1, H and W multiples of 32.

        Returns:
            float32[N, 9, H / 8, W / 8]: the logit of a plate's middle lying here, and its corners as x, y from the
            cell's middle in pixels, clockwise from the top left.
        """
        return self.place(self.raw(picture))

    def raw(self, picture: Tensor) -> Tensor:
        """float32[N, 10, H / 8, W / 8]: the logit, the logarithm of the plate's size in cells, and its corners in
        units of that size."""
        fine = self.fine(self.stem(picture - self.level if self.level else picture))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.join_middle(middle + _twice(self.to_middle(coarse)))
        joined: Tensor = self.head(self.join_fine(fine + _twice(self.to_fine(middle))))
        return joined

    @staticmethod
    def place(raw: Tensor) -> Tensor:
        """The grid with corners in pixels."""
        size = GRID_STRIDE * torch.exp(raw[:, 1:2].clamp(-2.0, _LARGEST))
        return torch.cat([raw[:, :1], raw[:, 2:] * size], dim=1)


class _Block(nn.Module):
    """A residual block through half as many channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.body = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False),
            *_after(inner),
            nn.Conv2d(inner, inner, 3, padding=1, bias=False),
            *_after(inner),
            nn.Conv2d(inner, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


def _after(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels), nn.ReLU()


def _stage(before: int, channels: int, blocks: int) -> nn.Sequential:
    down = nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(down, *_after(channels), *(_Block(channels) for _ in range(blocks)))


def _twice(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")

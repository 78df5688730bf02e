"""Crops of many sizes on one canvas, and what of them the generator is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lpsr_core.geometry import LR_SIZE
from lpsr_train.degradation import linear

Way = Callable[[Tensor, Tensor, int, int], Tensor]
"""Of resizing, see `linear`."""


@dataclass(frozen=True)
class CropBatch:
    """Crops of plates, each at the upper left of its canvas.

    Attributes:
        pixels: float32[N, 3, H, W], RGB in 0..255; zero beside the crops.
        heights, widths: int64[N], of the crops.
    """

    pixels: Tensor
    heights: Tensor
    widths: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, chosen: Tensor) -> CropBatch:
        """Some of them, by indices or by a mask."""
        return CropBatch(self.pixels[chosen], self.heights[chosen], self.widths[chosen])

    @property
    def inside(self) -> Tensor:
        """bool[N, 1, H, W]: where the crops are."""
        rows, columns = (torch.arange(side, device=self.pixels.device) for side in self.pixels.shape[2:])
        down, across = rows < self.heights.view(-1, 1), columns < self.widths.view(-1, 1)
        return (down.unsqueeze(2) & across.unsqueeze(1)).unsqueeze(1)

    @property
    def luma(self) -> CropBatch:
        """BT.601's, float32[N, 1, H, W]."""
        weights = torch.tensor([0.299, 0.587, 0.114], device=self.pixels.device).view(1, 3, 1, 1)
        return replace(self, pixels=(self.pixels * weights).sum(dim=1, keepdim=True))

    def repeated(self, height: int, width: int) -> Tensor:
        """float32[N, C, height, width] whose edges go on beside the crops, on a canvas at most as large."""
        sides = ((height, self.heights), (width, self.widths))
        device = self.pixels.device
        rows, columns = (torch.minimum(torch.arange(n, device=device), (size - 1).view(-1, 1)) for n, size in sides)
        return linear.picked(self.pixels, rows, columns)

    def whole_numbers(self) -> CropBatch:
        """As a file or a display holds them: within 0..255 and rounded, zero beside the crops."""
        return replace(self, pixels=self.pixels.clamp(0, 255).round() * self.inside)

    def blurred(self, sigmas: Tensor) -> CropBatch:
        """By Gaussians of these standard deviations, float32[N], in pixels."""
        height, width = self.pixels.shape[2:]
        down = linear.gaussian(self.heights, sigmas, height)
        across = linear.gaussian(self.widths, sigmas, width)
        return replace(self, pixels=linear.apply(self.pixels, down, across))

    def resized(self, way: Way, heights: Tensor, widths: Tensor, canvas: Sequence[int]) -> CropBatch:
        """By `linear.area`, which makes smaller, or `linear.cubic`, on a canvas of that height and width."""
        height, width = self.pixels.shape[2:]
        down = way(self.heights, heights, height, canvas[0])
        across = way(self.widths, widths, width, canvas[1])
        return CropBatch(linear.apply(self.pixels, down, across), heights, widths)

    def to_lr(self) -> Tensor:
        """Resize as `lpsr_core.geometry.to_lr` does: uint8[N, 3, 16, 48], filled by each crop."""
        across, down = LR_SIZE
        maps = []
        for sizes, canvas, size in (
            (self.heights, self.pixels.shape[2], down),
            (self.widths, self.pixels.shape[3], across),
        ):
            wanted = torch.full_like(sizes, size)
            averaging = linear.area(sizes, wanted, canvas, size)
            interpolating = linear.cubic(sizes, wanted, canvas, size)
            maps.append(torch.where((sizes > 2 * size).view(-1, 1, 1), averaging, interpolating))
        return linear.apply(self.pixels, *maps).clamp(0, 255).round().to(torch.uint8)

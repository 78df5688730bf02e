"""SSIM of crops of many sizes, as `lpsr_core.metrics.ssim` with the authors' `data_range=1`.

In double precision: with constants that vanish, flat areas are decided by variances of a thousandth of a grey level,
which are differences of squares.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lpsr_train.degradation import linear
from lpsr_train.degradation.crops import CropBatch

_C1, _C2 = 0.01**2, 0.03**2
_SIGMA, _REACH = 1.5, 5
"""Of the window of eleven pixels around each."""


class Similarity:
    """SSIM of pictures of one channel in 0..255 against the same sharp ones, whose moments are computed once."""

    def __init__(self, luma: CropBatch) -> None:
        self._inside = luma.inside
        self._rows, self._columns = (
            _mirrored(sizes, canvas)
            for sizes, canvas in zip((luma.heights, luma.widths), luma.pixels.shape[2:], strict=True)
        )
        steps = torch.arange(-_REACH, _REACH + 1, device=luma.pixels.device).double()
        profile = torch.exp(-0.5 * (steps / _SIGMA).square())
        self._profile = profile / profile.sum()
        self._values = luma.pixels.double()
        self._mean = self._local(self._values)
        self._variance = self._local(self._values.square()) - self._mean.square()

    def to(self, other: CropBatch) -> Tensor:
        """float32[N], the mean SSIM of each with its sharp one."""
        values = other.pixels.double()
        mean = self._local(values)
        variance = self._local(values.square()) - mean.square()
        covariance = self._local(values * self._values) - mean * self._mean
        numerator = (2 * mean * self._mean + _C1) * (2 * covariance + _C2)
        denominator = (mean.square() + self._mean.square() + _C1) * (variance + self._variance + _C2)
        alike = (numerator / denominator * self._inside).sum(dim=(1, 2, 3)) / self._inside.sum(dim=(1, 2, 3))
        return alike.float()

    def _local(self, values: Tensor) -> Tensor:
        """Means of the window around each pixel, the picture mirrored at its outermost pixels."""
        around = linear.picked(values, self._rows, self._columns)
        down = F.conv2d(around, self._profile.view(1, 1, -1, 1))
        return F.conv2d(down, self._profile.view(1, 1, 1, -1))


def _mirrored(sizes: Tensor, canvas: int) -> Tensor:
    """int64[N, canvas + 10]: which pixel lies where, from five before the first one on."""
    place, last = torch.arange(-_REACH, canvas + _REACH, device=sizes.device).abs(), (sizes - 1).view(-1, 1)
    return torch.where(place > last, 2 * last - place, place).clamp(min=0)

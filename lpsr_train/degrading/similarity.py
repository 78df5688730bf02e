"""SSIM of crops of many sizes, as `lpsr_core.metrics.ssim` with the authors' `data_range=1`."""

from __future__ import annotations

import torch
from torch import Tensor

from lpsr_train.degrading import linear
from lpsr_train.degrading.crops import CropBatch

_C1, _C2 = 0.01**2, 0.03**2
_REACH = 5
"""Of the window of eleven pixels around each."""


class Similarity:
    """SSIM of pictures against the same sharp ones; their local moments are computed once.

    Args:
        luma: one channel, in 0..255.
    """

    def __init__(self, luma: CropBatch) -> None:
        self._luma = luma
        height, width = luma.pixels.shape[2:]
        # Gaussian windows, mirrored at the edges: narrow bands of one matrix a side.
        self._down, self._across = (
            _window(sizes, canvas) for sizes, canvas in ((luma.heights, height), (luma.widths, width))
        )
        # Variances are differences of squares; of values around zero they lose less.
        self._centre = luma.pixels.sum(dim=(1, 2, 3), keepdim=True) / luma.inside.sum(dim=(1, 2, 3), keepdim=True)
        self._values = self._centred(luma)
        self._mean = self._local(self._values)
        self._variance = self._local(self._values.square()) - self._mean.square()

    def to(self, other: CropBatch) -> Tensor:
        """float32[N], the mean SSIM of each with its sharp one."""
        values = self._centred(other)
        mean = self._local(values)
        variance = self._local(values.square()) - mean.square()
        covariance = self._local(values * self._values) - mean * self._mean
        first, second = mean + self._centre, self._mean + self._centre
        numerator = (2 * first * second + _C1) * (2 * covariance + _C2)
        denominator = (first.square() + second.square() + _C1) * (variance + self._variance + _C2)
        inside = self._luma.inside
        return (numerator / denominator * inside).sum(dim=(1, 2, 3)) / inside.sum(dim=(1, 2, 3))

    def _centred(self, luma: CropBatch) -> Tensor:
        return (luma.pixels - self._centre) * self._luma.inside

    def _local(self, values: Tensor) -> Tensor:
        return linear.apply(values, self._down, self._across)


def _window(sizes: Tensor, canvas: int) -> Tensor:
    """The Gaussian of sigma 1.5 cut off at eleven pixels, as a matrix."""
    return linear.gaussian(sizes, torch.full((len(sizes),), 1.5, device=sizes.device), canvas, _REACH)

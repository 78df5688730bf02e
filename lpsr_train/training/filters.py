"""Small fixed filters of pictures, with gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def smoothed(picture: Tensor, taps: Sequence[float] = (1, 2, 1)) -> Tensor:
    """A picture weighted with its neighbours, both ways; edges are repeated.

    Args:
        picture: float[N, C, H, W].
        taps: an odd number of weights; 1-2-1 leaves nothing of what alternates from pixel to pixel.

    Returns:
        The same shape.
    """
    weights = torch.tensor(taps, device=picture.device, dtype=picture.dtype)
    weights = weights / weights.sum()
    kernel = torch.outer(weights, weights).expand(picture.shape[1], 1, -1, -1)
    reach = len(taps) // 2
    return F.conv2d(F.pad(picture, (reach,) * 4, mode="replicate"), kernel, groups=picture.shape[1])

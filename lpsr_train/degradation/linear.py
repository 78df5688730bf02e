"""Resizing and blurring as matrices, one a plate: plates of different sizes go through one product.

A picture of h x w pixels lies at the upper left of a larger canvas. Rows and columns of a matrix that belong to no
pixel are zero, so what lies beside the picture neither counts nor is written to.
"""

from __future__ import annotations

import torch
from torch import Tensor


def apply(pictures: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """The same separable map on all channels of a picture.

    Args:
        pictures: float32[N, C, H, W].
        down: float32[N, Ho, H].
        across: float32[N, Wo, W].

    Returns:
        float32[N, C, Ho, Wo].
    """
    return down.unsqueeze(1) @ pictures @ across.transpose(1, 2).unsqueeze(1)


def picked(pictures: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Rows and columns of pictures, others of each; any of them may come more than once.

    Args:
        pictures: [N, C, H, W].
        rows: int64[N, Ho].
        columns: int64[N, Wo].

    Returns:
        [N, C, Ho, Wo].
    """
    plates = torch.arange(len(pictures), device=pictures.device).view(-1, 1, 1)
    found = pictures.permute(0, 2, 3, 1)[plates, rows.unsqueeze(2), columns.unsqueeze(1)]
    return found.permute(0, 3, 1, 2)


def gaussian(sizes: Tensor, sigmas: Tensor, canvas: int) -> Tensor:
    """Gaussian blur with the picture mirrored at its outermost pixels, as OpenCV's default border does.

    Args:
        sizes: int64[N], pixels along this side, at least 2.
        sigmas: float32[N], standard deviations in pixels, at most a side; 0 leaves a picture as it is.
        canvas: pixels of the canvas along this side.

    Returns:
        float32[N, canvas, canvas]; rows sum to one.
    """
    n = sizes.view(-1, 1, 1)
    place = torch.arange(canvas, device=sizes.device)
    out, source = place.view(1, -1, 1), place.view(1, 1, -1)
    # One bell a plate, looked up by the distance: a hundredth of the exponentials.
    far = torch.arange(4 * canvas, device=sizes.device)
    bell = torch.exp(-0.5 * (far / sigmas.clamp(min=1e-2).view(-1, 1)).square())
    period = 2 * (n - 1)
    inner = (source > 0) & (source < n - 1)  # the outermost pixels are their own mirror images
    weights = torch.zeros(len(sizes), canvas, canvas, device=sizes.device)

    def seen(distance: Tensor) -> Tensor:
        return bell.gather(1, distance.abs().expand(len(sizes), -1, -1).flatten(1)).view(weights.shape)

    for turn in (-1, 0, 1):
        weights += seen(out - source - turn * period)
        weights += inner * seen(out + source - turn * period)
    weights = weights * ((out < n) & (source < n))
    return weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-12)


def area(sizes: Tensor, wanted: Tensor, canvas: int, out_canvas: int) -> Tensor:
    """Averaging to a smaller size, as INTER_AREA: each pixel is the mean of what it covers.

    Args:
        sizes: int64[N], pixels along this side.
        wanted: int64[N], pixels that it becomes; fewer than it has.
        canvas, out_canvas: pixels of the canvases along this side.

    Returns:
        float32[N, out_canvas, canvas].
    """
    n, m = sizes.view(-1, 1, 1), wanted.view(-1, 1, 1)
    step = n.float() / m
    out = torch.arange(out_canvas, device=sizes.device).view(1, -1, 1)
    source = torch.arange(canvas, device=sizes.device).view(1, 1, -1)
    begin, end = torch.maximum(out * step, source.float()), torch.minimum((out + 1) * step, source + 1.0)
    return (end - begin).clamp(min=0) / step * ((out < m) & (source < n))


def cubic(sizes: Tensor, wanted: Tensor, canvas: int, out_canvas: int) -> Tensor:
    """Bicubic interpolation with edges repeated, as INTER_CUBIC (a = -0.75); arguments as of `area`."""
    n, m = sizes.view(-1, 1, 1), wanted.view(-1, 1, 1)
    out = torch.arange(out_canvas, device=sizes.device).view(1, -1, 1)
    centre = (out + 0.5) * (n.float() / m) - 0.5
    base = centre.floor()
    taps = base + torch.arange(-1, 3, device=sizes.device)  # [N, out_canvas, 4]
    place = torch.minimum(taps.clamp(min=0).long(), n - 1)
    weight = _cubic_kernel((centre - taps).abs()) * (out < m)
    weights = torch.zeros(len(sizes), out_canvas, canvas, device=sizes.device)
    return weights.scatter_add_(2, place.clamp(0, canvas - 1), weight)


def _cubic_kernel(d: Tensor) -> Tensor:
    a = -0.75
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))

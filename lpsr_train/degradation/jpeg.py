"""Baseline JPEG with 4:2:0 chroma, compressed and decoded, on tensors: each picture at a quality of its own.

Tables and their scaling by quality are those of Annex K of ITU-T T.81 and of the Independent JPEG Group's library,
which OpenCV uses; chroma is averaged on the way down and interpolated on the way up, as that library does.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def jpeg(pictures: Tensor, qualities: Tensor) -> Tensor:
    """What is left of pictures after compression.

    Args:
        pictures: float32[N, 3, H, W], whole numbers of 0..255, RGB; H and W multiples of 16.
        qualities: int64[N], 1..100.

    Returns:
        float32[N, 3, H, W], whole numbers of 0..255.
    """
    ycc = _mix(pictures - 128, _TO_YCC).round()  # which centres luma; chroma is centred already
    luma = _blocks_rounded(ycc[:, :1], _table(_LUMA, qualities))
    chroma = _blocks_rounded(F.avg_pool2d(ycc[:, 1:], 2).round(), _table(_CHROMA, qualities))
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False).round()
    found = _mix(torch.cat([luma, chroma], dim=1), _TO_RGB) + 128
    return found.round().clamp(0, 255)


def _mix(pictures: Tensor, rows: tuple[tuple[float, ...], ...]) -> Tensor:
    matrix = torch.tensor(rows, device=pictures.device)
    return torch.einsum("oc,nchw->nohw", matrix, pictures)


def _table(values: tuple[tuple[int, ...], ...], qualities: Tensor) -> Tensor:
    """float32[N, 8, 8]: how coarse each coefficient is at these qualities."""
    table = torch.tensor(values, device=qualities.device)
    scale = torch.where(qualities < 50, 5000 // qualities.clamp(min=1), 200 - 2 * qualities)
    return ((table * scale.view(-1, 1, 1) + 50) // 100).clamp(1, 255).float()


def _cosines(device: torch.device) -> Tensor:
    """float32[8, 8], orthonormal: row k is the k-th cosine."""
    k, x = torch.arange(8, device=device).view(-1, 1), torch.arange(8, device=device)
    basis = torch.cos((2 * x + 1) * k * (math.pi / 16)) / 2
    basis[0] /= math.sqrt(2)
    return basis


def _blocks_rounded(planes: Tensor, table: Tensor) -> Tensor:
    """[N, C, H, W] after each 8x8 block's cosines were rounded to multiples of the table; within -128..127."""
    count, channels, height, width = planes.shape
    basis = _cosines(planes.device)
    blocks = planes.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = table.view(count, 1, 1, 1, 8, 8)
    kept = (basis @ blocks @ basis.T / steps).round() * steps
    back = (basis.T @ kept @ basis).round().clamp(-128, 127)
    return back.transpose(3, 4).reshape(planes.shape)

"""Pictures of shots on the device: which plates go through the generator, and in what other light they come again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

_STRAY = 0.35
"""Standard deviation of the logarithm of the width by which a batch is put in order: narrow crops are super-resolved
and wide ones read directly, and those between are either."""


def shot_pictures(
    fields: Mapping[str, Tensor], generator: torch.Generator | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The pictures of a batch of shots.

    Args:
        fields: of records of SHOT_RECORD, on the device.
        generator: augments when given: place and size, mean colour and contrast of each channel, and inversion.

    Returns:
        The order in which the shots come, narrow ones first; and float32 pictures in 0..1, channels last: LR
        [N, 3, 16, 48], HR [N, 3, 32, 96], and as delivered, [N, 3, 64, 192].
    """
    widths = fields["width"].float().log()
    if generator is not None:
        widths = widths + _STRAY * torch.randn(widths.shape, generator=generator, device=widths.device)
    order = widths.argsort()
    pictures = [fields[name][order].permute(0, 3, 1, 2).float().div(255) for name in ("lr", "hr", "seen")]
    if generator is not None:
        pictures = _augmented(pictures, generator)
    lr, hr, seen = (picture.contiguous(memory_format=torch.channels_last) for picture in pictures)
    return order, lr, hr, seen


def _augmented(pictures: list[Tensor], generator: torch.Generator) -> list[Tensor]:
    """The three pictures of each shot, changed alike."""
    count, device = len(pictures[0]), pictures[0].device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device)

    matrix = torch.zeros(count, 2, 3, device=device)
    matrix[:, 0, 0], matrix[:, 1, 1] = 1 + 0.04 * normal(count), 1 + 0.06 * normal(count)
    matrix[:, 0, 1], matrix[:, 1, 0] = 0.015 * normal(count), 0.03 * normal(count)
    matrix[:, 0, 2], matrix[:, 1, 2] = 0.025 * normal(count), 0.05 * normal(count)
    still = uniform(count) < 0.4  # resampling blurs, so not always
    matrix[still] = torch.eye(2, 3, device=device)
    inverted = (uniform(count, 1, 1, 1) < 0.12).float()
    tint = (0.25 * normal(count, 3, 1, 1) * (uniform(count, 1, 1, 1) < 0.4)).exp()
    bent = (0.25 * normal(count, 1, 1, 1) * (uniform(count, 1, 1, 1) < 0.4)).exp()

    def changed(picture: Tensor) -> Tensor:
        grid = F.affine_grid(matrix, list(picture.shape), align_corners=False)
        moved = F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)
        flipped = inverted * (1 - moved) + (1 - inverted) * moved
        return (flipped.clamp(1e-4, 1).pow(bent) * tint).clamp(0, 1)

    return [changed(picture) for picture in pictures]

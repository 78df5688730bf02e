"""Takes a picture's light out before a network sees it: its mean colour and its contrast."""

from __future__ import annotations

from torch import Tensor

TYPICAL = 0.22
"""Standard deviation of a plate in good light, to which every picture is brought."""
_LEAST = 1e-4
"""Variance that is added, so that a flat picture's noise is not blown up: a deviation of 2.5 grey levels."""


def standardised(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A picture without its mean colour, brought to a plate's usual contrast.

    Args:
        image: float[N, 3, H, W] in 0..1.

    Returns:
        The picture, float[N, 3, H, W] around zero; its mean colour, float[N, 3, 1, 1]; and its contrast, float[N, 1, 1,
        1], as a multiple of the usual one: `image = mean + contrast * picture`.
    """
    mean = image.mean(dim=(2, 3), keepdim=True)
    centred = image - mean
    contrast = (centred.square().mean(dim=(1, 2, 3), keepdim=True) + _LEAST).sqrt() * (1 / TYPICAL)
    return centred / contrast, mean, contrast

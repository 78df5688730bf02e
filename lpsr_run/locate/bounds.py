"""Locations that can be meant: what a broken or hostile detector answers must cost no more than a frame's worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lpsr_core.geometry import Image
from lpsr_run.locate.base import Location

_BEYOND = 1.0
"""How far a plate may reach out of the frame, as a fraction of the frame's sides."""
_AREA = 8.0
"""Area of all plates of a frame together, in areas of the frame: crops take memory."""
MOST = 2000
"""Plates of one frame."""


def sound(locations: Sequence[Location], frame: Image) -> list[Location]:
    """Keep the locations that can be plates of a frame.

    Args:
        locations: best first.
        frame: uint8[H, W, 3].

    Returns:
        Those whose corners are finite numbers, that lie in the frame with at least a part of them, reach out of it by
        no more than its own size, and whose crops together are no more than eight frames.
    """
    if not locations:
        return []
    size = np.array([frame.shape[1], frame.shape[0]], np.float64)
    corners = np.array([location.quad.corners for location in locations], np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = corners.min(axis=1), corners.max(axis=1)
        fine = np.isfinite(corners).all(axis=(1, 2)) & np.isfinite([location.score for location in locations])
        fine &= ((low >= -_BEYOND * size) & (high <= (1 + _BEYOND) * size)).all(axis=1)
        fine &= ((high > 0) & (low < size)).all(axis=1)
        areas = np.where(fine, np.prod(high - low, axis=1), 0.0)
    fine &= (np.cumsum(areas) <= _AREA * size.prod()) & (np.cumsum(fine) <= MOST)
    return [location for location, keep in zip(locations, fine.tolist(), strict=True) if keep]

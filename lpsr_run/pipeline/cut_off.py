"""Characters that the border of the frame may cut: what the networks say of them counts for little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES
from lpsr_core.geometry import Quad

_NEAR = 0.02
"""Distance from the border, in widths of the plate, from which on a plate may go on beyond it."""
_UNKNOWN = 0.85
"""Weight of a distribution that knows nothing, in one frame; frames of a track add up."""


def doubt_cut_off(log_probs: NDArray[np.float32], quad: Quad, size: tuple[int, int]) -> NDArray[np.float32]:
    """Doubt the outermost character on a side of the plate that lies at the frame's border.

    How much of the plate lies beyond cannot be seen, and half a V reads as a certain I. The character's distribution is
    mixed with one that knows nothing.

    Args:
        log_probs: float32[7, 36], of the plate.
        quad: its corners in the frame, in pixels.
        size: width and height of the frame, in pixels.

    Returns:
        float32[7, 36]; the same array where nothing is cut.
    """
    x = quad.array[:, 0]
    near = _NEAR * quad.width
    cut = [place for place, is_cut in ((0, x[[0, 3]].min() <= near), (-1, x[[1, 2]].max() >= size[0] - near)) if is_cut]
    if not cut:
        return log_probs
    mixed = log_probs.copy()
    mixed[cut] = np.logaddexp(log_probs[cut] + np.log1p(-_UNKNOWN), np.log(_UNKNOWN / CLASSES))
    return mixed

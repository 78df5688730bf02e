"""From the locator's grid to plates: peaks of the heat, and the corners that their cells tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID_STRIDE = 8
"""Pixels of the picture between cells."""


def read_grid(
    grid: NDArray[np.float32], threshold: float, most: int = 100
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the plates in the locator's output for one picture, best first.

    Args:
        grid: float32[9, h, w], as the locator's graph gives it: logit, and corners from the cell's middle in pixels.
        threshold: least score, 0..1.
        most: how many peaks are looked at.

    Returns:
        Corners float32[K, 4, 2] in pixels of the picture, clockwise from the top left, and scores float32[K].
    """
    logits = grid[0]
    padded = np.pad(logits, 1, constant_values=-np.inf)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    least = np.log(threshold / (1 - threshold))
    y, x = np.nonzero((logits >= highest) & (logits >= least))
    order = np.argsort(-logits[y, x], kind="stable")[:most]
    y, x = y[order], x[order]
    middles = (np.stack([x, y], axis=1) + 0.5) * GRID_STRIDE
    corners = grid[1:, y, x].T.reshape(-1, 4, 2) + middles[:, None]
    return corners.astype(np.float32), (1 / (1 + np.exp(-logits[y, x]))).astype(np.float32)

"""From the locator's grid to plates: peaks of the heat, and the corners that their cells tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID_STRIDE = 8
"""Pixels of the picture between cells."""
LOOK_WINDOW = (192, 128)
"""Width and height, in pixels, of what the locator's second look sees."""
LOOK_WIDTH = 96
"""Width of the plate in it, in pixels, as the first look told it."""
_AGREEING = 0.3
"""Share of a peak's score from which a neighbour's corners count."""
_AROUND = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)])


def read_grid(
    grid: NDArray[np.float32], threshold: float, most: int = 100
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the plates in the locator's output for one picture, best first.

    Corners are the mean of what the peak and its neighbours tell, weighted by their scores: the errors of single cells
    are larger.

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
    cells = np.stack([y, x], axis=1)[:, None] + _AROUND  # [K, 9, 2]
    inside = ((cells >= 0) & (cells < logits.shape)).all(axis=2)
    rows, columns = np.where(inside[..., None], cells, 0).transpose(2, 0, 1)
    weights = np.where(inside, 1 / (1 + np.exp(-logits[rows, columns])), 0)
    scores = weights[:, len(_AROUND) // 2]
    weights = weights * (weights >= _AGREEING * scores[:, None])
    middles = (np.stack([columns, rows], axis=-1) + 0.5) * GRID_STRIDE
    told = grid[1:, rows, columns].transpose(1, 2, 0).reshape(*rows.shape, 4, 2) + middles[:, :, None]
    corners = np.einsum("kn,knij->kij", weights / weights.sum(axis=1, keepdims=True), told)
    return corners.astype(np.float32), scores.astype(np.float32)

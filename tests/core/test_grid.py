"""The locator's grid: peaks become plates, best first."""

from __future__ import annotations

import numpy as np
import pytest

from lpsr_core.grid import GRID_STRIDE, read_grid


def grid(*plates: tuple[int, int, float], size: tuple[int, int] = (12, 20)) -> np.ndarray:
    """Peaks at (row, column) with a logit; every plate is 40x16 around its cell's middle."""
    made = np.zeros((9, *size), np.float32)
    made[0] = -9
    for row, column, logit in plates:
        made[0, row, column] = max(made[0, row, column], logit)
        made[1:, row, column] = [-20, -8, 20, -8, 20, 8, -20, 8]
    return made


def test_peaks_are_plates_best_first() -> None:
    corners, scores = read_grid(grid((3, 4, 1.0), (8, 15, 3.0)), 0.5)
    assert scores == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-1))])
    middle = np.array([15.5, 8.5]) * GRID_STRIDE
    assert corners[0] == pytest.approx(middle + np.array([[-20, -8], [20, -8], [20, 8], [-20, 8]]))
    assert corners.dtype == scores.dtype == np.float32


def test_what_is_below_the_threshold_or_beside_a_peak_is_none() -> None:
    made = grid((3, 4, 2.0), (3, 5, 1.5), (8, 15, -1.0))
    assert len(read_grid(made, 0.5)[1]) == 1
    assert len(read_grid(made, 0.2)[1]) == 2
    corners, scores = read_grid(grid(), 0.1)
    assert corners.shape == (0, 4, 2)
    assert scores.shape == (0,)


def test_peaks_at_the_border_count_and_no_more_than_asked_for_are_given() -> None:
    corners = read_grid(grid((0, 0, 2.0), (11, 19, 1.0), (5, 5, 0.5)), 0.3, most=2)[0]
    assert corners.mean(axis=1) == pytest.approx(np.array([[4, 4], [156, 92]]))


def test_corners_are_the_mean_of_a_peak_and_of_neighbours_that_agree() -> None:
    made = grid((3, 4, 2.0), (3, 5, 2.0), (4, 4, -3.0))
    made[1:, 3, 5] += 4 - GRID_STRIDE * np.tile([1.0, 0], 4)  # the same plate, 4 pixels to the right and below
    made[1:, 4, 4] = 1e6  # a neighbour that sees nothing may say anything
    corners = read_grid(made, 0.5)[0]
    middle = np.array([4.5, 3.5]) * GRID_STRIDE
    assert corners[0] == pytest.approx(middle + 2 + np.array([[-20, -8], [20, -8], [20, 8], [-20, 8]]))

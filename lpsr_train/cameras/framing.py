"""Which part of the scene a crop shows: boxes of detectors and of people, tight, loose, tilted, or cut off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

Choice = Literal["tilt", "margins", "cut"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
"""What can be left out, to measure what each is worth."""
RECTIFIED = 0.35
"""Fraction of crops that are rectified by corners; the others are boxes around the plate as it lies."""
CUT = 0.10
"""Fraction of crops that lose a part of the plate at the left or at the right."""


@dataclass(frozen=True)
class Framing:
    """A crop of a plate.

    Attributes:
        matrix: float64[3, 3], maps the plate (0..1 across and down) to the crop (0..1 across and down).
        ratio: width of the crop by its height, as the scene has them.
    """

    matrix: NDArray[np.float64]
    ratio: float

    def onto(self, width: float, height: float, origin: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
        """The matrix from the plate to pixels of a crop of that size whose corner lies at `origin`."""
        scale = np.array([[width, 0, origin[0]], [0, height, origin[1]], [0, 0, 1]], np.float64)
        return scale @ self.matrix


def random_framing(rng: np.random.Generator, plate_ratio: float, without: Collection[Choice] = ()) -> Framing:
    """Draw a crop of a plate of this width over height, with all but what is left out."""
    width, height = plate_ratio, 1.0  # in heights of the plate
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    rectified, cut = rng.random() < RECTIFIED, rng.random() < CUT
    angle, shear = np.deg2rad(np.clip(rng.normal(0, 4.0), -12, 12)), rng.normal(0, 0.09)
    bend = rng.normal(0, 0.02 * width, (4, 2))
    stray = rng.normal(0, [0.012 * width, 0.035], (4, 2))
    left, right = rng.uniform(-0.03, 0.14, 2) * width * (1.6 if rng.random() < 0.12 else 1.0)
    above, below = rng.uniform(-0.06, 0.3, 2) * (1.6 if rng.random() < 0.12 else 1.0)
    if "margins" in without:
        left, right, above, below = 0.0, 0.0, 0.0, 0.0
    if rectified:
        corners += stray
        inset = 0.03 * float(rng.uniform(0, 2))
        low, high = np.array([-inset * width, -inset]), np.array([(1 + inset) * width, 1 + inset])
    else:
        if "tilt" not in without:
            centre = corners.mean(axis=0)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            corners = (corners - centre) @ (turn @ np.array([[1.0, shear], [0.0, 1.0]])).T + centre + bend * [1, 0.3]
        low = corners.min(axis=0) - np.array([left, above])
        high = corners.max(axis=0) + np.array([right, below])
    if cut and "cut" not in without:
        missing = float(rng.uniform(0.03, 0.24)) * width
        if rng.random() < 0.5:
            low[0] = corners[:, 0].min() + missing
        else:
            high[0] = corners[:, 0].max() - missing
    size = high - low
    plate = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    matrix = cv2.getPerspectiveTransform(plate, ((corners - low) / size).astype(np.float32))
    return Framing(np.asarray(matrix, np.float64), float(size[0] / size[1]))


def visible(framing: Framing, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fraction of each character that lies inside the crop.

    Args:
        framing: the crop.
        boxes: float64[7, 4], left, top, right and bottom of the characters, in fractions of the plate.

    Returns:
        float64[7] in 0..1.
    """
    steps = np.linspace(0, 1, 8)
    x = boxes[:, 0:1] + (boxes[:, 2:3] - boxes[:, 0:1]) * steps
    y = boxes[:, 1:2] + (boxes[:, 3:4] - boxes[:, 1:2]) * steps
    points = np.stack(
        [np.repeat(x[:, :, None], 8, 2), np.repeat(y[:, None, :], 8, 1), np.ones((len(boxes), 8, 8))], axis=-1
    )
    mapped = points @ framing.matrix.T
    places = mapped[..., :2] / mapped[..., 2:]
    inside = ((places >= 0) & (places <= 1)).all(axis=-1)
    fraction: NDArray[np.float64] = inside.mean(axis=(1, 2))
    return fraction

"""Polygons in a frame of any size: zones and masks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image

_FAR = 100_000
"""Pixels beyond all frames."""
_NARROW = 2.0
"""Pixels below which a polygon was meant in fractions."""


@dataclass(frozen=True)
class Polygon:
    """A polygon.

    Attributes:
        points: at least three (x, y); fractions of the frame's sides when none is larger than 1, pixels otherwise.
    """

    points: tuple[tuple[float, float], ...]

    @property
    def relative(self) -> bool:
        """Whether it is given in fractions."""
        return all(max(point) <= 1 for point in self.points)

    def pixels(self, frame: Image) -> NDArray[np.float32]:
        """float32[N, 2], the corners in pixels of a frame."""
        height, width = frame.shape[:2]
        corners = np.array(self.points, np.float32)
        return corners * np.array([width, height], np.float32) if self.relative else corners

    def holds(self, frame: Image, x: float, y: float) -> bool:
        """Whether a point, in pixels of a frame, lies inside or on the edge."""
        return cv2.pointPolygonTest(self.pixels(frame), (x, y), False) >= 0

    def meets(self, frame: Image) -> bool:
        """Whether any pixel of a frame lies in it."""
        inside = np.zeros(frame.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.round(self.pixels(frame)).astype(np.int32)], 1)
        return bool(inside.any())


def parse_polygon(value: object) -> Polygon:
    """A polygon from a list of [x, y], or from numbers in one string as Frigate writes them, `x,y,x,y,x,y`.

    Raises:
        ValueError: it is something else, lies outside every frame, or has no area.
    """
    try:
        points = _pairs(value)
    except (TypeError, ValueError):
        raise ValueError("is a list of at least three [x, y], in pixels or in fractions of the frame") from None
    if any(not math.isfinite(one) or one < 0 for point in points for one in point):
        raise ValueError("has coordinates of 0 and more: pixels, or fractions of the frame")
    if max(max(point) for point in points) > _FAR:
        raise ValueError(f"has coordinates over {_FAR}; no frame is so large")
    if points[0] == points[-1]:
        points = points[:-1]
    if _crosses(points):
        raise ValueError("crosses itself; give its points in the order in which they lie around it")
    x, y = np.array(points).T
    if not abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) > 0:
        raise ValueError("has no area; its points lie on a line")
    polygon = Polygon(points)
    if not polygon.relative and min(np.ptp(x), np.ptp(y)) < _NARROW:
        raise ValueError(
            f"is {np.ptp(x):g}x{np.ptp(y):g} pixels; where a number is larger than 1 all are pixels, and fractions "
            "of the frame are at most 1"
        )
    return polygon


def _crosses(points: Sequence[tuple[float, float]]) -> bool:
    """Whether two sides of a polygon cross; sides that touch do not."""
    sides = list(zip(points, (*points[1:], points[0]), strict=True))
    return any(
        _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0
        for (a, b), (c, d) in itertools.combinations(sides, 2)
    )


def _side(begin: tuple[float, float], end: tuple[float, float], point: tuple[float, float]) -> float:
    """On which side of a line a point lies: more or less than 0."""
    (ax, ay), (bx, by), (x, y) = begin, end, point
    return float(np.sign((bx - ax) * (y - ay) - (by - ay) * (x - ax)))


def _pairs(value: object) -> tuple[tuple[float, float], ...]:
    if isinstance(value, str):
        numbers = [float(part) for part in value.split(",")]
        if len(numbers) % 2:
            raise ValueError("an odd number of coordinates")
        value = [numbers[index : index + 2] for index in range(0, len(numbers), 2)]
    if not isinstance(value, Sequence) or len(value) < 3:
        raise ValueError("fewer than three points")
    points = []
    for x, y in value:
        if isinstance(x, bool) or isinstance(y, bool):
            raise ValueError("not numbers")
        points.append((float(x), float(y)))
    return tuple(points)

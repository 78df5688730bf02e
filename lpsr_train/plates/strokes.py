"""Glyphs as stroke skeletons, and their rasterisation.

A glyph is a set of centre lines in a box whose corners are (0, 0) top left and (1, 1) bottom right. The box is
that of the ink: centre lines are inset by half a stroke, so a line along x = 0 has its ink flush with the left
edge. Strokes have a constant width and square ends; vertices may be rounded. What sticks out of the box is cut
off, which gives diagonals their horizontal ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Vertex = tuple[float, float] | tuple[float, float, float]
"""x, y and, where the corner is round, its radius as a share of the glyph's height."""


EVEN = 0.635
"""Width of every character but 1 and I as a share of its height, where a typeface gives all the same."""
_NARROW = 0.45


@dataclass(frozen=True)
class Stroke:
    """One centre line; `closed` joins its last vertex to its first."""

    vertices: tuple[Vertex, ...]
    closed: bool = False


@dataclass(frozen=True)
class Glyph:
    """A character's skeleton.

    Attributes:
        width: width of the ink as a share of its height.
        strokes: the centre lines.
        weight: factor on the pen's stroke; crowded characters are drawn finer.
    """

    width: float
    strokes: tuple[Stroke, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Pen:
    """How a skeleton is drawn; one pen draws a whole plate.

    Attributes:
        stroke: width of the line as a share of the glyph's height.
        contrast: width of horizontal lines relative to vertical ones.
        roundness: factor on every corner's radius.
        condensed: factor on every glyph's width.
        even: how far glyphs are brought to one width, `EVEN`, from 0, as drawn, to 1, as in the typeface of 2008.
        wobble: standard deviation of the vertices' displacement, as a share of the glyph's height.
    """

    stroke: float = 0.16
    contrast: float = 1.0
    roundness: float = 1.0
    condensed: float = 1.0
    even: float = 0.0
    wobble: float = 0.0


def line(*vertices: Vertex) -> Stroke:
    """An open stroke through the vertices."""
    return Stroke(vertices)


def loop(*vertices: Vertex) -> Stroke:
    """A closed stroke through the vertices."""
    return Stroke(vertices, closed=True)


def rasterise(glyph: Glyph, pen: Pen, height: int, rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
    """Draws a glyph.

    Args:
        glyph: the skeleton.
        pen: stroke and proportions.
        height: of the picture in pixels; four pixels a stroke and more look right.
        rng: displaces the vertices when the pen wobbles.

    Returns:
        uint8[height, width]: coverage of the ink, 255 inside.
    """
    over = 2  # drawn twice as large, so that whole-pixel line widths are fine enough
    tall = height * over
    wide = max(round(_width(glyph, pen) * tall), 1)
    thick = max(pen.stroke * glyph.weight * tall, 1.0)
    flat = thick * pen.contrast
    if wide <= 1.6 * thick:
        wide = max(wide, round(thick))
    inset = np.array([min(thick, wide) / 2, flat / 2])
    span = np.array([wide, tall]) - 2 * inset
    canvas = np.zeros((tall, wide), np.uint8)
    for stroke in glyph.strokes:
        points = np.array([vertex[:2] for vertex in stroke.vertices], np.float64)
        if rng is not None and pen.wobble > 0:
            points = points + rng.normal(0, pen.wobble, points.shape)
        radii = [vertex[2] * pen.roundness * tall if len(vertex) == 3 else 0.0 for vertex in stroke.vertices]
        _draw(canvas, inset + points * span, radii, stroke.closed, thick, flat)
    small = (max(round(wide / over), 1), height)
    return cv2.resize(canvas, small, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _width(glyph: Glyph, pen: Pen) -> float:
    """Width of the ink as a share of its height; 1, I and their like stay narrow."""
    levelled = glyph.width if glyph.width < _NARROW else glyph.width + pen.even * (EVEN - glyph.width)
    return levelled * pen.condensed


def _draw(
    canvas: NDArray[np.uint8],
    points: NDArray[np.float64],
    radii: Sequence[float],
    closed: bool,
    thick: float,
    flat: float,
) -> None:
    """Draws one stroke: a line with round joints, and square ends and corners added where nothing is rounded."""
    path = _round_corners(points, radii, closed)
    # A line of unequal pen widths is one of equal widths in a picture that is squeezed vertically; the squeeze is
    # small, so the mean width with butt ends of the right width is close enough.
    width = max(round((thick + flat) / 2), 1)
    shift = 4
    fixed = np.rint(path * (1 << shift)).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [fixed], closed, 255, width, cv2.LINE_AA, shift)
    count = len(points)
    for index in range(count):
        if radii[index]:
            continue
        after = points[(index + 1) % count] if closed or index < count - 1 else None
        before = points[index - 1] if closed or index > 0 else None
        for neighbour in _squared(points[index], before, after, canvas.shape[0], width):
            _square(canvas, points[index], neighbour, width)


def _squared(
    vertex: NDArray[np.float64],
    before: NDArray[np.float64] | None,
    after: NDArray[np.float64] | None,
    height: int,
    width: int,
) -> list[NDArray[np.float64]]:
    """From which neighbours the line runs square beyond a sharp vertex.

    Ends and right angles are square. An acute corner inside the glyph stays round; at its upper or lower edge,
    where the box cuts it flat, the upright side runs on, or both sides when neither is upright.
    """
    if before is None or after is None:
        return [neighbour for neighbour in (before, after) if neighbour is not None]
    first, second = before - vertex, after - vertex
    cosine = float(first @ second) / max(float(np.hypot(*first) * np.hypot(*second)), 1e-6)
    if abs(cosine) < 0.4:
        return [before, after]
    if width < vertex[1] < height - width:
        return []
    upright = [n for n, d in ((before, first), (after, second)) if min(abs(d)) < 0.1 * max(abs(d))]
    return upright or [before, after]


def _square(canvas: NDArray[np.uint8], end: NDArray[np.float64], inner: NDArray[np.float64], width: int) -> None:
    """Adds a square end: the line from `inner` continued half its width beyond `end`."""
    along = end - inner
    length = float(np.hypot(*along))
    if length < 1e-6:
        return
    along = along / length * (width / 2)
    across = np.array([-along[1], along[0]])
    start = end - along * min(1.0, length / (width / 2))
    corners = np.array([start + across, end + along + across, end + along - across, start - across])
    cv2.fillConvexPoly(canvas, np.rint(corners * 16).astype(np.int32), 255, cv2.LINE_AA, 4)


def _round_corners(points: NDArray[np.float64], radii: Sequence[float], closed: bool) -> NDArray[np.float64]:
    """Replaces each rounded vertex by points on a cubic that touches both its sides."""
    count = len(points)
    path: list[NDArray[np.float64]] = []
    parameter = np.linspace(0, 1, 8)[:, None]
    for index, radius in enumerate(radii):
        corner = points[index]
        if radius <= 0 or (not closed and index in (0, count - 1)):
            path.append(corner[None])
            continue
        before, after = points[index - 1], points[(index + 1) % count]
        reach_before, reach_after = np.hypot(*(before - corner)), np.hypot(*(after - corner))
        # Neighbouring round corners share a side, so each may take half of it.
        start = corner + (before - corner) * min(radius / max(reach_before, 1e-6), 0.5)
        end = corner + (after - corner) * min(radius / max(reach_after, 1e-6), 0.5)
        kappa = 0.5523  # makes a cubic a quarter circle
        first, second = start + (corner - start) * kappa, end + (corner - end) * kappa
        t, u = parameter, 1 - parameter
        path.append(u**3 * start + 3 * u**2 * t * first + 3 * u * t**2 * second + t**3 * end)
    return np.concatenate(path)

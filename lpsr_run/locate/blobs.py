"""Plates too small for their characters to part: patches of dense fine strokes in the shape of a row.

The last resort for plates of about 24 to 80 pixels; it takes texture for text more readily than `rows` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Quad
from lpsr_run.locate.base import Location
from lpsr_run.locate.rows import BRAZILIAN_FORM


@dataclass(frozen=True)
class BlobSettings:
    """What counts as a patch. Lengths are in pixels of the frame.

    Attributes:
        stroke: widest stroke or gap, for the top-hat filter.
        reach: gaps between characters that are closed.
        narrowest, widest: width of a patch; the row of characters is 0.87 of the plate's.
        ratio: least and greatest width over height.
        fill: least share of its rectangle that a patch covers.
        contrast: least mean response inside.
        quiet: largest share of that response just above and below the patch.
        score: of the best patch; below that of any good row.
    """

    stroke: int = 6
    reach: int = 6
    narrowest: int = 20
    widest: int = 75
    ratio: tuple[float, float] = (3.0, 8.0)
    fill: float = 0.6
    contrast: float = 14.0
    quiet: float = 0.35
    score: float = 0.5


def blobs_of(gray: NDArray[np.uint8], settings: BlobSettings) -> Iterator[Location]:
    """Plates around patches of strokes.

    Args:
        gray: uint8[H, W].
        settings: what counts as a patch.
    """
    line = cv2.getStructuringElement(cv2.MORPH_RECT, (settings.stroke, 1))
    for operation in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
        response = cv2.blur(cv2.morphologyEx(gray, operation, line), (3, 3))
        strong = (response > settings.contrast).view(np.uint8)
        closed = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, np.ones((1, settings.reach), np.uint8))
        mask = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, settings.narrowest // 2), np.uint8))
        labels, stats = cv2.connectedComponentsWithStats(mask, connectivity=4)[1:3]
        for index, (x, y, width, height, area) in enumerate(stats[1:].tolist(), 1):
            if not settings.narrowest <= width <= settings.widest or not 3 <= height <= width:
                continue
            inside = labels[y : y + height, x : x + width] == index
            points = np.argwhere(inside)[:, ::-1].astype(np.float32)
            (cx, cy), (a, b), angle = cv2.minAreaRect(points)
            a, b = a + 1, b + 1
            if a < b:
                a, b, angle = b, a, angle - 90
            angle = (angle + 90) % 180 - 90
            if abs(angle) > 25 or not settings.ratio[0] <= a / b <= settings.ratio[1] or area < settings.fill * a * b:
                continue
            loud = float(response[y : y + height, x : x + width][inside].mean())
            pad = max(round(0.45 * b), 2)
            above = response[max(y - pad, 0) : y, x : x + width]
            below = response[y + height : y + height + pad, x : x + width]
            around = np.concatenate([above.ravel(), below.ravel()])
            noise = float(around.mean()) / loud if len(around) else 1.0
            if noise > settings.quiet:
                continue
            quad = _plate(cx + x + 0.5, cy + y + 0.5, a, b, float(np.deg2rad(angle)))
            yield Location(quad, settings.score * (1 - noise))


def _plate(x: float, y: float, width: float, height: float, angle: float) -> Quad:
    """The plate around a row of characters with this centre, size and tilt in radians."""
    form = BRAZILIAN_FORM
    row = form.centres[-1] - form.centres[0] + 40
    scale = (width / row + height / form.character) / 2
    scale = width / row if scale > 1.3 * width / row else scale
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    centre = np.array([x, y]) - (form.middle - form.size[1] / 2) * scale * across
    half, rise = along * (form.size[0] * width / row) / 2, across * form.size[1] * scale / 2
    corners = [centre - half - rise, centre + half - rise, centre + half + rise, centre - half + rise]
    return Quad.from_points([corner.tolist() for corner in corners])

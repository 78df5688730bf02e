"""The built-in network that finds plates: a coarse pass at several scales, then refinement of each candidate.

The coarse pass sees the frame as it is, at half and at a quarter of its size, so that plates of all sizes are seen at
one that the network knows. The refinement shows every candidate at one size, where the network knows plates best: it
tells the corners more exactly, and drops most of what only seemed a plate.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_core.grid import GRID_STRIDE, LOOK_WIDTH, LOOK_WINDOW, read_grid
from lpsr_run.engines.base import Engine
from lpsr_run.locate.base import Location, quad_of, suppress

THRESHOLD = 0.56
"""Least score of a plate, unless another one is asked for."""
_FOUND = 0.7
"""How much of the plate score is forgone for any candidate: that it was found at all speaks for a plate."""
_ASSURED = 0.66
"""Score from which it is a plate whatever the reader says, who knows the characters of few countries."""
_MULTIPLE = 32
"""Both sides of what the network sees are padded to a multiple of this."""
_PAD = (114, 114, 114)
_SMALLEST = 64
"""Pixels of the shorter side below which a scale is not looked at."""
_WIDEST = 1.5
"""Of what may be a plate, in longer sides of the frame."""
_SCALES = 3
"""Of the coarse pass: 1, 1/2 and 1/4 of the frame."""
_MOST = 2000
"""Peaks of a scale, and candidates of a frame, that are looked at: far more than there can be plates, so that a
hostile frame costs bounded time and memory."""
_BATCH = 16
"""Candidates that are refined in one forward pass."""
_GLANCE = 0.2
"""Least score of what is looked at again."""
_SAME = 0.6
"""Intersection over union from which two scales' candidates are one."""
_GLANCE_WEIGHT = (0.2, 0.5)
_NARROW, _WIDE = 20, 64
"""How much the first look's score counts beside the second's: less for narrow plates, which only the second enlarges;
between these widths in pixels it grows evenly."""
_NEAR = (0.5, 0.3)
"""Farthest that the plate may then be from the window's middle, in widths, across and down."""


class NetworkLocator:
    """Plates and their four corners, by the network of `lpsr-train locator`.

    Args:
        engine: takes uint8[N, H, W, 3] and gives float32[N, 9, H / 8, W / 8].
        threshold: least score of a plate, 0..1: the geometric mean of both looks', weighted by the plate's width.

    Raises:
        LpsrError: the engine has another form.
    """

    def __init__(self, engine: Engine, threshold: float = THRESHOLD) -> None:
        inputs, outputs = engine.inputs, engine.outputs
        right = len(inputs) == 1 and inputs[0].dtype == "uint8" and len(inputs[0].shape) == 4
        if not right or len(outputs) != 1 or outputs[0].shape[1:2] != (9,):
            raise LpsrError(f"{engine.name}: not a locator: expected one uint8 picture and one grid of nine values")
        self._engine, self._threshold = engine, threshold

    def at_threshold(self, threshold: float) -> NetworkLocator:
        """The same network with another least score, 0..1."""
        return NetworkLocator(self._engine, threshold)

    def locate(self, frame: Image) -> list[Location]:
        """See `Locator`.

        Raises:
            LpsrError: the engine failed.
        """
        candidates = self._candidates(frame)
        looked = []
        for start in range(0, len(candidates), _BATCH):
            part = candidates[start : start + _BATCH]
            windows = [_window(frame, candidate) for candidate in part]
            grids = self._run(np.stack([window for window, _, _ in windows]))
            for candidate, grid, (_, origin, factors) in zip(part, grids, windows, strict=True):
                best = _middle(grid)
                if best is not None:
                    corners, score = best
                    quad = quad_of(origin + corners / factors)
                    together = _together(candidate.score, score, quad.width)
                    assured = float(np.interp(together, (THRESHOLD, _ASSURED), (_FOUND, 1.0)))
                    looked.append(Location(quad, together, assured=assured))
        return suppress([location for location in looked if location.score >= self._threshold])

    def _candidates(self, frame: Image) -> list[Location]:
        """What the coarse pass shows and may still become a plate, best first."""
        height, width = frame.shape[:2]
        found: list[Location] = []
        image = frame
        for scale in range(_SCALES):
            if scale:
                if min(height, width) < _SMALLEST << scale:
                    break
                image = np.asarray(
                    cv2.resize(image, (width >> scale, height >> scale), interpolation=cv2.INTER_AREA), np.uint8
                )
            found += suppress(self._glance(image, width / image.shape[1]))
        widest = _WIDEST * max(width, height)
        found = [location for location in found if location.quad.width <= widest and self._may_be(location)]
        return suppress(found, _SAME, _MOST, nested=True)

    def _may_be(self, candidate: Location) -> bool:
        """Whether the best of refinements could still make it a plate, even of one somewhat narrower."""
        return _together(candidate.score, 1.0, 0.7 * candidate.quad.width) >= self._threshold

    def _glance(self, image: Image, factor: float) -> list[Location]:
        """What one scale shows, in pixels of the frame."""
        height, width = image.shape[:2]
        below, right = -height % _MULTIPLE, -width % _MULTIPLE
        if below or right:
            padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=_PAD)
            image = np.asarray(padded, np.uint8)
        corners, scores = read_grid(self._run(np.ascontiguousarray(image)[None])[0], _GLANCE, _MOST)
        return [
            Location(quad_of(factor * quad), float(score))
            for quad, score in zip(corners, scores, strict=True)
            if _sound(quad)
        ]

    def _run(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = self._engine.run({self._engine.inputs[0].name: pictures})[self._engine.outputs[0].name]
        grids = np.asarray(values, np.float32)
        count, height, width, _ = pictures.shape
        wanted = (count, 9, height // GRID_STRIDE, width // GRID_STRIDE)
        if grids.shape != wanted:
            raise LpsrError(f"{self._engine.name}: the grid has shape {grids.shape}, expected {wanted}")
        return grids


def _together(glance: float, second: float, width: float) -> float:
    """One score of both looks'."""
    low, high = _GLANCE_WEIGHT
    weight = low + (high - low) * min(max((width - _NARROW) / (_WIDE - _NARROW), 0.0), 1.0)
    return float(glance**weight * second ** (1 - weight))


def _window(frame: Image, candidate: Location) -> tuple[Image, NDArray[np.float64], NDArray[np.float64]]:
    """A candidate's surroundings with its plate at one size; where they begin in the frame, and how much larger they
    are across and down."""
    factor = LOOK_WIDTH / max(candidate.quad.width, 4.0)
    wide, tall = (max(round(side / factor), 1) for side in LOOK_WINDOW)
    x, y = candidate.quad.box.centre
    left, top = round(x - wide / 2), round(y - tall / 2)
    height, width = frame.shape[:2]
    within = frame[max(top, 0) : max(min(top + tall, height), 0), max(left, 0) : max(min(left + wide, width), 0)]
    edges = max(-top, 0), max(top + tall - height, 0), max(-left, 0), max(left + wide - width, 0)
    if any(edges) and within.size:
        above, below, before, after = edges
        padded = cv2.copyMakeBorder(within, above, below, before, after, cv2.BORDER_CONSTANT, value=_PAD)
        within = np.asarray(padded, np.uint8)
    if within.shape[:2] != (tall, wide):  # wholly outside the frame
        within = np.full((tall, wide, 3), _PAD, np.uint8)
    shown = cv2.resize(within, LOOK_WINDOW, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    return np.asarray(shown, np.uint8), np.array([left, top], np.float64), np.array(LOOK_WINDOW) / [wide, tall]


def _middle(grid: NDArray[np.float32]) -> tuple[NDArray[np.float32], float] | None:
    """Corners and score of the best plate about the middle of a window."""
    corners, scores = read_grid(grid, _GLANCE)
    for quad, score in zip(corners, scores, strict=True):
        across, down = np.abs(quad.mean(axis=0) - np.array(LOOK_WINDOW) / 2) / LOOK_WIDTH
        if _sound(quad) and across <= _NEAR[0] and down <= _NEAR[1]:
            return quad, float(score)
    return None


def _sound(quad: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(quad).all() and np.ptp(quad[:, 0]) > 2 and np.ptp(quad[:, 1]) > 1)

"""The built-in network that finds plates: one pass over the frame as it is, one over half its size for large plates."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, Quad
from lpsr_core.grid import GRID_STRIDE, read_grid
from lpsr_run.engine import Engine
from lpsr_run.locate.base import Location, suppress

_MULTIPLE = 32
"""Both sides of what the network sees are padded to a multiple of this."""
_PAD = (114, 114, 114)
_SMALLEST = 64
"""Pixels of the shorter side below which a scale is not looked at."""


class NetworkLocator:
    """Plates and their four corners, by the network of `lpsr-train locator`.

    Args:
        engine: takes uint8[1, H, W, 3] and gives float32[1, 9, H / 8, W / 8].
        threshold: least score of a plate, 0..1.
        most: locations kept in a frame.

    Raises:
        LpsrError: the engine has another form.
    """

    def __init__(self, engine: Engine, threshold: float = 0.4, most: int = 32) -> None:
        inputs, outputs = engine.inputs, engine.outputs
        right = len(inputs) == 1 and inputs[0].dtype == "uint8" and len(inputs[0].shape) == 4
        if not right or len(outputs) != 1 or outputs[0].shape[1:2] != (9,):
            raise LpsrError(f"{engine.name}: not a locator: expected one uint8 picture and one grid of nine values")
        self._engine, self._threshold, self._most = engine, threshold, most

    def locate(self, frame: Image) -> list[Location]:
        """The plates of one frame, best first.

        Args:
            frame: uint8[H, W, 3], RGB.

        Raises:
            LpsrError: the engine failed.
        """
        found = self._at(frame, 1.0)
        height, width = frame.shape[:2]
        if min(height, width) >= 2 * _SMALLEST:
            half = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            found += self._at(np.asarray(half, np.uint8), width / (width // 2))
        return suppress(found, limit=self._most)

    def _at(self, image: Image, factor: float) -> list[Location]:
        """What one scale shows, in pixels of the frame."""
        height, width = image.shape[:2]
        below, right = -height % _MULTIPLE, -width % _MULTIPLE
        if below or right:
            padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=_PAD)
            image = np.asarray(padded, np.uint8)
        grid = self._run(np.ascontiguousarray(image)[None])
        corners, scores = read_grid(grid, self._threshold)
        locations = []
        for quad, score in zip(corners, scores, strict=True):
            if np.isfinite(quad).all() and np.ptp(quad[:, 0]) > 2 and np.ptp(quad[:, 1]) > 1:
                first, second, third, fourth = ((factor * float(x), factor * float(y)) for x, y in quad)
                locations.append(Location(Quad((first, second, third, fourth)), float(score)))
        return locations

    def _run(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = self._engine.run({self._engine.inputs[0].name: picture})[self._engine.outputs[0].name]
        grid = np.asarray(values, np.float32)
        wanted = (1, 9, picture.shape[1] // GRID_STRIDE, picture.shape[2] // GRID_STRIDE)
        if grid.shape != wanted:
            raise LpsrError(f"{self._engine.name}: the grid has shape {grid.shape}, expected {wanted}")
        return grid[0]

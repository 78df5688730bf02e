"""The built-in locator: no network, no download."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image
from lpsr_run.locate.base import Location, suppress
from lpsr_run.locate.blobs import BlobSettings, blobs_of
from lpsr_run.locate.rows import RowSettings, rows_of


@dataclass(frozen=True)
class ClassicalLocator:
    """Finds plates by their rows of characters; where no good row is, by patches of fine strokes.

    The second way is for plates of 30 to 60 pixels. It is not taken in frames that show a clear row, where it
    would mostly add false boxes: a small plate beside a large one has to wait until the large one has left.

    Attributes:
        rows: what counts as a row.
        blobs: what counts as a patch.
        good: score of a row in whose presence no patches are looked for.
        most_blobs: patches kept in a frame.
        fine_window: the neighbourhood at the largest scale, where characters are smallest.
        least_score: rows below are dropped.
        most: locations kept in a frame.
        pixels: larger frames are shrunk to so many pixels first.
        enlarged: smaller frames are enlarged to about so many, at most `factor` times, since small plates'
            characters touch.
        factor: see `enlarged`.
    """

    rows: RowSettings = field(default_factory=RowSettings)
    blobs: BlobSettings = field(default_factory=BlobSettings)
    good: float = 0.7
    most_blobs: int = 3
    fine_window: int = 19
    least_score: float = 0.5
    most: int = 8
    pixels: int = 2_000_000
    enlarged: int = 1_200_000
    factor: float = 4.0

    def locate(self, frame: Image) -> list[Location]:
        """The plates of one frame, best first.

        Args:
            frame: uint8[H, W, 3], RGB.
        """
        whole = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
        gray = self._first_scale(whole)
        height, width = frame.shape[:2]
        found: list[Location] = []
        settings = replace(self.rows, window=self.fine_window)
        while min(gray.shape) >= 2 * self.rows.shortest:
            horizontal, vertical = width / gray.shape[1], height / gray.shape[0]
            found += [
                Location(location.quad.scaled(horizontal, vertical), location.score)
                for location in rows_of(gray, settings)
                if location.score >= self.least_score
            ]
            gray = _resized(gray, 0.5)
            settings = self.rows
        if max((location.score for location in found), default=0.0) < self.good:
            found += suppress(list(blobs_of(whole, self.blobs)), limit=self.most_blobs)
        return suppress(found, limit=self.most)

    def _first_scale(self, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The largest scale that is looked at."""
        if gray.size > self.pixels:
            return _resized(gray, (self.pixels / gray.size) ** 0.5)
        factor = min((self.enlarged / gray.size) ** 0.5, self.factor)
        return _resized(gray, factor) if factor > 1.2 else gray


def _resized(gray: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    size = max(round(gray.shape[1] * factor), 1), max(round(gray.shape[0] * factor), 1)
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(gray, size, interpolation=interpolation), np.uint8)

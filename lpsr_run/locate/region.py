"""A part of the frame: a gate, a lane, so that nothing else is searched or found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lpsr_core.errors import UsageError
from lpsr_core.geometry import Image
from lpsr_run.locate.base import Location, Locator, quad_of

_LEAST = 4
"""Pixels of the shorter side of a region: no plate is lower."""


@dataclass(frozen=True)
class Region:
    """A box in a frame of any size.

    Attributes:
        x, y, width, height: shares of the frame's sides when none is larger than 1, pixels otherwise.
    """

    x: float
    y: float
    width: float
    height: float

    def inside(self, frame: Image) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of a frame; empty where the region lies outside it."""
        tall, wide = frame.shape[:2]
        across, down = (wide, tall) if self.relative else (1, 1)
        left, top = round(self.x * across), round(self.y * down)
        right, bottom = round((self.x + self.width) * across), round((self.y + self.height) * down)
        return left, top, min(right, wide), min(bottom, tall)

    @property
    def relative(self) -> bool:
        """Whether it is given in shares."""
        return max(self.x, self.y, self.width, self.height) <= 1


def parse_region(text: str) -> Region:
    """A region from `x,y,width,height`.

    Raises:
        UsageError: it is something else.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--region is x,y,width,height in pixels or in shares of the frame, not {text!r}") from None
    if not all(map(np.isfinite, (x, y, width, height))) or min(x, y) < 0 or min(width, height) <= 0:
        raise UsageError(f"--region must begin within the frame and have a size; {text!r} does not")
    region = Region(x, y, width, height)
    if not region.relative and min(width, height) < _LEAST:
        raise UsageError(f"--region of {width:g}x{height:g} pixels holds no plate; shares of the frame are at most 1")
    return region


class RegionLocator:
    """Searches a part of each frame.

    Args:
        locator: that searches it.
        region: the part; a frame that lies outside it holds no plates.
        note: takes a line at the first of these frames.
    """

    def __init__(self, locator: Locator, region: Region, note: Callable[[str], None] | None = None) -> None:
        self._locator, self._region, self._note = locator, region, note

    def at_threshold(self, threshold: float) -> RegionLocator:
        """The same part, searched with another least score, 0..1."""
        return RegionLocator(self._locator.at_threshold(threshold), self._region, self._note)

    def locate(self, frame: Image) -> list[Location]:
        """See `Locator`."""
        left, top, right, bottom = self._region.inside(frame)
        if left >= right or top >= bottom:
            if self._note is not None:
                height, width = frame.shape[:2]
                self._note(f"the region to search lies outside the frame of {width}x{height} pixels; nothing is found")
                self._note = None
            return []
        found = self._locator.locate(np.ascontiguousarray(frame[top:bottom, left:right]))
        return [replace(location, quad=quad_of(np.add(location.quad.corners, (left, top)))) for location in found]

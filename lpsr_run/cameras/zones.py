"""Plates by the zone of the picture in which they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lpsr_core.geometry import Image
from lpsr_run.cameras.settings import Zone
from lpsr_run.locate.base import Location, Locator
from lpsr_run.locate.region import Region, RegionLocator

_MARGIN = 0.1
"""Surroundings of the zones that are searched too, in fractions of the frame: plates reach beyond their centres."""


class ZoneLocator:
    """Tells each plate its zone.

    Args:
        locator: finds the plates.
        zones: in the order in which they are asked.
        only: whether plates outside all of them are dropped; nothing else is searched then.
        note: takes a line about each zone that lies outside the first frame.
    """

    def __init__(
        self,
        locator: Locator,
        zones: Sequence[Zone],
        only: bool = False,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self._locator, self._zones, self._only, self._note = locator, tuple(zones), only, note

    def at_threshold(self, threshold: float) -> ZoneLocator:
        """The same zones, searched with another least score, 0..1."""
        return ZoneLocator(self._locator.at_threshold(threshold), self._zones, self._only, self._note)

    def locate(self, frame: Image) -> list[Location]:
        """See `Locator`."""
        if self._note is not None:
            height, width = frame.shape[:2]
            for zone in self._zones:
                if not zone.polygon.meets(frame):
                    self._note(f"zone {zone.name!r} lies outside the frame of {width}x{height} pixels")
            self._note = None
        locator = RegionLocator(self._locator, self._around(frame)) if self._only else self._locator
        found = [replace(location, zone=self._zone(frame, location)) for location in locator.locate(frame)]
        return [location for location in found if location.zone is not None or not self._only]

    def _zone(self, frame: Image, location: Location) -> str | None:
        x, y = location.quad.box.centre
        return next((zone.name for zone in self._zones if zone.polygon.holds(frame, x, y)), None)

    def _around(self, frame: Image) -> Region:
        """The box around all zones and a margin, in fractions of the frame."""
        height, width = frame.shape[:2]
        corners = np.concatenate([zone.polygon.pixels(frame) for zone in self._zones]) / [width, height]
        left, top = np.clip(corners.min(axis=0) - _MARGIN, 0, 1)
        right, bottom = np.clip(corners.max(axis=0) + _MARGIN, 0, 1)
        return Region(float(left), float(top), float(right - left), float(bottom - top))

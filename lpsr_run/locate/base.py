"""The locator's protocol and what every locator shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image, Quad


@dataclass(frozen=True)
class Location:
    """A plate's place in a frame.

    Attributes:
        quad: its corners, in pixels of the frame.
        score: how sure the locator is, 0..1; only comparable within one locator.
        zone: name of the part of the picture that it lies in, where there are such parts.
        assured: how much of the plate score (see `decode.plate_score`) that a read needs is forgone, 0..1, since the
            locator itself is sure.
    """

    quad: Quad
    score: float
    zone: str | None = None
    assured: float = 0.0


class Locator(Protocol):
    """Finds plates; the swap point for a detector."""

    def locate(self, frame: Image) -> list[Location]:
        """The plates of one frame, best first.

        Args:
            frame: uint8[H, W, 3], RGB.
        """

    def at_threshold(self, threshold: float) -> Locator:
        """The same locator with another least score, 0..1."""


def quad_of(corners: NDArray[np.floating]) -> Quad:
    """The quad of an array [4, 2] of corners in order."""
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return Quad((first, second, third, fourth))


def suppress(
    locations: Sequence[Location], overlap: float = 0.3, limit: int | None = None, nested: bool = False
) -> list[Location]:
    """Non-maximum suppression: of locations that overlap, the best stays.

    Two boxes overlap when their intersection over union exceeds `overlap`, or when the centre of one lies in
    the other, since plates do not lie within plates.

    Args:
        locations: in any order.
        overlap: largest intersection over union that both may have, 0..1.
        limit: how many to keep at most.
        nested: a box may lie within another one; only `overlap` counts.

    Returns:
        Best first.
    """
    ordered = sorted(locations, key=lambda entry: -entry.score)
    boxes = [location.quad.box for location in ordered]
    sides = np.array([(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]).reshape(-1, 4)
    centres = (sides[:, :2] + sides[:, 2:]) / 2
    areas = (sides[:, 2:] - sides[:, :2]).prod(axis=1)
    left = np.ones(len(ordered), bool)
    kept: list[Location] = []
    for index, location in enumerate(ordered):
        if not left[index]:
            continue
        if limit is not None and len(kept) >= limit:
            break
        kept.append(location)
        low = np.maximum(sides[:, :2], sides[index, :2])
        high = np.minimum(sides[:, 2:], sides[index, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        union = areas + areas[index] - shared
        hidden = shared > overlap * np.maximum(union, 1e-9)
        if not nested:
            hidden |= ((centres >= sides[index, :2]) & (centres <= sides[index, 2:])).all(axis=1)
        left &= ~hidden
    return kept

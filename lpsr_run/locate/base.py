"""The locator's protocol and what every locator shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lpsr_core.geometry import Image, Quad


@dataclass(frozen=True)
class Location:
    """A plate's place in a frame.

    Attributes:
        quad: its corners, in pixels of the frame.
        score: how sure the locator is, 0..1; only comparable within one locator.
    """

    quad: Quad
    score: float


class Locator(Protocol):
    """Finds plates; the swap point for a learned detector."""

    def locate(self, frame: Image) -> list[Location]:
        """The plates of one frame, best first.

        Args:
            frame: uint8[H, W, 3], RGB.
        """
        ...


def suppress(locations: Sequence[Location], overlap: float = 0.3, limit: int | None = None) -> list[Location]:
    """Non-maximum suppression: of locations that overlap, the best stays.

    Two boxes overlap when their intersection over union exceeds `overlap`, or when the centre of one lies in
    the other, since plates do not lie within plates.

    Args:
        locations: in any order.
        overlap: largest intersection over union that both may have, 0..1.
        limit: how many to keep at most.

    Returns:
        Best first.
    """
    kept: list[Location] = []
    for location in sorted(locations, key=lambda entry: -entry.score):
        if limit is not None and len(kept) >= limit:
            break
        box = location.quad.box
        x, y = box.centre
        for other in kept:
            rival = other.quad.box
            inside = rival.x <= x <= rival.x + rival.width and rival.y <= y <= rival.y + rival.height
            if inside or box.iou(rival) > overlap:
                break
        else:
            kept.append(location)
    return kept

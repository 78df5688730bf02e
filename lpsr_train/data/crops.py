"""The plate cut out of a photograph by what its label says."""

from __future__ import annotations

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box, Image, Quad, rectify

Place = Quad | Box | None
"""Corners to rectify by, a box to cut out, or None when the picture is the plate."""


def cut(image: Image, place: Place, where: str) -> Image:
    """The plate at its own resolution.

    Args:
        image: uint8[H, W, 3].
        place: where the plate is.
        where: leads the message.

    Returns:
        uint8[h, w, 3]; rectified when there are corners.

    Raises:
        LpsrError: the place is outside the picture, or larger than twice the picture: a wrong label.
    """
    if place is None:
        return image
    box = place.box if isinstance(place, Quad) else place
    x, y = box.centre
    height, width = image.shape[:2]
    if not (0 <= x < width and 0 <= y < height) or box.width > 2 * width or box.height > 2 * height:
        raise LpsrError(f"{where}: the plate's place is not inside the picture of {width}x{height} pixels")
    return rectify(image, place) if isinstance(place, Quad) else place.crop(image).copy()

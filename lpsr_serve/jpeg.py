"""Pictures as the page shows them."""

from __future__ import annotations

import cv2

from lpsr_core.geometry import Image, Quad

_QUALITY = 80


def encode_jpeg(canvas: Image) -> bytes:
    """Return a JPEG file of uint8[H, W, 3], BGR."""
    _, data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


def scaled(quad: Quad, scale: float) -> Quad:
    """Return a quad in a picture of another size."""
    first, second, third, fourth = ((x * scale, y * scale) for x, y in quad.corners)
    return Quad((first, second, third, fourth))

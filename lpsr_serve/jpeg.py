"""Pictures as the page shows them."""

from __future__ import annotations

import cv2

from lpsr_core.geometry import Image

_QUALITY = 80


def encode_jpeg(canvas: Image) -> bytes:
    """Return a JPEG file of uint8[H, W, 3], BGR."""
    _, data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()

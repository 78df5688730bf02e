"""Pictures as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from lpsr_core.geometry import Image
from lpsr_run.sinks.annotate import Mark, draw_mark

_QUALITY = 80


def marked_jpeg(image: Image, marks: Iterable[Mark]) -> bytes:
    """Return a JPEG file of uint8[H, W, 3], RGB, with its marks drawn."""
    canvas = np.ascontiguousarray(image[..., ::-1])
    for mark in marks:
        draw_mark(canvas, mark)
    _, data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()

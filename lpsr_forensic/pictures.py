"""Pictures of a report: enlarged without interpolation, watermarked in their pixels, embedded as PNG."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.degradation import to_uint8
from lpsr_core.geometry import Image

WATERMARK = "MODEL OUTPUT, NOT EVIDENCE"
WIDTH = 460
"""Pixels that enlarged pictures come near to without passing, in whole factors."""
_RESIDUAL = 2.0
"""Factor on residuals when they are shown around mid-grey."""


@dataclass(frozen=True)
class Picture:
    """A picture of a report.

    Attributes:
        uri: `data:image/png;base64,...`.
        width, height: as shown, in pixels.
        factor: whole factor by which it is enlarged.
    """

    uri: str
    width: int
    height: int
    factor: int


def enlarged(image: Image, width: int = WIDTH) -> Picture:
    """A picture in which every pixel became a square of equal pixels.

    Args:
        image: uint8[H, W, 3], RGB.
        width: that the result does not pass, unless the picture is wider itself.
    """
    large = _squares(image, width)
    return embedded(large, large.shape[1] // image.shape[1])


def embedded(image: Image, factor: int = 1) -> Picture:
    """A picture as it is, uint8[H, W, 3], RGB."""
    data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return Picture(uri, image.shape[1], image.shape[0], factor)


def watermarked(image: Image, width: int = WIDTH) -> Image:
    """A picture enlarged without interpolation, with the watermark in bars above and below and across it.

    Args:
        image: uint8[H, W, 3], RGB.
        width: see `enlarged`.
    """
    large = _squares(image, width)
    across = large.shape[1]
    size = across / 560
    bar = round(30 * size) + 6
    band: NDArray[np.uint8] = np.full((bar, across, 3), (150, 20, 20), np.uint8)
    (length, height), _ = cv2.getTextSize(WATERMARK, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    place = (across - length) // 2, (bar + height) // 2
    cv2.putText(band, WATERMARK, place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)
    over = large.copy()
    middle = (across - length) // 2, (large.shape[0] + height) // 2
    cv2.putText(over, WATERMARK, middle, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 4, cv2.LINE_AA)
    cv2.putText(over, WATERMARK, middle, cv2.FONT_HERSHEY_SIMPLEX, size, (150, 20, 20), 1, cv2.LINE_AA)
    mixed = to_uint8(0.45 * over.astype(np.float32) + 0.55 * large.astype(np.float32))
    return np.concatenate([band, mixed, band])


def _squares(image: Image, width: int) -> Image:
    factor = max(width // image.shape[1], 1)
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def as_image(values: NDArray[np.float32]) -> Image:
    """float32[H, W] or float32[H, W, 3] in grey levels as uint8[H, W, 3]."""
    picture = to_uint8(values)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def residual_image(residual: NDArray[np.float32]) -> Image:
    """A residual around mid-grey, twice as strong: lighter where the frames are lighter than the rendering."""
    return as_image(np.asarray(128 + _RESIDUAL * residual, np.float32))

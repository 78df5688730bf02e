"""Pictures of OpenCV's decoders in the project's own form."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image
from lpsr_run.sources.decoding import square_size


def rgb(image: NDArray) -> Image:
    """uint8[H, W, 3], RGB, of a decoder's grey or BGR picture."""
    code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)


def pixel_aspect(capture: cv2.VideoCapture) -> float:
    """Width of a pixel divided by its height, as an open capture says; 1 where it does not."""
    across, down = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    return across / down if across > 0 and down > 0 else 1.0


def squared(image: Image, aspect: float) -> Image:
    """The picture with square pixels, uint8[H, W, 3] (see `square_size`)."""
    height, width = image.shape[:2]
    size = square_size(width, height, aspect)
    return image if size == (width, height) else np.asarray(cv2.resize(image, size), np.uint8)

"""Pictures of OpenCV's decoders in the project's own form."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image


def rgb(image: NDArray) -> Image:
    """uint8[H, W, 3], RGB, of a decoder's grey or BGR picture."""
    code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)

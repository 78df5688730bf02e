"""A crop as a camera further away and a recorder that saves more would have delivered it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lpsr_core.codec import Codec, transcode
from lpsr_core.geometry import Image

_LEAST = 8
"""Rows of the lowest crop."""


@dataclass(frozen=True)
class Delivery:
    """What becomes of a crop before it is read.

    Attributes:
        width: pixels across, to which wider crops are averaged; None to leave the size.
        codec: that compresses it, as a frame of its own.
        level: JPEG quality (1..100) or quantiser of a video codec (0..51).
    """

    width: int | None = None
    codec: Codec = "none"
    level: int = 0

    @property
    def compression(self) -> str:
        """In words, such as `h264, quantiser 30`."""
        if self.codec == "none":
            return "as it is"
        return f"{self.codec}, {'quality' if self.codec == 'jpeg' else 'quantiser'} {self.level}"

    def of(self, crop: Image) -> Image:
        """The crop as it is delivered.

        Args:
            crop: uint8[H, W, 3], RGB.

        Raises:
            LpsrError: a video codec is asked for and PyAV is not installed.
        """
        height, width = crop.shape[:2]
        if self.width is not None and width > self.width:
            size = (self.width, max(round(self.width * height / width), _LEAST))
            crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self.codec == "none":
            return crop
        height, width = crop.shape[:2]
        # Video codecs take even sides.
        even = cv2.copyMakeBorder(crop, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        return transcode([np.asarray(even, np.uint8)], self.codec, self.level)[0][:height, :width]

"""What a decoder of video files is: it gives the frames of one file with the times that the container says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from lpsr_core.geometry import Image
from lpsr_core.settings import PIXEL_ASPECTS as PIXEL_ASPECTS

NO_FRAME = "the video holds no frame that can be decoded"
_SQUARE = 0.01
"""Pixels whose ratio differs less from 1 are square."""


@dataclass(frozen=True)
class Decoded:
    """A frame before it is made into a picture.

    Attributes:
        milliseconds: its time from the start of the file as the container says; anything, also not a number.
        picture: makes the picture, uint8[H, W, 3], RGB, upright and with square pixels; None where that fails.
    """

    milliseconds: float
    picture: Callable[[], Image | None]


@dataclass(frozen=True)
class Promise:
    """What a file's header says of its length.

    Attributes:
        frames: number of frames; 0 where it does not say.
        seconds: from the first frame to the end; 0 where it does not say.
        rate: frames a second; anything, also not a number.
    """

    frames: int
    seconds: float
    rate: float


class Decoder(Protocol):
    """Decodes one file, once."""

    promise: Promise

    @property
    def nothing(self) -> str:
        """Why no frame came, for messages."""

    def frames(self) -> Iterator[Decoded]:
        """All frames in the order in which they are shown; what cannot be decoded is left out."""

    def close(self) -> None:
        """Close the file."""


class Connection(Decoder, Protocol):
    """Decodes what a camera or a server sends."""

    @property
    def recorded(self) -> bool:
        """Whether it is a recording with a beginning and an end, and not what happens now."""

    @property
    def bursts(self) -> bool:
        """Whether its frames come many at once, and belong at the times that they carry."""

    @property
    def still(self) -> bool:
        """Whether it is a single picture."""

    @property
    def lost(self) -> str:
        """Why no more frames come, once they do not."""


def square_size(width: int, height: int, pixel_aspect: float) -> tuple[int, int]:
    """Width and height of a picture once its pixels are square: the shorter way is enlarged, so that nothing is lost.

    Args:
        width, height: in the file's own pixels.
        pixel_aspect: width of a pixel divided by its height (FFmpeg's sample aspect ratio); what cannot be meant
            counts as 1.

    >>> square_size(704, 288, 8 / 11)
    (704, 396)
    """
    if not math.isfinite(pixel_aspect) or not PIXEL_ASPECTS[0] <= pixel_aspect <= PIXEL_ASPECTS[1]:
        return width, height
    if abs(pixel_aspect - 1) < _SQUARE:
        return width, height
    if pixel_aspect > 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)

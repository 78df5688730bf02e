"""How videos are decoded, as far as a user may say so."""

from __future__ import annotations

from dataclasses import dataclass

from lpsr_core.settings import DECODERS as DECODERS


@dataclass(frozen=True)
class VideoOptions:
    """What a user knows better than a file or a camera.

    Attributes:
        stream: number of the stream to read among all of a file; None takes the largest video stream.
        pixel_aspect: width of a pixel divided by its height; None believes the file.
        decode: one of `DECODERS`.
    """

    stream: int | None = None
    pixel_aspect: float | None = None
    decode: str = "software"


DEFAULT = VideoOptions()
"""Believes what files and cameras say, and decodes on the processor."""

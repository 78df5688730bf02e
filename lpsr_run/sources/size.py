"""Pictures that are too large to decode, told by their header: a few bytes can hold a picture of gigabytes."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

FRAME_PIXELS = 1 << 26
"""Of a video's frame: twice as many as 8K has."""
STILL_PIXELS = 1 << 27
"""Of a still picture."""
_SIDE = 1 << 15


def too_large(width: int, height: int, most: int) -> str | None:
    """What is too large about a picture, for messages, or None where it can be decoded in bounded memory.

    Args:
        width, height: in pixels.
        most: pixels that it may have.
    """
    if width * height <= most and max(width, height) <= _SIDE:
        return None
    return f"{width}x{height} pixels are too many, at most {most / 1e6:.0f} million and {_SIDE} a side"


def encoded_too_large(data: bytes | memoryview | Any, most: int) -> str | None:
    """The same of an encoded picture, from its header; None also where that does not tell.

    Args:
        data: the file's bytes; the first ones suffice for most kinds.
        most: pixels that it may have.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow has a limit of its own, and warns of pictures that are not decoded here.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                return too_large(int(picture.width), int(picture.height), most)
    except Image.DecompressionBombError as error:
        count = re.search(r"\d+", str(error))
        millions = f"{int(count[0]) / 1e6:.0f} million" if count else "so many"
        return f"{millions} pixels are too many, at most {most / 1e6:.0f} million"
    except (OSError, ValueError, SyntaxError, TypeError, OverflowError, EOFError, KeyError, IndexError):
        return None

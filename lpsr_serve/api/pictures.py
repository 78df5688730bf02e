"""Uploaded pictures: their size is known before they are decoded."""

from __future__ import annotations

import warnings

from PIL import Image as PilImage

from lpsr_core.errors import LpsrError
from lpsr_run.sources import Frame, read_image
from lpsr_run.sources.images import HEIF_BRANDS
from lpsr_serve.api.uploads import ReceivedFile

_SIDE = 1 << 15


class NotAPictureError(LpsrError):
    """A file that is no picture, or none that can be decoded."""


class TooManyPixelsError(LpsrError):
    """A picture that would take more memory than one may."""


def decoded(file: ReceivedFile, most_pixels: int, position: int = 0) -> Frame:
    """Return an uploaded picture, turned upright; the first of several.

    Args:
        file: as it was received.
        most_pixels: largest picture that is decoded.
        position: of the picture among others.

    Raises:
        NotAPictureError: it cannot be decoded.
        TooManyPixelsError: its header says that it is too large.
    """
    width, height = _size(file)
    if width * height > most_pixels or max(width, height) > _SIDE:
        raise TooManyPixelsError(
            f"{file.name}: {width}x{height} pixels are too many, at most {most_pixels / 1e6:g} million and "
            f"{_SIDE} a side; make it smaller or cut it"
        )
    try:
        return Frame(file.name, position, 0.0, read_image(file.path), still=True)
    except LpsrError as error:
        raise NotAPictureError(str(error).replace(str(file.path), file.name)) from None


def _size(file: ReceivedFile) -> tuple[int, int]:
    """Width and height as the header says; what has no header that can be read is not decoded at all."""
    with file.path.open("rb") as stream:
        head = stream.read(12)
    try:
        if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
            import pillow_heif

            width, height = pillow_heif.open_heif(file.path, convert_hdr_to_8bit=False).size
            return int(width), int(height)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of its own limit
            with PilImage.open(file.path) as picture:
                return int(picture.width), int(picture.height)
    except PilImage.DecompressionBombError:
        raise TooManyPixelsError(f"{file.name}: has too many pixels; make it smaller or cut it") from None
    except ImportError:
        raise NotAPictureError(f"{file.name}: HEIC pictures need pip install 'lpsr[heic]' on the server") from None
    except (OSError, ValueError, SyntaxError, TypeError, OverflowError, EOFError, KeyError, IndexError, RuntimeError):
        raise NotAPictureError(f"{file.name}: not an image that can be decoded") from None

"""Pictures as a caller has them: paths, NumPy arrays and PIL images, as the RGB arrays of the runtime."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image
from lpsr_run.redact import shown
from lpsr_run.sources import read_image
from lpsr_run.sources.base import Frame

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

ImageLike: TypeAlias = "str | os.PathLike[str] | NDArray[np.uint8] | PilImage"
"""A path of an image file; uint8[H, W, 3] or gray uint8[H, W]; or a PIL image of any mode."""


def to_rgb(image: ImageLike, bgr: bool = False, name: str = "the image") -> Image:
    """Return a picture as the runtime takes it.

    Args:
        image: a path, an array or a PIL image. Files and PIL images are turned upright where they say how, and their
            transparency is dropped; of a file with several pictures it is the first. Of 16 bits a grey level the upper
            eight are taken, as OpenCV does; PIL images of mode F hold levels 0 to 1, or 0 to 255.
        bgr: whether colour arrays are BGR, as OpenCV gives them; files and PIL images know their own order.
        name: of the picture, for errors.

    Returns:
        uint8[H, W, 3], RGB, contiguous; the array itself where it is that already.

    Raises:
        UsageError: no such file, an array of another shape or dtype, a PIL image with levels that are none, or
            something else altogether.
        LpsrError: the file cannot be decoded.
    """
    if isinstance(image, (str, os.PathLike)):
        path = Path(image)
        if path.is_dir():
            raise UsageError(f"{shown(path)}: is a folder; give an image file, or the folder to Reader.stream")
        if not path.exists():
            raise UsageError(f"{shown(path)}: no such file")
        return read_image(path)
    if isinstance(image, np.ndarray):
        return _array(image, bgr, name)
    if _is_pil(image):
        return _pil(image, name)
    raise UsageError(f"{name} is of type {type(image).__name__}; give a path, a NumPy array or a PIL image")


def still_frames(images: Iterable[ImageLike], bgr: bool, caller: str) -> Iterator[Frame]:
    """Return the pictures of a list, each as a frame with its position in the list.

    Args:
        images: see `to_rgb`; taken one by one.
        bgr: see `to_rgb`.
        caller: name of the method that was called, for errors.

    Raises:
        UsageError: a single picture in place of a list, or no list at all; or as `to_rgb`.
        LpsrError: as `to_rgb`.
    """
    # Iterating over one picture would give its rows, and over one path its letters.
    if isinstance(images, (str, os.PathLike)) or _is_pil(images):
        raise UsageError(f"{caller} takes a list of images; give [image] for a single one")
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise UsageError(f"{caller} takes a list of images, or uint8[N, H, W, 3]; give [image] for a single one")
    if not isinstance(images, Iterable):
        raise UsageError(f"{caller} takes a list of images, not something of type {type(images).__name__}")
    return (one_frame(image, bgr, index) for index, image in enumerate(images))


def one_frame(image: ImageLike, bgr: bool, index: int | None = None) -> Frame:
    """Return one picture as a frame of its own.

    Args:
        image, bgr: see `to_rgb`.
        index: its position in a list; None for a single picture.
    """
    if isinstance(image, (str, os.PathLike)):
        source = name = shown(Path(image))
    else:
        name = "the image" if index is None else f"image {index}"
        source = name.removeprefix("the ")
    return Frame(source, index or 0, 0.0, to_rgb(image, bgr, name), still=True)


def _array(image: NDArray[Any], bgr: bool, name: str) -> Image:
    if image.dtype != np.uint8:
        hint = "; multiply by 255 and convert it" if np.issubdtype(image.dtype, np.floating) else ""
        raise UsageError(f"{name} has dtype {image.dtype}; give uint8, 0 to 255{hint}")
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or not image.size:
        shape = "x".join(map(str, image.shape)) or "no dimensions"
        hint = "; drop the fourth channel: image[..., :3]" if image.ndim == 3 and image.shape[2] == 4 else ""
        raise UsageError(f"{name} has shape {shape}; give height x width x 3, or height x width for gray{hint}")
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_GRAY2RGB), np.uint8)
    return np.ascontiguousarray(image[..., ::-1] if bgr else image)


def _is_pil(image: object) -> bool:
    """Whether this is a PIL image; who has none need not have PIL."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(image, pil.Image)


def _pil(image: Any, name: str) -> Image:
    from PIL import ImageOps

    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "F" or upright.mode.startswith("I"):
            return _array(_eight_bits(np.asarray(upright), name), False, name)
        return np.asarray(upright.convert("RGB"), np.uint8)
    except (OSError, SyntaxError) as error:  # PIL decodes a file when its pixels are asked for
        raise LpsrError(f"{name}: not an image that can be decoded: {error}") from None
    except ValueError as error:
        raise UsageError(f"{name} has mode {image.mode}: {error}; convert it to RGB") from None


def _eight_bits(levels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Grey levels of 16 bits, 32 bits or floating point as uint8; PIL's own conversion clips them at 255.

    Args:
        levels: integers of 8 or 16 bits in any type, or floating point from 0 to 1 or from 0 to 255.
        name: of the picture, for errors.

    Raises:
        UsageError: the levels are others.
    """
    floating = np.issubdtype(levels.dtype, np.floating)
    least, most = (levels.min(), levels.max()) if levels.size else (0, 0)
    if not (least >= 0 and most <= (255 if floating else 65535)):  # NaN is not
        wanted = "0 to 1 or 0 to 255" if floating else "0 to 65535"
        raise UsageError(f"{name} has grey levels from {least} to {most}; give {wanted}, or uint8, 0 to 255")
    if floating:
        return np.round(levels * 255 if most <= 1 else levels).astype(np.uint8)
    sixteen = levels.dtype.itemsize == 2 or most > 255
    return (levels >> 8 if sixteen else levels).astype(np.uint8)  # as OpenCV reads files

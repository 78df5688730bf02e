"""Still images, one or many; a file may hold several pages, or be animated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError, MissingExtraError
from lpsr_core.geometry import Image
from lpsr_run.redact import shown
from lpsr_run.sources.base import Frame, Report
from lpsr_run.sources.size import STILL_PIXELS, encoded_too_large

_HEIF_SUFFIXES = (".heic", ".heif", ".hif")
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".bmp", ".dib", ".webp", ".avif", ".gif", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".jp2", *_HEIF_SUFFIXES}
)
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_AT_ONCE = 16
"""Pictures of an animation that are decoded at once, and bound its memory."""


def read_image(path: Path) -> Image:
    """An image file as uint8[H, W, 3], RGB, turned upright where it says how; transparency is dropped.

    Of a file that holds several pictures, it is the first.

    Raises:
        LpsrError: it cannot be read, or is not an image.
    """
    return _first(path, _load(path))


def read_pages(path: Path) -> Iterator[Frame]:
    """All pictures of an image file: pages of a TIFF, frames of a GIF, WebP, AVIF or PNG animation, with its times.

    Raises:
        LpsrError: it cannot be read, or is not an image.
    """
    data = _load(path)
    if _animated(data) and hasattr(cv2, "imdecodeanimation"):
        yield from _animation(path, data)
    else:
        yield Frame(shown(path), 0, 0.0, _first(path, data), still=True)
        if data[:64].tobytes().startswith(_TIFF):
            yield from _further_pages(path, data)


def rgb(image: NDArray) -> Image:
    """uint8[H, W, 3], RGB, of a grey or BGR picture as OpenCV decodes it."""
    code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)


def _load(path: Path) -> NDArray[np.uint8]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LpsrError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None
    if not data:
        raise LpsrError(f"{shown(path)}: the file is empty")
    if (why := encoded_too_large(data, STILL_PIXELS)) is not None:
        raise LpsrError(f"{shown(path)}: {why}; make it smaller or cut it")
    return np.frombuffer(data, np.uint8)


def _first(path: Path, data: NDArray[np.uint8]) -> Image:
    if data[4:8].tobytes() == b"ftyp" and data[8:12].tobytes() in HEIF_BRANDS:
        return _heif(path, data)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or image.size == 0:
        raise LpsrError(f"{shown(path)}: not an image that can be decoded")
    return np.ascontiguousarray(image[..., ::-1], np.uint8)


def _heif(path: Path, data: NDArray[np.uint8]) -> Image:
    """A phone's HEIC picture, for which OpenCV has no decoder."""
    try:
        import pillow_heif
    except ImportError:
        raise LpsrError(f"{shown(path)}: {MissingExtraError('pillow-heif', 'heic')}") from None
    try:
        picture = pillow_heif.read_heif(data.tobytes()).to_pillow().convert("RGB")
    except (ValueError, OSError, SyntaxError, RuntimeError) as error:
        raise LpsrError(f"{shown(path)}: not a HEIC image that can be decoded: {error}") from None
    return np.asarray(picture, np.uint8)


def _further_pages(path: Path, data: NDArray[np.uint8]) -> Iterator[Frame]:
    """The second page of a TIFF and those behind it; one that cannot be decoded is the end."""
    for number in itertools.count(1):
        try:
            _, pages = cv2.imdecodemulti(data, cv2.IMREAD_COLOR, range=(number, number + 1))
        except cv2.error:
            return
        if not pages:
            return
        yield Frame(shown(path), number, 0.0, rgb(pages[0]), still=True)


def _animated(data: NDArray[np.uint8]) -> bool:
    head = data[:4096].tobytes()
    return (
        head.startswith(b"GIF8")
        or (head.startswith(b"RIFF") and b"ANIM" in head[:64])
        or (head.startswith(b"\x89PNG") and b"acTL" in head)
        or head[4:12] == b"ftypavis"
    )


def _animation(path: Path, data: NDArray[np.uint8]) -> Iterator[Frame]:
    count, time, still = 0, 0.0, True
    while True:
        try:
            _, found = cv2.imdecodeanimation(data, start=count, count=_AT_ONCE)
        except cv2.error:
            break
        if count == 0:
            still = len(found.frames) == 1
        for number, (image, duration) in enumerate(zip(found.frames, np.ravel(found.durations), strict=False), count):
            yield Frame(shown(path), number, time, np.ascontiguousarray(rgb(image[..., :3])), still)
            time += max(float(duration), 1.0)
        count += len(found.frames)
        if len(found.frames) < _AT_ONCE:
            break
    if count == 0:
        raise LpsrError(f"{shown(path)}: not an image that can be decoded")


class ImageSource:
    """Image files in order, each a source of its own whose pages are its frames.

    Args:
        paths: at least one.
        report: takes the files that cannot be decoded; they are skipped. None raises at the first.
    """

    live = False

    def __init__(self, paths: Sequence[Path], report: Report | None = None) -> None:
        self._paths, self._report = tuple(paths), report
        self.total: int | None = len(paths)

    def frames(self) -> Iterator[Frame]:
        for path in self._paths:
            try:
                yield from read_pages(path)
            except LpsrError as error:
                if self._report is None:
                    raise
                self._report(str(error))

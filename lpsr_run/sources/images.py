"""Still images, one or many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_run.sources.base import Frame, Report

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"})


def read_image(path: Path) -> Image:
    """An image file as uint8[H, W, 3], RGB, turned upright where it says how; transparency is dropped.

    Raises:
        LpsrError: it cannot be read, or is not an image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LpsrError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not data:
        raise LpsrError(f"{path}: the file is empty")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or image.size == 0:
        raise LpsrError(f"{path}: not an image that can be decoded")
    return np.ascontiguousarray(image[..., ::-1], np.uint8)


class ImageSource:
    """Image files in order, each a source of its own.

    Args:
        paths: at least one.
        report: takes the files that cannot be decoded; they are skipped. None raises at the first.
    """

    live = False

    def __init__(self, paths: Sequence[Path], report: Report | None = None) -> None:
        self._paths, self._report = tuple(paths), report

    @property
    def total(self) -> int | None:
        return len(self._paths)

    def frames(self) -> Iterator[Frame]:
        for path in self._paths:
            try:
                image = read_image(path)
            except LpsrError as error:
                if self._report is None:
                    raise
                self._report(str(error))
                continue
            yield Frame(str(path), 0, 0.0, image, still=True)

"""Video files, through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from lpsr_core.errors import LpsrError
from lpsr_run.quiet import silence_opencv
from lpsr_run.sources.base import Frame, Report, Source
from lpsr_run.sources.picture import rgb
from lpsr_run.sources.times import FrameTimes

_WHOLE = 0.9
"""A file that ends before this share of the frames that its header promises is reported as broken off."""
_MOST = 1e12
"""A header that promises more frames, or what is no number, promises nothing."""


class VideoFileSource:
    """One video file.

    Args:
        path: the file.
        stride: gives every so many frames, the first included; those between are not decoded into pictures.
        report: takes the line about a file that breaks off early.
    """

    live = False

    def __init__(self, path: Path, stride: int = 1, report: Report | None = None) -> None:
        self._path, self._stride, self._report = path, stride, report
        self._total: int | None = None

    @property
    def total(self) -> int | None:
        return self._total

    def frames(self) -> Iterator[Frame]:
        silence_opencv()
        try:
            if self._path.stat().st_size == 0:
                raise LpsrError(f"{self._path}: the file is empty")
            with self._path.open("rb"):
                pass
        except OSError as error:
            raise LpsrError(f"{self._path}: cannot be read: {error.strerror or error}") from None
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise LpsrError(f"{self._path}: not a video that can be decoded")
            counted = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            promised = int(counted) if 0 < counted < _MOST else 0
            self._total = -(-promised // self._stride) if promised > 0 else None
            times = FrameTimes(capture.get(cv2.CAP_PROP_FPS))
            index = 0
            while capture.grab():
                time = times.of(index, capture.get(cv2.CAP_PROP_POS_MSEC))
                if index % self._stride == 0:
                    ok, image = capture.retrieve()
                    if ok:
                        yield Frame(str(self._path), index, time, rgb(image), still=False)
                index += 1
            if index == 0:
                raise LpsrError(f"{self._path}: the video holds no frame that can be decoded")
            if index < _WHOLE * promised and self._report is not None:
                self._report(f"{self._path}: broke off after {index} of {promised} frames")
        finally:
            capture.release()


class ChainSource:
    """Several sources, one after the other.

    Args:
        parts: image and video sources.
        report: takes the line about a part that fails; the others still run.
    """

    live = False
    total: int | None = None

    def __init__(self, parts: Sequence[Source], report: Report) -> None:
        self._parts, self._report = tuple(parts), report

    def frames(self) -> Iterator[Frame]:
        for part in self._parts:
            try:
                yield from part.frames()
            except LpsrError as error:
                self._report(str(error))

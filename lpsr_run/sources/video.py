"""Video files, network streams and cameras, through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_run.quiet import silence_opencv
from lpsr_run.redact import redact
from lpsr_run.sources.base import Frame, Report, Source

_TIMEOUT_MS = 15_000
_WHOLE = 0.9
"""A file that ends before this share of the frames that its header promises is reported as broken off."""


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
            promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            self._total = -(-promised // self._stride) if promised > 0 else None
            rate = capture.get(cv2.CAP_PROP_FPS) or 25.0
            index, shown = 0, 0.0
            while capture.grab():
                # Files without timestamps say 0 throughout; the frame rate is the next best clock.
                shown = max(capture.get(cv2.CAP_PROP_POS_MSEC), shown)
                if index % self._stride == 0:
                    ok, image = capture.retrieve()
                    if ok:
                        time = shown if shown > 0 or index == 0 else 1000 * index / rate
                        yield Frame(str(self._path), index, time, _rgb(image), still=False)
                index += 1
            if index == 0:
                raise LpsrError(f"{self._path}: the video holds no frame that can be decoded")
            if index < _WHOLE * promised and self._report is not None:
                self._report(f"{self._path}: broke off after {index} of {promised} frames")
        finally:
            capture.release()


class StreamSource:
    """A network stream or a camera; ends when it does.

    Args:
        address: a URL, or a camera's number.
        stride: gives every so many frames.
    """

    live = True
    total: int | None = None

    def __init__(self, address: str | int, stride: int = 1) -> None:
        self._address, self._stride = address, stride
        self.name = f"camera {address}" if isinstance(address, int) else redact(address)

    def frames(self) -> Iterator[Frame]:
        silence_opencv()
        if isinstance(self._address, int):
            capture = cv2.VideoCapture(self._address)
        else:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
            capture = cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, limits)
        try:
            if not capture.isOpened():
                raise LpsrError(f"{self.name}: cannot be opened; check the address, the network and the credentials")
            start, index = perf_counter(), 0
            while capture.grab():
                if index % self._stride == 0:
                    ok, image = capture.retrieve()
                    if ok:
                        yield Frame(self.name, index, 1000 * (perf_counter() - start), _rgb(image), still=False)
                index += 1
            if index == 0:
                raise LpsrError(f"{self.name}: opened, but no frame came")
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


def _rgb(image: NDArray) -> Image:
    code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)

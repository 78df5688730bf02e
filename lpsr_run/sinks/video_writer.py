"""Writers of the annotated video: PyAV's keeps every frame's time, OpenCV's has one pace."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_run.process import silence_opencv
from lpsr_run.redact import shown
from lpsr_run.sinks.base import MAKE_ROOM

_CLOCK = 90_000
"""Ticks a second of the video's times."""
_OPTIONS = {"preset": "veryfast", "crf": "23", "tune": "zerolatency"}
"""Without latency no frame waits in the encoder while the disk fills up."""
_MOST_REPEATED = 3000
"""Times that OpenCV's writer repeats a frame at most where the next one comes late."""


class VideoWriter(Protocol):
    """Writes frames of one size, or raises `LpsrError`."""

    def write(self, canvas: Image, milliseconds: float) -> None:
        """Add a frame, uint8[H, W, 3], BGR, whose time is later than the last one's."""

    def close(self) -> None:
        """End the video."""


def open_writer(path: Path, width: int, height: int, rate: float) -> VideoWriter:
    """A writer of H.264 through PyAV, or of MPEG-4 through OpenCV where PyAV or its encoder is missing.

    Args:
        path: of the video; the ending decides the container.
        width, height: in pixels, even.
        rate: frames a second.

    Raises:
        LpsrError: a video cannot be written under that name.
    """
    try:
        return _PyAvWriter(path, width, height, rate)
    except (ImportError, LookupError, ValueError):
        return _OpenCvWriter(path, width, height, rate)


def unwritten(path: Path) -> LpsrError:
    """The error of a video that could not be written whole."""
    return LpsrError(f"{shown(path)}: the video could not be written whole; {MAKE_ROOM}")


class _PyAvWriter:
    def __init__(self, path: Path, width: int, height: int, rate: float) -> None:
        import av

        av.codec.Codec("libx264", "w")  # raises where this FFmpeg has no such encoder, before the file is touched
        self._av: Any = av
        self._path = path
        # With its index at the front a browser plays it while it loads.
        options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov", ".m4v") else {}
        self._container: Any = av.open(f"file:{path}", "w", options=options)
        self._stream: Any = self._container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.options = dict(_OPTIONS)
        self._stream.codec_context.time_base = Fraction(1, _CLOCK)
        self._last = -1

    def write(self, canvas: Image, milliseconds: float) -> None:
        frame = self._av.VideoFrame.from_ndarray(canvas, format="bgr24")
        self._last = max(round(milliseconds * _CLOCK / 1000), self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, _CLOCK)
        self._encode(frame)

    def close(self) -> None:
        try:
            self._encode(None)
        finally:
            try:
                self._container.close()
            except self._av.error.FFmpegError:
                raise unwritten(self._path) from None

    def _encode(self, frame: Any) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except self._av.error.FFmpegError:
            raise unwritten(self._path) from None


class _OpenCvWriter:
    def __init__(self, path: Path, width: int, height: int, rate: float) -> None:
        silence_opencv()
        self._rate, self._count = rate, 0
        self._before: Image | None = None
        if shown(path) != str(path):  # a name that OpenCV cannot take
            raise LpsrError(f"{shown(path)}: cannot be written as a video; give a name in UTF-8")
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
        if not self._writer.isOpened():
            raise LpsrError(f"{shown(path)}: cannot be written as a video; give a name that ends in .mp4")

    def write(self, canvas: Image, milliseconds: float) -> None:
        # The frame before stays until this one's time has come.
        late = min(round(milliseconds * self._rate / 1000) - self._count, _MOST_REPEATED)
        for _ in range(late if self._before is not None else 0):
            self._put(self._before)
        self._put(canvas)
        self._before = canvas

    def close(self) -> None:
        self._writer.release()

    def _put(self, canvas: Image | None) -> None:
        if canvas is not None:
            self._writer.write(canvas)
            self._count += 1

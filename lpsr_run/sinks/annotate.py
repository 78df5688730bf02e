"""The video of a run with boxes and texts drawn into it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, Quad
from lpsr_run.sinks.base import MAKE_ROOM, why
from lpsr_run.sinks.video_writer import VideoWriter, open_writer, unwritten
from lpsr_run.sources.names import ffmpeg_name
from lpsr_run.sources.times import FrameTimes

_SURE = (60, 220, 90)
_UNSURE = (170, 170, 170)
_PACED = 8
"""Frames whose times decide a video's pace."""
_RATE, _RATES = 25.0, (0.01, 120.0)
"""Frames a second of a video whose frames have no times, and the least and most of any."""
_ROOM, _ROOM_FRAME = 4 << 20, 64
"""Bytes of the disk that are left free, in all and for each frame: a video whose index finds no room is lost."""
_WHOLE = 0.9
"""A video that holds less than this share of its frames at the end could not be written."""


@dataclass(frozen=True)
class Mark:
    """What to draw around a plate.

    Attributes:
        quad: its corners in the frame, in pixels.
        text: what its track reads so far.
        confidence: of that text, 0..1.
        accepted: whether it would be reported; others get a gray box without a text.
    """

    quad: Quad
    text: str
    confidence: float
    accepted: bool


class VideoSink:
    """Writes frames with their marks as an MP4 video.

    The first frame decides the video's size; frames of another size are shrunk or enlarged into it with their
    shape kept. Every frame keeps its time; where frames have none, the first few decide the pace.

    Args:
        path: of the video.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._rate = path, _RATE
        self._waiting: list[tuple[Image, float]] = []
        self._writer: VideoWriter | None = None
        self._times = FrameTimes(_RATE)
        self._start = 0.0
        self._size = (0, 0)
        self._count = 0

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._waiting and error is None:
            self._begin()
        if self._writer is not None:
            try:
                self._writer.close()
            except LpsrError:
                if error is None:
                    raise
            if error is None:
                self._check()

    def show(self, image: Image, marks: Sequence[Mark], milliseconds: float = 0.0) -> None:
        """Adds a frame.

        Args:
            image: uint8[H, W, 3], RGB; left as it is.
            marks: the plates in it.
            milliseconds: its time.

        Raises:
            LpsrError: the video cannot be written; on a full disk it ends before, whole.
        """
        self._look_for_room()
        canvas = np.ascontiguousarray(image[..., ::-1])
        for mark in marks:
            draw_mark(canvas, mark)
        if self._writer is None:
            if not self._waiting:
                self._make()
            self._waiting.append((canvas, milliseconds))
            if len(self._waiting) == _PACED:
                self._begin()
            return
        self._write(canvas, milliseconds)

    def _begin(self) -> None:
        """Opens the video with the frames that waited for its pace to be known."""
        times = [milliseconds for _, milliseconds in self._waiting]
        if len(times) > 1 and (gap := float(np.median(np.diff(times)))) > 0:
            self._rate = float(np.clip(1000 / gap, *_RATES))
        self._times, self._start = FrameTimes(self._rate), times[0]
        first = self._waiting[0][0]
        # The codec wants even sizes.
        self._size = max(first.shape[1] - first.shape[1] % 2, 2), max(first.shape[0] - first.shape[0] % 2, 2)
        self._writer = open_writer(self._path, *self._size, self._rate)
        for canvas, milliseconds in self._waiting:
            self._write(canvas, milliseconds)
        self._waiting = []

    def _write(self, canvas: Image, milliseconds: float) -> None:
        assert self._writer is not None
        time = self._times.of(self._count, milliseconds - self._start)
        self._writer.write(_fitted(canvas, self._size), time)
        self._count += 1

    def _look_for_room(self) -> None:
        """OpenCV does not say when the disk is full, and loses the video with its index."""
        try:
            disk = shutil.disk_usage(self._path.parent)
        except OSError:  # the folder is not there yet
            return
        if disk.total and disk.free < _ROOM + _ROOM_FRAME * self._count:
            raise LpsrError(
                f"{self._path}: less than {_ROOM >> 20} MiB are left on its disk; {MAKE_ROOM}; "
                "what was written before is kept"
            )

    def _check(self) -> None:
        """Nor does it say that it could not write for another reason: what it wrote is looked at."""
        with ffmpeg_name(self._path) as name:
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        held = capture.get(cv2.CAP_PROP_FRAME_COUNT) if capture.isOpened() else 0.0
        capture.release()
        if not held >= _WHOLE * self._count:
            raise unwritten(self._path)

    def _make(self) -> None:
        """The file, so that a wrong path is told at once."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("wb"):
                pass
        except OSError as error:
            raise LpsrError(f"{self._path}: cannot be written: {why(error)}") from None


def draw_mark(canvas: Image, mark: Mark) -> None:
    """Draw a plate's box and text.

    Args:
        canvas: uint8[H, W, 3], BGR, contiguous; drawn into.
        mark: in pixels of the canvas.
    """
    colour = (_SURE if mark.accepted else _UNSURE)[::-1]
    thickness = max(1, round(canvas.shape[1] / 500))
    points = np.rint(mark.quad.array).astype(np.int32)
    cv2.polylines(canvas, [points], True, colour, thickness, cv2.LINE_AA)
    if not mark.accepted:
        return
    text, face = f"{mark.text} {mark.confidence:.2f}", cv2.FONT_HERSHEY_SIMPLEX
    size = max(0.5, canvas.shape[1] / 1600)
    (width, height), base = cv2.getTextSize(text, face, size, thickness)
    x = int(np.clip(points[:, 0].min(), 0, max(canvas.shape[1] - width, 0)))
    y = int(points[:, 1].min()) - base
    if y - height < 0:
        y = int(points[:, 1].max()) + height + base
    cv2.rectangle(canvas, (x, y - height - 2), (x + width, y + base), (0, 0, 0), cv2.FILLED)
    cv2.putText(canvas, text, (x, y), face, size, colour, thickness, cv2.LINE_AA)


def _fitted(canvas: Image, size: tuple[int, int]) -> Image:
    """The picture in another size, bars where its shape differs."""
    height, width = canvas.shape[:2]
    if (width, height) == size:
        return canvas
    if 0 <= width - size[0] <= 1 and 0 <= height - size[1] <= 1:
        return np.ascontiguousarray(canvas[: size[1], : size[0]])
    factor = min(size[0] / width, size[1] / height)
    inner = max(round(width * factor), 1), max(round(height * factor), 1)
    result: Image = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    result[top : top + inner[1], left : left + inner[0]] = cv2.resize(canvas, inner, interpolation=cv2.INTER_AREA)
    return result

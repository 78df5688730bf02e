"""Network streams and cameras: they break off and come back, and a quiet one is not a dead one."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Literal

import cv2

from lpsr_core.errors import LpsrError
from lpsr_run.quiet import silence_opencv
from lpsr_run.redact import redact
from lpsr_run.sources.base import Frame
from lpsr_run.sources.picture import pixel_aspect, rgb, squared

PIPELINE = "gst:"
"""Begins a GStreamer pipeline, which ends in an appsink: `gst:rtspsrc location=… ! … ! appsink`."""
_OPEN_SECONDS = 15.0
_QUIET = 10.0
"""A connection is given up after so many times the longest gap between frames that it has shown."""
_PATIENCE = 10.0
"""And at most after so many times the silence that was asked for: one hiccup must not hide a death for hours."""
_WHOLE = 0.9
"""A stream that promised a number of frames and gave this share of them has come to its end."""


@dataclass(frozen=True)
class Retry:
    """How a lost connection is brought back: exponential back-off with jitter.

    Attributes:
        first, longest: seconds of the first and of the longest delay.
        give_up: seconds without any frame after which the source fails; None never gives up.
        silence: seconds without a frame after which a connection is taken for dead, unless the source has shown
            that it is slow.
    """

    first: float = 0.5
    longest: float = 30.0
    give_up: float | None = None
    silence: float = 30.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; no two sources come back at once."""
        return min(self.longest, self.first * 2.0 ** min(failures, 20)) * random.uniform(0.5, 1.0)


Happening = Literal["connected", "lost"]
Notice = Callable[[Happening, str, float], None]
"""Told of a connection: what happened, why, and the seconds until the next attempt."""


class LiveSource:
    """A network stream or a camera.

    Args:
        address: a URL, a GStreamer pipeline, or a camera's number.
        stride: gives every so many frames.
        retry: how it comes back; None ends with the connection.
        notice: told of connections and losses.
        stop: set by others when no more frames are wanted.
    """

    live = True
    total: int | None = None

    def __init__(
        self,
        address: str | int,
        stride: int = 1,
        retry: Retry | None = None,
        notice: Notice = lambda happening, why, delay: None,
        stop: threading.Event | None = None,
    ) -> None:
        self._address, self._stride, self._retry, self._notice = address, stride, retry, notice
        self._stop = stop or threading.Event()
        self.name = f"camera {address}" if isinstance(address, int) else redact(address)
        self._index = 0
        self._slowest = 0.0
        self._complete = False

    def frames(self) -> Iterator[Frame]:
        """The frames as they come, numbered through over all connections.

        Raises:
            LpsrError: it cannot be opened, or gave nothing for as long as `give_up` says.
        """
        silence_opencv()
        start = last = monotonic()
        failures = 0
        while not self._stop.is_set():
            why, gap = f"{self.name}: the stream ended", True
            before = self._index
            try:
                for frame in self._connection(start):
                    if gap:
                        self._notice("connected", "", 0.0)
                    yield frame if not gap else _after_gap(frame)
                    gap, last, failures = False, monotonic(), 0
                if self._index == before:
                    why = f"{self.name}: opened, but no frame came"
            except LpsrError as error:
                why = str(error)
            if self._complete or self._stop.is_set():
                return
            if self._retry is None:
                if self._index == 0:
                    raise LpsrError(why)
                return
            patience = self._retry.give_up
            if patience is not None and monotonic() - last >= patience:
                raise LpsrError(f"{why}; given up after {patience:g} s without a frame")
            delay = self._retry.delay(failures)
            failures += 1
            self._notice("lost", why, delay)
            self._stop.wait(delay)

    def _connection(self, start: float) -> Iterator[Frame]:
        """The frames of one connection; times are from the start of the run."""
        capture = self._open()
        try:
            if not capture.isOpened():
                raise LpsrError(f"{self.name}: cannot be opened; check the address, the network and the credentials")
            promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            count, last, aspect = 0, None, pixel_aspect(capture)
            while not self._stop.is_set() and capture.grab():
                now = monotonic()
                if last is not None:
                    self._slowest = max(self._slowest, now - last)
                last = now
                if self._index % self._stride == 0:
                    ok, image = capture.retrieve()
                    if ok:
                        picture = squared(rgb(image), aspect)
                        yield Frame(self.name, self._index, 1000 * (now - start), picture, False, taken=time())
                self._index += 1
                count += 1
            self._complete = count > 0 and 0 < _WHOLE * promised <= count
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        if isinstance(self._address, int):
            return cv2.VideoCapture(self._address)
        if self._address.startswith(PIPELINE):
            return cv2.VideoCapture(self._address.removeprefix(PIPELINE), cv2.CAP_GSTREAMER)
        silence = self._retry.silence if self._retry else _OPEN_SECONDS
        silence = max(silence, min(_QUIET * self._slowest, _PATIENCE * silence))
        limits = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * _OPEN_SECONDS)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * silence)),
        ]
        return cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, limits)


def has_gstreamer() -> bool:
    """Whether this OpenCV runs GStreamer pipelines, as a Jetson's does for its hardware decoder."""
    line = next((line for line in cv2.getBuildInformation().splitlines() if "GStreamer:" in line), "")
    return "YES" in line


def _after_gap(frame: Frame) -> Frame:
    """The first frame of a connection: what was followed before it is not followed on."""
    return replace(frame, gap=True)

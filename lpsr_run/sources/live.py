"""Network streams and cameras: they break off and come back, and a quiet one is not a dead one."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from math import isfinite
from time import monotonic, time
from typing import Literal

import cv2

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.redact import redact
from lpsr_run.sources.base import Frame, Report
from lpsr_run.sources.decoding import Connection, Decoded
from lpsr_run.sources.opencv_decoder import OpenCvConnection
from lpsr_run.sources.options import DEFAULT, VideoOptions
from lpsr_run.sources.pyav_decoder import NetworkLimits, PyAvDecoder
from lpsr_run.sources.recorded import broken_off, recorded_frames
from lpsr_run.sources.unreachable import RefusedError

PIPELINE = "gst:"
"""Begins a GStreamer pipeline, which ends in an appsink: `gst:rtspsrc location=… ! … ! appsink`."""
_OPEN_SECONDS = 15.0
_QUIET = 3.0
"""A connection is given up after so many times the longest gap between frames that the one before has shown, and at
most after so many times the silence that was asked for: one hiccup must not hide a death."""
_BEHIND = 1.0
"""Seconds that frames of a stream of bursts may be late before all later ones are as late."""


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
    """A network stream or a camera; or a recording, where that turns out to be what a web server has at the address.

    Args:
        address: a URL, a GStreamer pipeline, or a camera's number.
        stride: gives every so many frames.
        retry: how it comes back; None ends with the connection.
        notice: told of connections and losses.
        stop: set by others when no more frames are wanted.
        options: what the user knows better than the camera.
        report: takes the line about a recording that breaks off early.
        note: takes the line about streams that are left out.

    Attributes:
        live: whether frames come as they happen; False from the moment at which it is known for a recording.
    """

    total: int | None = None

    def __init__(
        self,
        address: str | int,
        stride: int = 1,
        retry: Retry | None = None,
        notice: Notice = lambda happening, why, delay: None,
        stop: threading.Event | None = None,
        options: VideoOptions = DEFAULT,
        report: Report | None = None,
        note: Report = lambda line: None,
    ) -> None:
        self.live = True
        self._options, self._report, self._note = options, report, note
        self._address, self._stride, self._retry, self._notice = address, stride, retry, notice
        self._stop = stop or threading.Event()
        self.name = f"camera {address}" if isinstance(address, int) else redact(address)
        self._index = 0
        self._slowest = 0.0
        self._complete = False
        self._why = ""
        self._said: set[str] = set()

    def frames(self) -> Iterator[Frame]:
        """The frames as they come, numbered through over all connections.

        Raises:
            LpsrError: it cannot be opened, or gave nothing for as long as `give_up` says.
        """
        start = last = monotonic()
        failures = 0
        while not self._stop.is_set():
            gap, refused = True, False
            self._why = f"{self.name}: the stream ended"
            try:
                for frame in self._connection(start):
                    if gap:
                        self._notice("connected", "", 0.0)
                    yield frame if not gap or not self.live else replace(frame, gap=True)
                    gap, last, failures = False, monotonic(), 0
            except UsageError:
                raise
            except LpsrError as error:
                if not self.live:
                    raise
                self._why, refused = str(error), isinstance(error, RefusedError)
            why = self._why
            if self._complete or self._stop.is_set():
                return
            if self._retry is None:
                if self._index == 0:
                    raise LpsrError(why)
                return
            patience = self._retry.give_up
            if patience is not None and monotonic() - last >= patience:
                raise LpsrError(f"{why}; given up after {patience:g} s without a frame")
            delay = self._retry.longest if refused else self._retry.delay(failures)
            failures += 1
            self._notice("lost", why, delay)
            self._stop.wait(delay)

    def _connection(self, start: float) -> Iterator[Frame]:
        """The frames of one connection; times are from the start of the run, or of the recording."""
        with closing(self._open()) as connection:
            if connection.recorded:
                self.live = False
                self.total = connection.promise.frames // self._stride or None
                if connection.still:
                    self._told(f"{self.name}: is a single picture and read once; for a video, give the camera's stream")
                yield from recorded_frames(connection, self.name, self._stride, self._report)
                self._complete = True
                return
            count, slowest = 0, 0.0
            first = last = monotonic()
            for decoded in self._in_time(connection):
                now = monotonic()
                if count:
                    slowest = self._slowest = max(slowest, now - last)
                else:
                    first = now
                last = now
                if self._index % self._stride == 0 and (picture := decoded.picture()) is not None:
                    yield Frame(self.name, self._index, 1000 * (now - start), picture, False, taken=time())
                self._index += 1
                count += 1
                if self._stop.is_set():
                    return
            promised = connection.promise.frames or connection.promise.seconds
            whole = broken_off(connection.promise, count, last - first) is None
            self._complete = bool(count and promised and whole)
            self._why = f"{self.name}: {connection.lost if count else connection.nothing}"

    def _in_time(self, connection: Connection) -> Iterator[Decoded]:
        """The frames of a connection as they come, or, where they come in bursts, at the pace of their times."""
        bursts = connection.bursts
        begun: float | None = None
        for decoded in connection.frames():
            if bursts and isfinite(decoded.milliseconds):
                due = decoded.milliseconds / 1000
                early = due - (monotonic() - begun) if begun is not None else 0.0
                if begun is None or not -_BEHIND <= early <= _OPEN_SECONDS:  # the first, late, or times that jump
                    begun = monotonic() - due
                elif early > 0:
                    self._stop.wait(early)
            yield decoded

    def _open(self) -> Connection:
        silence = self._retry.silence if self._retry else _OPEN_SECONDS
        silence = min(max(silence, _QUIET * self._slowest), _QUIET * silence)
        address = self._address
        pipeline = isinstance(address, str) and address.startswith(PIPELINE)
        if isinstance(address, str) and not pipeline:
            with suppress(ImportError):
                limits = NetworkLimits(_OPEN_SECONDS, silence)
                return PyAvDecoder(address, self.name, self._options, self._told, limits)
        target = address.removeprefix(PIPELINE) if isinstance(address, str) else address
        return OpenCvConnection(target, pipeline, self.name, self._options, (_OPEN_SECONDS, silence))

    def _told(self, line: str) -> None:
        """Passes a line on once, and not with every connection."""
        if line not in self._said:
            self._said.add(line)
            self._note(line)


def has_gstreamer() -> bool:
    """Whether this OpenCV runs GStreamer pipelines, as a Jetson's does for its hardware decoder."""
    line = next((line for line in cv2.getBuildInformation().splitlines() if "GStreamer:" in line), "")
    return "YES" in line

"""One camera of a file as a source of frames: closed outside its hours, opened anew when its settings change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from time import monotonic

import cv2
import numpy as np

from lpsr_core.geometry import Image
from lpsr_run.cameras.polygon import Polygon
from lpsr_run.cameras.settings import Camera
from lpsr_run.sources.base import Frame, Report, Source
from lpsr_run.sources.named import NamedSource
from lpsr_run.state import SourceState

_ASKED_SECONDS = 0.5
"""Between two looks at the clock while a camera is outside its hours."""
_MASK = (114, 114, 114)


class Until(threading.Event):
    """Set when nobody wants more of one connection: it was set itself, the run is over, or the hours are.

    Args:
        run: set when the run is over.
        closed: whether the camera is outside its hours.
    """

    def __init__(self, run: threading.Event, closed: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self._run, self._closed = run, closed

    @property
    def asked(self) -> bool:
        """Whether it was set itself."""
        return super().is_set()

    def is_set(self) -> bool:
        """Whether nobody wants more."""
        return super().is_set() or self._run.is_set() or self._closed()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nobody wants more, or for so many seconds."""
        until = None if timeout is None else monotonic() + timeout
        while not self.is_set():
            left = _ASKED_SECONDS if until is None else min(until - monotonic(), _ASKED_SECONDS)
            if left <= 0:
                return False
            super().wait(left)
        return True


Open = Callable[[Camera, threading.Event], Source]
"""Opens what a camera's address names; the event is set when no more frames are wanted."""


class CameraSource:
    """The frames of a camera, as long as it is in the file.

    Args:
        camera: as the file says now.
        opener: opens its address.
        stop: set when the run is over.
        state: of the source; says when the camera is outside its hours.
        note: takes a line about each mask that lies outside the frame.

    Attributes:
        camera: as the file says; None once it was removed.
        last: as the file said last.
        ended: whether no more frames come, whatever the file says.

    Raises:
        UsageError: nothing has its address.
    """

    def __init__(
        self,
        camera: Camera,
        opener: Open,
        stop: threading.Event,
        state: SourceState,
        note: Report = lambda line: None,
    ) -> None:
        self.camera: Camera | None = camera
        self.last = camera
        self.name, self.ended = camera.name, False
        self._opener, self._stop, self._state, self._note = opener, stop, state, note
        self._lock = threading.Lock()
        self._until, self._source = self._opened(camera)

    @property
    def total(self) -> int | None:
        return self._source.total

    @property
    def live(self) -> bool:
        return self._source.live

    def change(self, camera: Camera | None) -> None:
        """Go on with other settings, or end where there are none.

        Raises:
            UsageError: nothing has the new address; the camera goes on as it was.
        """
        opened = None if camera is None else self._opened(camera)
        with self._lock:
            before, self.camera = self._until, camera
            if camera is not None and opened is not None:
                self.last, (self._until, self._source) = camera, opened
        before.set()

    def frames(self) -> Iterator[Frame]:
        """The frames under the camera's name, numbered through over all changes.

        Raises:
            LpsrError: the camera fails, as its source says.
        """
        try:
            yield from self._all()
        finally:
            self.ended = True

    def _all(self) -> Iterator[Frame]:
        start, index, again = monotonic(), 0, False
        looked_at: Camera | None = None
        while not self._stop.is_set():
            with self._lock:
                camera, until, source = self.camera, self._until, self._source
            if camera is None:
                return
            if source.live and not _open_now(camera):
                self._state.status, self._state.error = "waiting", "outside its hours"
                self._stop.wait(_ASKED_SECONDS)
                continue
            first, passed = index, 1000 * (monotonic() - start) if again else 0.0
            gap = again
            for frame in source.frames():
                if until.asked or self._stop.is_set():
                    break
                if camera is not looked_at:
                    self._note_outside(camera, frame.image)
                    looked_at = camera
                index = first + frame.index + 1
                yield replace(
                    frame,
                    index=first + frame.index,
                    milliseconds=passed + frame.milliseconds,
                    image=masked(frame.image, camera.masks),
                    gap=frame.gap or gap,
                )
                gap = False
            again = True
            if not until.asked and (not source.live or _open_now(camera)):
                return  # it ended by itself
            with self._lock:
                if source is self._source and camera is self.camera:  # sources give their frames once
                    self._until, self._source = self._opened(camera)

    def _note_outside(self, camera: Camera, image: Image) -> None:
        height, width = image.shape[:2]
        for number, mask in enumerate(camera.masks, start=1):
            if not mask.meets(image):
                self._note(f"camera {camera.name!r}: mask {number} lies outside the frame of {width}x{height} pixels")

    def _opened(self, camera: Camera) -> tuple[Until, Source]:
        until = Until(self._stop)
        source = NamedSource(self._opener(camera, until), camera.name)
        if source.live:
            until = Until(self._stop, lambda: not _open_now(camera))
            source = NamedSource(self._opener(camera, until), camera.name)
        return until, source


def masked(image: Image, masks: tuple[Polygon, ...]) -> Image:
    """Paint masks over a frame.

    Args:
        image: uint8[H, W, 3]; left as it is.
        masks: what nobody is to see.
    """
    if not masks:
        return image
    painted = image.copy()
    for mask in masks:
        cv2.fillPoly(painted, [np.round(mask.pixels(image)).astype(np.int32)], _MASK)
    return painted


def _open_now(camera: Camera) -> bool:
    return camera.schedule is None or camera.schedule.open_at(datetime.now(timezone.utc))

"""One camera: a thread that takes its frames through the runtime's pipeline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lpsr_core.errors import LpsrError
from lpsr_run.cameras import Camera, CamerasFile
from lpsr_run.pipeline.camera_set import CameraSet
from lpsr_run.pipeline.stream import PlateStream
from lpsr_run.sinks.annotate import Mark
from lpsr_run.sources.base import Frame
from lpsr_run.sources.merge import Ended, Item, Merged
from lpsr_run.state import RunState, SourceState
from lpsr_serve.cameras.snapshot import LastPicture
from lpsr_serve.inference.networks import Networks
from lpsr_serve.store.recorder import Recorder

_log = logging.getLogger("lpsr.serve")
_LEAVE_SECONDS = 5.0
_FILE = Path("cameras")
"""Names the file in errors about a camera that came through the API."""

State = Literal["starting", "running", "waiting", "ended", "failed", "stopped", "paused"]


@dataclass
class Totals:
    """What a camera did since the server started, over all its connections and pauses."""

    frames: int = 0
    dropped: int = 0
    reconnects: int = 0
    reads: int = 0
    left_out: int = 0


class CameraRunner:
    """Reads a camera's plates in a thread of its own, until it is stopped; it can be started again.

    Args:
        camera: what it is.
        networks: shared with all others.
        recorder: takes its reads.
        keep_frames: whether a small copy of each read's frame is kept.
        latency: takes, for each live frame, the seconds from its capture until its plates were read.

    Attributes:
        camera: what it is.
        picture: the last one.
        paused: whether somebody paused it.
        state: of its current or last connection.
    """

    def __init__(
        self,
        camera: Camera,
        networks: Networks,
        recorder: Recorder,
        keep_frames: bool,
        latency: Callable[[float], None],
    ) -> None:
        self.camera = camera
        self.picture = LastPicture()
        self.paused = False
        self._networks, self._recorder = networks, recorder
        self._keep_frames, self._latency = keep_frames, latency
        self._before = Totals()
        self.state = SourceState(camera.name)
        self._stream: PlateStream | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def status(self) -> State:
        """What it does."""
        return "paused" if self.paused else self.state.status

    @property
    def totals(self) -> Totals:
        """What it did so far."""
        now = self.state
        return Totals(**{name: before + getattr(now, name) for name, before in vars(self._before).items()})

    @property
    def open_tracks(self) -> int:
        """Number of plates that are being followed."""
        return 0 if self._stream is None else self._stream.open_tracks

    def start(self) -> None:
        """Start reading; nothing happens where it runs already. Where it is still ending, it starts after that."""
        with self._starting:
            self.paused = False
            before = self._thread if self.alive else None
            if before is not None and not self._stop.is_set():
                return
            self._stop = threading.Event()
            arguments = self._stop, before
            self._thread = threading.Thread(target=self._run, args=arguments, name=self.camera.name, daemon=True)
            if before is None:
                self._begin()
            self._thread.start()

    def stop(self, wait: bool = True) -> None:
        """Stop reading: plates that are being followed are read to their end.

        Args:
            wait: whether to wait until that is done, for some seconds at most.
        """
        self._stop.set()
        if wait and self._thread is not None:
            self._thread.join(_LEAVE_SECONDS)

    def pause(self) -> None:
        """Stop reading until it is started again."""
        self.paused = True
        self.stop()

    def _begin(self) -> None:
        """Count on from what was counted so far."""
        self._before, self.state = self.totals, SourceState(self.camera.name)

    def _run(self, stop: threading.Event, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
            self._begin()
        try:
            self._read(stop)
        except Exception as error:
            self.state.status, self.state.error = "failed", str(error)
            if isinstance(error, LpsrError):
                _log.error("%s: %s", self.camera.name, error)
            else:
                _log.exception("%s: failed", self.camera.name)
        finally:
            self._stream = None

    def _read(self, stop: threading.Event) -> None:
        networks, state = self._networks, RunState()
        cameras = CameraSet(
            CamerasFile(_FILE, (self.camera,)), networks.config, state, self._skipped, self._noted, stop
        )
        (source,), (self.state,) = cameras.sources, state.sources
        stream = networks.stream(networks.config, source.live, self._keep_frames)
        stream.left_out = self._left_out
        stream.settings = cameras.settings(networks.locator)
        if networks.watched is None:
            stream.show = self._show
        self._stream = stream
        with closing(Merged([source], state, stop, stop.is_set)) as merged:
            for event in stream.reads(networks.by_turns(self._logged(item) for item in merged)):
                if event.event == "final":
                    self.state.reads += 1
                self._recorder.put(event)

    def _logged(self, item: Item) -> Item:
        if isinstance(item, Ended) and item.failure is not None:
            _log.error("%s: %s", self.camera.name, item.failure)
        return item

    def _show(self, frame: Frame, marks: list[Mark]) -> None:
        self.picture.show(frame, marks)
        if frame.taken is not None:
            self._latency(max(time.time() - frame.taken, 0.0))

    def _left_out(self, *_: object) -> None:
        self.state.left_out += 1

    def _skipped(self, line: str) -> None:
        _log.warning("%s: skipped: %s", self.camera.name, line)

    def _noted(self, line: str) -> None:
        _log.info("%s: %s", self.camera.name, line)

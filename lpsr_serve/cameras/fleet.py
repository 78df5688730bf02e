"""All cameras of a server: added, paused, resumed and removed while the others go on."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_run.cameras import Camera, CamerasFile, load_cameras
from lpsr_run.sinks.base import write_failed
from lpsr_run.sinks.files import replace_file
from lpsr_serve.cameras.runner import CameraRunner

_log = logging.getLogger("lpsr.serve")


@dataclass(frozen=True)
class NewSource:
    """A source that somebody adds through the API; fields as of `Camera`."""

    name: str
    address: str
    layouts: tuple[str, ...] | None = None
    min_confidence: float | None = None
    pixel_aspect: float | None = None
    stride: int = 1
    silence: float = 30.0
    give_up: float = 0.0

    def camera(self) -> Camera:
        """Return it as a camera.

        Raises:
            UsageError: there is no such layout.
        """
        layouts = None if self.layouts is None else parse_layouts(self.layouts)
        return Camera(**{**vars(self), "layouts": layouts})


class UnknownSourceError(LpsrError):
    """No source has that name."""


class SourceExistsError(LpsrError):
    """A source has that name already."""


class TooManySourcesError(LpsrError):
    """The server has as many sources as it may."""


class Fleet:
    """The cameras of the cameras file, and those that were added through the API.

    What the API changed outlives a restart: it is kept in a file, whose folder its owner alone can enter, as
    addresses hold passwords. A camera of the cameras file that the API removes is back at the next start, or when the
    file is read again.

    Args:
        runner: makes the runner of a camera.
        most: cameras at a time.
        kept: the file of what the API changed.
        file: the cameras file; None for none.

    Raises:
        UsageError: a file cannot be read.
    """

    def __init__(
        self, runner: Callable[[Camera], CameraRunner], most: int, kept: Path, file: CamerasFile | None
    ) -> None:
        self._runner, self._most, self._kept, self._file = runner, most, kept, file
        self._lock = threading.RLock()
        self._runners: dict[str, CameraRunner] = {}
        self._added: dict[str, NewSource] = {}
        told = _load(kept)
        cameras = [] if file is None else [*file.enabled]
        for values in told["added"]:
            new = NewSource(**{**values, "layouts": None if values["layouts"] is None else tuple(values["layouts"])})
            if all(camera.name != new.name for camera in cameras):
                self._added[new.name] = new
                cameras.append(new.camera())
        for camera in cameras:
            self._runners[camera.name] = runner(camera)
            self._runners[camera.name].paused = camera.name in told["paused"]

    def __iter__(self) -> Any:
        with self._lock:
            return iter(list(self._runners.values()))

    def __len__(self) -> int:
        return len(self._runners)

    def find(self, name: str) -> CameraRunner:
        """Return the runner of a camera.

        Raises:
            UnknownSourceError: there is none.
        """
        with self._lock:
            if name not in self._runners:
                raise UnknownSourceError(f"no source is called {name!r}")
            return self._runners[name]

    def start(self) -> None:
        """Start all that are not paused."""
        for runner in self:
            if not runner.paused:
                runner.start()

    def close(self) -> None:
        """Stop all; plates that are being followed are read to their end."""
        self._end(list(self))

    def add(self, new: NewSource) -> CameraRunner:
        """Add a source and start it.

        Raises:
            SourceExistsError: its name is taken.
            TooManySourcesError: there are too many.
            UsageError: it cannot be meant.
            LpsrError: it cannot be kept.
        """
        with self._lock:
            if new.name in self._runners:
                raise SourceExistsError(f"a source is called {new.name!r} already; give another name")
            if len(self._runners) >= self._most:
                raise TooManySourcesError(f"there are {self._most} sources already (--max-sources)")
            runner = self._runner(new.camera())
            self._added[new.name] = new
            self._runners[new.name] = runner
            try:
                self._keep()
            except LpsrError:
                del self._added[new.name], self._runners[new.name]
                raise
            runner.start()
            return runner

    def remove(self, name: str) -> None:
        """Stop a source and forget it.

        Raises:
            UnknownSourceError: there is none.
            LpsrError: that cannot be kept.
        """
        with self._lock:
            runner = self.find(name)
            del self._runners[name]
            self._added.pop(name, None)
            self._keep()
        runner.stop()

    def pause(self, name: str, paused: bool) -> CameraRunner:
        """Pause a source, or resume it; one that ended or failed is started again.

        Raises:
            UnknownSourceError: there is none.
            LpsrError: that cannot be kept.
        """
        runner = self.find(name)
        runner.pause() if paused else runner.start()
        with self._lock:
            self._keep()
        return runner

    def reload(self) -> None:
        """Read the cameras file again: cameras that changed are restarted, the others go on."""
        if self._file is None:
            return
        try:
            file = load_cameras(self._file.path)
        except UsageError as error:
            _log.error("%s; the cameras go on as they were", error)
            return
        wanted = {camera.name: camera for camera in file.enabled if camera.name not in self._added}
        with self._lock:
            gone = [runner for name, runner in self._runners.items() if name not in wanted and name not in self._added]
            new = []
            for name, camera in wanted.items():
                known = self._runners.get(name)
                if known is None or known.camera != camera:
                    gone += [known] if known is not None else []
                    runner = self._runners[name] = self._runner(camera)
                    runner.paused = known is not None and known.paused
                    new += [] if runner.paused else [runner]
            for runner in gone:
                if self._runners.get(runner.camera.name) is runner:
                    del self._runners[runner.camera.name]
            self._file = file
        self._end(gone)
        for runner in new:
            runner.start()
        _log.info("%s: read again; %d cameras started, %d stopped", file.path, len(new), len(gone))

    @staticmethod
    def _end(runners: list[CameraRunner]) -> None:
        """Stop cameras, all at once."""
        for runner in runners:
            runner.stop(wait=False)
        for runner in runners:
            runner.stop()

    def _keep(self) -> None:
        told = {
            "added": [vars(new) for new in self._added.values()],
            "paused": [name for name, runner in self._runners.items() if runner.paused],
        }
        try:
            replace_file(self._kept, json.dumps(told, indent=2).encode(), synced=True)
        except OSError as error:
            raise write_failed(self._kept, error) from None


def _load(kept: Path) -> dict[str, Any]:
    try:
        told = json.loads(kept.read_bytes())
        return {"added": list(told["added"]), "paused": set(told["paused"])}
    except FileNotFoundError:
        return {"added": [], "paused": set()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{kept}: cannot be read: {error}; delete it to start without added sources") from None

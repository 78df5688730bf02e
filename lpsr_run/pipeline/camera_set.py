"""The cameras of a file in one run: their sources, what is read of each, and changes of the file while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lpsr_core.errors import UsageError
from lpsr_core.layouts import Layout, parse_layouts
from lpsr_run.cameras.load import load_cameras
from lpsr_run.cameras.settings import Camera, CamerasFile
from lpsr_run.cameras.source import CameraSource
from lpsr_run.cameras.zones import ZoneLocator
from lpsr_run.config import RunConfig
from lpsr_run.locate.base import Locator
from lpsr_run.pipeline.configured import noticed
from lpsr_run.pipeline.stream import Acceptance, StreamSettings
from lpsr_run.sources import Report, Source, open_source
from lpsr_run.sources.live import Retry
from lpsr_run.sources.options import VideoOptions
from lpsr_run.state import RunState, SourceState


class CameraSet:
    """The cameras of a file.

    Args:
        file: as it was loaded.
        config: of the run; says what cameras leave open.
        state: of the run; takes the state of each camera.
        report: takes one line for everything that fails and is skipped.
        note: takes one line for everything else worth knowing.
        stop: set when no more frames are wanted.

    Attributes:
        sources: by number of the stream; also those that ended.

    Raises:
        UsageError: nothing has a camera's address.
    """

    def __init__(
        self,
        file: CamerasFile,
        config: RunConfig,
        state: RunState,
        report: Report,
        note: Report,
        stop: threading.Event,
    ) -> None:
        self._file, self._config, self._state = file, config, state
        self._report, self._note, self._stop = report, note, stop
        self._layouts = parse_layouts(config.layouts)
        self._locator: Locator | None = None
        self._known: dict[int, tuple[Camera, StreamSettings]] = {}
        self.sources: list[CameraSource] = []
        for camera in file.enabled:
            self._add(camera)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """All layouts that some camera's plates may follow."""
        return self._file.layouts(self._layouts)

    def find(self, name: str) -> Camera | None:
        """The camera of a name, as the file says now."""
        return self._file.find(name)

    def settings(self, locator: Locator) -> Callable[[int], StreamSettings]:
        """What reads plates of each stream.

        Args:
            locator: finds plates, at the threshold of the run.
        """
        self._locator = locator
        for camera in self._file.enabled:
            self._settings(camera)
        return self._of

    def reload(self) -> list[CameraSource]:
        """Read the file again: cameras that changed are restarted, the others go on.

        Where the file cannot be read, all go on as they were, and the note says why.

        Returns:
            Sources of cameras that were added; they are in `sources`, too.
        """
        path = self._file.path
        try:
            file = load_cameras(path)
            if self._locator is not None:
                for camera in file.enabled:
                    self._settings(camera)
        except UsageError as error:
            self._note(f"{error}; the cameras go on as they were")
            return []
        self._file = file
        running = {source.name: source for source in self.sources if source.camera is not None and not source.ended}
        wanted = {camera.name: camera for camera in file.enabled}
        changed, added, removed = [], [], sorted(running.keys() - wanted.keys())
        for name in removed:
            running[name].change(None)
        for name, camera in wanted.items():
            try:
                if name not in running:
                    if any(source.name == name and source.camera == camera for source in self.sources):
                        continue  # it came to its end
                    added.append(self._add(camera))
                elif running[name].camera != camera:
                    running[name].change(camera)
                    changed.append(name)
            except UsageError as error:
                self._report(str(error))
        told = ((changed, "changed"), ([source.name for source in added], "added"), (removed, "removed"))
        parts = [f"{what}: {', '.join(names)}" for names, what in told if names]
        self._note(f"{path}: read again; {'; '.join(parts) or 'nothing changed'}")
        self._state.tell("cameras", changed=changed, added=[source.name for source in added], removed=removed)
        return added

    def _add(self, camera: Camera) -> CameraSource:
        state = SourceState(camera.name)
        source = CameraSource(camera, lambda now, stop: self._open(now, stop, state), self._stop, state, self._note)
        state.live = source.live
        self._state.sources.append(state)
        self.sources.append(source)
        return source

    def _open(self, camera: Camera, stop: threading.Event, state: SourceState) -> Source:
        retry = Retry(give_up=camera.give_up or None, silence=camera.silence)
        return open_source(
            camera.address,
            self._report,
            camera.stride,
            retry,
            noticed(state, self._state, self._note, camera.give_up > 0),
            stop,
            note=self._note,
            options=VideoOptions(camera.stream, camera.pixel_aspect, camera.decode),
        )

    def _of(self, stream: int) -> StreamSettings:
        camera = self.sources[stream].last
        known = self._known.get(stream)
        if known is None or known[0] is not camera:
            known = self._known[stream] = camera, self._settings(camera)
        return known[1]

    def _settings(self, camera: Camera) -> StreamSettings:
        assert self._locator is not None
        locator, config = self._locator, self._config
        if camera.locator_threshold is not None:
            locator = locator.at_threshold(camera.locator_threshold)
        if camera.zones:
            locator = ZoneLocator(
                locator, camera.zones, camera.zones_only, lambda line: self._note(f"camera {camera.name!r}: {line}")
            )
        least = config.min_confidence if camera.min_confidence is None else camera.min_confidence
        acceptance = Acceptance(least, config.min_frames, config.sure, config.min_plate)
        return StreamSettings(locator, camera.layouts or self._layouts, acceptance)


def with_cameras(config: RunConfig) -> tuple[RunConfig, CamerasFile | None]:
    """The cameras that a configuration names, loaded; the configuration then names their addresses as its videos.

    Raises:
        UsageError: the file cannot be read, or says something that cannot be meant.
    """
    if config.cameras is None:
        return config, None
    file = load_cameras(Path(config.cameras))
    addresses, names = zip(*((camera.address, camera.name) for camera in file.enabled), strict=True)
    return replace(config, video=addresses, name=names), file

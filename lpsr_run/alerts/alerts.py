"""The alerts of a run: hits of its reads, its alert sinks, and changes of the alerts file while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.compact import from_compact, unpack
from lpsr_core.errors import UsageError
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout, parse_layouts
from lpsr_core.reads import Hit
from lpsr_run.alerts.hits import best_hit
from lpsr_run.alerts.load import load_alerts
from lpsr_run.alerts.settings import AlertsFile
from lpsr_run.alerts.sink import AlertSink
from lpsr_run.cameras.settings import Camera, CamerasFile, topic_name
from lpsr_run.config import RunConfig
from lpsr_run.retention.policy import SpoolLimit
from lpsr_run.sinks.base import Fault
from lpsr_run.sinks.postgres import is_postgres
from lpsr_run.tomlfile.table import nearest

Cameras = Callable[[str], "Camera | None"]
"""The camera of a name, as the cameras file says now."""


class Alerts:
    """What a run does with an alerts file.

    Args:
        file: as it was loaded.
        layouts: that plates may follow.
        camera: finds cameras by name; None where there are none.
    """

    def __init__(
        self, file: AlertsFile, layouts: Sequence[Layout] = DEFAULT_LAYOUTS, camera: Cameras | None = None
    ) -> None:
        self._file, self._layouts = file, tuple(layouts)
        self._camera: Cameras = camera or (lambda name: None)
        self._sinks: list[AlertSink] = []

    def hit(self, text: str, log_probs: NDArray[np.floating] | None, layouts: Sequence[Layout] = ()) -> Hit | None:
        """The plate of a watch list that a read is, or may be.

        Args:
            text: of the read.
            log_probs: float[7, 36], what it was decoded from; None where that is not known.
            layouts: that the plate may follow; those of the run when empty.
        """
        return best_hit(self._file.lists, text, log_probs, tuple(layouts) or self._layouts)

    def among(self, read: Mapping[str, Any], names: Sequence[str]) -> Hit | None:
        """The hit of a read among some of the watch lists: a plate may be on several, and `hit` holds the best.

        Args:
            read: as a line of `reads.jsonl` has it, not hidden.
            names: of the lists.
        """
        log_probs = None
        if packed := read.get("log_probs"):
            levels = np.frombuffer(unpack(packed), np.uint8).reshape(PLATE_LENGTH, CLASSES)
            log_probs = from_compact(levels)
        lists = [one for one in self._file.lists if one.name in names]
        return best_hit(lists, read["text"], log_probs, self.layouts_of(str(read["source"])))

    def layouts_of(self, source: str) -> tuple[Layout, ...]:
        """The layouts that a source's plates may follow."""
        camera = self._camera(source)
        return (camera.layouts if camera is not None else None) or self._layouts

    def open(
        self,
        out: Path,
        cameras: Iterable[str],
        notice: Callable[[str], None],
        stack: ExitStack,
        limit: SpoolLimit | None = None,
        fault: Fault = lambda line: None,
    ) -> list[AlertSink]:
        """Open the sinks.

        Args:
            out: output folder of the run.
            cameras: names of its sources.
            notice: takes a line about a sink.
            stack: closes them.
            limit, fault: of their spools, see `SpooledSink`.

        Raises:
            UsageError: an address is none.
            LpsrError: a spool cannot be made or written, or a package is missing.
        """
        names = tuple(cameras)
        for settings in self._file.sinks:
            name = settings.name

            def may(source: str, name: str = name) -> bool:
                camera = self._camera(source)
                return camera is None or camera.sinks is None or name in camera.sinks

            sink = AlertSink(settings, out, names, may, notice, self.among, limit, fault)
            self._sinks.append(stack.enter_context(sink))
        return list(self._sinks)

    def reload(self, note: Callable[[str], None]) -> None:
        """Read the file and its watch lists again, and note that; where it fails, they stay as they were.

        Lists and rules change at once. A sink that was added, removed or has another address needs a new run.
        """
        try:
            file = load_alerts(self._file.path)
        except UsageError as error:
            note(f"{error}; watch lists and rules stay as they were")
            return
        told = {sink.name: sink for sink in file.sinks}
        stale = sorted(told.keys() ^ {sink.settings.name for sink in self._sinks})
        for sink in self._sinks:
            settings = told.get(sink.settings.name)
            if settings is None:
                continue
            sink.rule = settings.rule
            if replace(settings, rule=sink.settings.rule) != sink.settings:
                stale.append(settings.name)
        self._file = file
        count = sum(len(one.entries) for one in file.lists)
        later = f"; the next run takes over: {', '.join(stale)}" if stale else ""
        note(f"{file.path}: read again; {count} plates are looked for{later}")


def open_alerts(config: RunConfig, cameras: CamerasFile | None, camera: Cameras | None = None) -> Alerts | None:
    """The alerts that a configuration names; None where it names none.

    Args:
        config: names the file.
        cameras: of the run; their alert sinks must be in that file.
        camera: finds cameras by name as they are now; None where there are none.

    Raises:
        UsageError: a file cannot be read, or says something that cannot be meant.
    """
    file = None if config.alerts is None else load_alerts(Path(config.alerts))
    if file is not None:
        _check_spools(file, config)
    if cameras is not None:
        check_sinks(cameras, file)
    if file is None:
        return None
    return Alerts(file, parse_layouts(config.layouts), camera)


def _check_spools(file: AlertsFile, config: RunConfig) -> None:
    """Refuse a sink whose reads would wait in the folder of another output's."""
    taken = {"spool-mqtt": "--mqtt"} if config.mqtt is not None else {}
    if config.store is not None and is_postgres(config.store):
        taken["spool-store"] = "--store"
    for sink in file.sinks:
        if sink.spool in taken:
            both = f"the reads of {taken[sink.spool]} wait in the folder {sink.spool}, too"
            raise UsageError(f"{file.path}: sink {sink.name!r}: {both}; give the sink another name")


def check_sinks(cameras: CamerasFile, alerts: AlertsFile | None) -> None:
    """Refuse cameras that name an alert sink that there is not, or whose MQTT topics are one.

    Raises:
        UsageError: with the camera and the sink, or both cameras.
    """
    topics: dict[str, str] = {}
    if alerts is not None and any(sink.kind == "mqtt" for sink in alerts.sinks):
        for camera in cameras.enabled:
            topic = topic_name(camera.name)
            if topic in topics:
                raise UsageError(
                    f"{cameras.path}: the cameras {topics[topic]!r} and {camera.name!r} would share the MQTT topic "
                    f"{topic!r}; give names that differ in a letter from a to z or in a digit, and not in case alone"
                )
            topics[topic] = camera.name
    known = [sink.name for sink in alerts.sinks] if alerts is not None else []
    for camera in cameras.enabled:
        for name in camera.sinks or ():
            if name not in known:
                where = f"{cameras.path}: camera {camera.name!r}: sinks"
                if alerts is None:
                    raise UsageError(f"{where}: {name!r} is an alert sink; name its file with --alerts")
                raise UsageError(f"{where}: there is no alert sink {name!r}{nearest(name, known)}")

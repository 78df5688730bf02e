"""What a run is doing: one object that its threads write and that status files, logs and summaries read."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["starting", "running", "waiting", "ended", "failed", "stopped"]
"""`waiting`: the connection is gone, and the next attempt to get it back is due. `stopped`: somebody ended the run
before the source ended."""


@dataclass
class SourceState:
    """One source.

    Attributes:
        name: as it may be shown.
        live: whether frames are dropped rather than kept waiting.
        status: what it does.
        decoded: frames that came.
        frames: of those, how many were looked at.
        read_before: of those, how many were not, since the run that this one goes on with read them.
        dropped: of those, how many made room for newer ones.
        queued: frames that wait to be looked at.
        reconnects: how often a connection was lost and came back.
        failures: attempts in a row that failed.
        reads: plates that were read.
        left_out: tracks that did not become reads.
        last_frame: when the last frame came, in seconds since 1970; None before the first.
        error: why it is not running; None while it is.
    """

    name: str
    live: bool = False
    status: Status = "starting"
    decoded: int = 0
    frames: int = 0
    read_before: int = 0
    dropped: int = 0
    queued: int = 0
    reconnects: int = 0
    failures: int = 0
    reads: int = 0
    left_out: int = 0
    last_frame: float | None = None
    error: str | None = None


Event = dict[str, Any]


@dataclass
class RunState:
    """The whole run.

    Attributes:
        sources: in the user's order.
        reads: plates that were written.
        started: seconds since 1970.
        stages: seconds by stage of the pipeline.
        outputs: what waits for outputs that are behind, see `SpooledSink.state`.
        listeners: told every event: a source's change of status, a failure.
        scrub: takes secrets out of what is told in words; names of sources hold none.
    """

    sources: list[SourceState] = field(default_factory=list)
    reads: int = 0
    started: float = field(default_factory=time.time)
    stages: Callable[[], dict[str, float]] = dict
    outputs: list[Callable[[], dict[str, Any]]] = field(default_factory=list)
    listeners: list[Callable[[Event], None]] = field(default_factory=list)
    scrub: Callable[[Any], Any] = lambda value: value
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def frames(self) -> int:
        """That were looked at."""
        return sum(source.frames for source in self.sources)

    @property
    def read_before(self) -> int:
        """Frames that the run that this one goes on with read."""
        return sum(source.read_before for source in self.sources)

    @property
    def left_out(self) -> int:
        """Number of tracks that did not become reads."""
        return sum(source.left_out for source in self.sources)

    def tell(self, event: str, **fields: Any) -> None:
        """Passes an event on to the listeners."""
        fields = {name: value if name in ("source", "sources") else self.scrub(value) for name, value in fields.items()}
        with self._lock:
            for listener in self.listeners:
                listener({"time": round(time.time(), 3), "event": event, **fields})

    def sources_as_dicts(self) -> list[dict[str, Any]]:
        """The sources for JSON."""
        return [{**vars(source), "error": self.scrub(source.error)} for source in self.sources]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "time": round(time.time(), 3),
            "started": round(self.started, 3),
            "process": os.getpid(),
            "frames": self.frames,
            "reads": self.reads,
            "resident_bytes": resident_bytes(),
            "threads": threading.active_count(),
            "stages": {str(name): round(value, 3) for name, value in self.stages().items()},
            "sources": self.sources_as_dicts(),
            "outputs": self.scrub([output() for output in self.outputs]),
        }


def resident_bytes() -> int | None:
    """Memory that this process has resident now, or None where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - read every second
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError, IndexError):
        return None

"""One video that was sent."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass
class Job:
    """A video, what happened to it so far, and its reads.

    Attributes:
        id: a ULID.
        name: of the file, as the client called it.
        folder: holds the video until it is read, and `reads.jsonl`.
        stride: reads every Nth frame.
        status: what happens to it.
        created, started, ended: seconds since 1970; None before.
        frames: how many were read.
        total: how many it has, as far as known.
        reads: how many were recorded.
        error: why it failed.
        skipped: a line for each part that was left out.
        cancelled: whether somebody does not want it any more.
        stop: set when no more frames are wanted.
    """

    id: str
    name: str
    folder: Path
    stride: int = 1
    status: Status = "queued"
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    frames: int = 0
    total: int | None = None
    reads: int = 0
    error: str | None = None
    skipped: list[str] = field(default_factory=list)
    cancelled: bool = False
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def video(self) -> Path:
        """The uploaded file."""
        return self.folder / "video"

    @property
    def journal(self) -> Path:
        """The reads, a line of JSON each."""
        return self.folder / "reads.jsonl"

    @property
    def source(self) -> str:
        """What its reads call it: unique, also where two clients send files of one name."""
        return f"{self.id}/{self.name}"

    def cancel(self) -> None:
        """Have it end soon."""
        self.cancelled = True
        self.stop.set()

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ("done", "failed", "cancelled")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        seconds = None if self.started is None else (self.ended or time.time()) - self.started
        rate = self.frames / seconds if seconds else None
        left = None if self.total is None else max(self.total - self.frames, 0)
        running = self.status == "running" and rate and left is not None
        return {
            "id": self.id,
            "name": self.name,
            "source": self.source,
            "status": self.status,
            "frames": self.frames,
            "total": self.total,
            "progress": 1.0
            if self.status == "done"
            else round(min(self.frames / self.total, 1.0), 4)
            if self.total
            else None,
            "frames_per_second": None if rate is None else round(rate, 2),
            "seconds_left": round(left / rate, 1) if running and left is not None and rate else None,
            "reads": self.reads,
            "error": self.error,
            "skipped": self.skipped,
        }

"""One video that was sent."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lpsr_core.files import replace_file

Status = Literal["queued", "running", "done", "failed", "cancelled"]
_KEPT = ("name", "stride", "status", "started", "ended", "frames", "total", "error", "skipped", "begun")
"""What outlives the process, beside the journal."""


@dataclass
class Job:
    """A video, what happened to it so far, and its reads.

    Attributes:
        id: a ULID.
        name: of the file, as the client called it.
        folder: holds the video until it is read, `reads.jsonl`, and what the next process has to know.
        stride: reads every Nth frame.
        status: what happens to it.
        started, ended: seconds since 1970; None before.
        frames: how many were read.
        total: how many it has, as far as known.
        reads: how many were recorded.
        error: why it failed.
        skipped: a line for each part that was left out.
        cancelled: whether somebody does not want it any more.
        stop: set when no more frames are wanted.
        earlier: whether an earlier process may have read a part of it.
        begun: processes that began to read it and did not end as they should.
    """

    id: str
    name: str
    folder: Path
    stride: int = 1
    status: Status = "queued"
    started: float | None = None
    ended: float | None = None
    frames: int = 0
    total: int | None = None
    reads: int = 0
    error: str | None = None
    skipped: list[str] = field(default_factory=list)
    cancelled: bool = False
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    earlier: bool = False
    begun: int = 0

    @classmethod
    def load(cls, folder: Path) -> Job:
        """Return the job that an earlier process kept in a folder.

        Raises:
            FileNotFoundError: there is none, or its video is gone.
            OSError, TypeError, ValueError: it cannot be read.
        """
        found = dict(json.loads((folder / "job.json").read_bytes()))
        job = cls(folder.name, folder=folder, earlier=True, **{key: found[key] for key in _KEPT if key in found})
        if not job.over:
            job.video.stat()
        if job.journal.is_file():
            job.reads = job.journal.read_bytes().count(b"\n")
        return job

    def keep(self) -> None:
        """Keep it for the next process.

        Raises:
            OSError: it could not be written.
        """
        kept = {name: getattr(self, name) for name in _KEPT}
        replace_file(self.folder / "job.json", json.dumps(kept).encode(), synced=True)

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
        left = None
        if self.status == "running" and rate and self.total is not None:
            left = round(max(self.total - self.frames, 0) / rate, 1)
        read = round(min(self.frames / self.total, 1.0), 4) if self.total else None
        return {
            "id": self.id,
            "name": self.name,
            "source": self.source,
            "status": self.status,
            "frames": self.frames,
            "total": self.total,
            "progress": 1.0 if self.status == "done" else read,
            "frames_per_second": None if rate is None else round(rate, 2),
            "seconds_left": left,
            "reads": self.reads,
            "error": self.error,
            "skipped": self.skipped,
        }

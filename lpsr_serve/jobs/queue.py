"""The queue of videos: bounded, read by one thread, and taken up again by the next process."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
import time
from collections import OrderedDict
from contextlib import closing, suppress
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_run.pipeline.configured import open_sources, raise_or_report
from lpsr_run.sinks import make_folder
from lpsr_run.sinks.base import Record, write_failed
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.sources.base import Frame
from lpsr_run.sources.merge import Ended, Item, Merged
from lpsr_run.state import RunState
from lpsr_serve.inference.networks import Networks
from lpsr_serve.inference.pool import BusyError
from lpsr_serve.jobs.earlier import recorded_before, taken_out
from lpsr_serve.jobs.job import Job, Status
from lpsr_serve.store.reads import ReadStore
from lpsr_serve.store.recorder import Recorder

_log = logging.getLogger("lpsr.serve")
_KEPT_SECONDS, _KEPT = 24 * 3600.0, 1000
"""Jobs that are over are forgotten after so long, and when there are more; their reads stay in the store."""
_FORGET_SECONDS = 60.0
_MOST_SKIPPED = 100
_MOST_BEGUN = 2
"""Processes that may end without a word while they read a video; no other is to try it."""
_LOOK_SECONDS = 0.05


class UnknownJobError(LpsrError):
    """No job has that identifier."""


class JobQueue:
    """Videos that wait, the one that is read, and those that are over.

    Args:
        folder: of the jobs; what an earlier process left there is taken up again.
        networks: shared with all others.
        recorder: takes the reads.
        reads: have those that were recorded.
        most: videos that wait or are read.
        keep_frames: whether a small copy of each read's frame is kept.
    """

    def __init__(
        self, folder: Path, networks: Networks, recorder: Recorder, reads: ReadStore, most: int, keep_frames: bool
    ) -> None:
        self._folder, self._networks, self._recorder, self._reads = folder, networks, recorder, reads
        self._most, self._keep_frames = most, keep_frames
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="videos", daemon=True)

    def start(self) -> None:
        """Take up what an earlier process left, and begin with its first video.

        To be called by who holds the folder.
        """
        for folder in sorted(self._folder.iterdir()):  # by age, as their names are ULIDs
            try:
                job = Job.load(folder)
            except FileNotFoundError:  # a video that was still coming
                shutil.rmtree(folder, ignore_errors=True)
                continue
            except (OSError, TypeError, ValueError) as error:
                _log.warning("%s: a video that cannot be taken up again: %s", folder, error)
                continue
            self._jobs[job.id] = job
            if job.begun >= _MOST_BEGUN and not job.over:
                job.error = "the server ended each time that it was read"
                self._end(job, "failed")
            if job.over:
                job.video.unlink(missing_ok=True)
            else:
                self._queue.put(job)
        self._forget()
        self._thread.start()

    def close(self) -> None:
        """Stop reading; what is not finished is left to the next process."""
        self._closing.set()  # before anything stops: what is cut off by it must not be recorded
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()
        self._queue.put(None)
        self._thread.join(10.0)

    @property
    def active(self) -> int:
        """Number of videos that wait or are read."""
        with self._lock:
            return sum(not job.over for job in self._jobs.values())

    def list(self) -> list[Job]:
        """Return all jobs, the newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def check_room(self) -> None:
        """Make sure that one more video may come.

        Raises:
            BusyError: as many as may are waiting.
        """
        if self.active >= self._most or self._closing.is_set():
            raise BusyError(f"{self._most} videos are waiting already; come again later")

    def add(self, upload: Path, name: str, stride: int) -> Job:
        """Take a video; the file is moved.

        Raises:
            BusyError: as many as may are waiting.
            LpsrError: its folder cannot be made.
        """
        self.check_room()
        identifier = new_run_id()
        job = Job(identifier, name, self._folder / identifier, stride)
        make_folder(job.folder)
        try:
            upload.replace(job.video)
            job.keep()
        except OSError as error:
            shutil.rmtree(job.folder, ignore_errors=True)
            raise write_failed(job.video, error) from None
        with self._lock:
            self._jobs[job.id] = job
        self._forget()
        self._queue.put(job)
        return job

    def find(self, identifier: str) -> Job:
        """Return a job.

        Raises:
            UnknownJobError: there is none.
        """
        with self._lock:
            if identifier not in self._jobs:
                raise UnknownJobError(f"no job is called {identifier!r}; jobs are kept for a day after their end")
            return self._jobs[identifier]

    def delete(self, identifier: str) -> Job:
        """Cancel a job that waits or is read; forget one that is over. Its reads stay in the store.

        Raises:
            UnknownJobError: there is none.
        """
        job = self.find(identifier)
        job.cancel()
        with self._lock:
            if job.status == "queued":
                self._end(job, "cancelled")
            elif job.over:
                self._jobs.pop(identifier, None)
                shutil.rmtree(job.folder, ignore_errors=True)
        return job

    def _run(self) -> None:
        while (job := self._next()) is not None:
            with self._lock:
                if job.over or self._closing.is_set():
                    continue
                job.begun += 1
                self._keep(job)  # should it end this process, the next ones are to know
                job.status, job.started, job.frames, job.skipped = "running", time.time(), 0, []
            settled = True
            try:
                settled = self._read(job)
            except Exception as error:
                job.error = str(error)
                if not isinstance(error, LpsrError):
                    _log.exception("job %s failed", job.id)
            with self._lock:
                if (self._closing.is_set() or not settled) and not job.cancelled:
                    job.status, job.error, job.begun = "queued", None, job.begun - 1
                    self._keep(job)
                else:
                    self._end(job, "failed" if job.error else "cancelled" if job.cancelled else "done")

    def _next(self) -> Job | None:
        """The next video; while none comes, those that ended long ago are forgotten."""
        while True:
            with suppress(queue.Empty):
                return self._queue.get(timeout=_FORGET_SECONDS)
            self._forget()

    def _read(self, job: Job) -> bool:
        """Read a video; False where its reads will not all be recorded in this process."""
        networks, state = self._networks, RunState()
        config = networks.config.changed({"video": (str(job.video),), "name": (job.source,), "stride": job.stride})

        def skipped(line: str) -> None:
            if len(job.skipped) < _MOST_SKIPPED:
                job.skipped.append(line.replace(str(job.video), job.name))

        def counted(item: Item) -> Item:
            if isinstance(item, Frame):
                job.frames += 1
                job.total = source.total
            elif isinstance(item, Ended):
                raise_or_report(item, 1, skipped)
            return item

        def recorded(record: Record) -> None:
            job.reads += 1
            with job.journal.open("a", encoding="utf-8") as stream:
                stream.write(record.line + "\n")

        (source,) = open_sources(config, state, skipped, lambda line: None, job.stop)
        job.total = source.total
        try:
            earlier = recorded_before(job, self._reads) if job.earlier else []
        except LpsrError as error:
            _log.warning("%s is left for later: %s", job.source, error)
            return False
        job.reads = wanted = len(earlier)
        stream = networks.stream(config, source.live, self._keep_frames)
        try:
            with closing(Merged([source], state, job.stop, job.stop.is_set)) as merged:
                for event in stream.reads(networks.by_turns(counted(item) for item in merged)):
                    if not self._closing.is_set() and not taken_out(event, earlier, networks.watched):
                        self._recorder.put(event, recorded)
                        wanted += 1
        except LpsrError as error:
            raise LpsrError(str(error).replace(str(job.video), job.name)) from None
        while job.reads < wanted and self._recorder.running and not self._closing.is_set():
            time.sleep(_LOOK_SECONDS)
        return job.reads >= wanted

    def _end(self, job: Job, status: Status) -> None:
        job.status, job.ended = status, time.time()
        self._keep(job)
        job.video.unlink(missing_ok=True)

    def _keep(self, job: Job) -> None:
        try:
            job.keep()
        except OSError as error:
            _log.warning("%s", write_failed(job.folder, error))

    def _forget(self) -> None:
        with self._lock:
            over = [job for job in self._jobs.values() if job.over]
            late = time.time() - _KEPT_SECONDS
            for index, job in enumerate(over):
                if index < len(over) - _KEPT or (job.ended or 0.0) < late:
                    del self._jobs[job.id]
                    shutil.rmtree(job.folder, ignore_errors=True)

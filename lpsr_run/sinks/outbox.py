"""From `reads.jsonl` to all other sinks: a read is durable once, and then delivered to each, at least once, in order.

`reads.jsonl` is the journal. What a sink needs beside the read is put aside before the line is written. Each sink is
served by a thread of its own (`lane.py`). How far each has come is noted every second, so that a run that was killed is
taken up by the next one (`catch_up.py`): sinks drop what they have already.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file
from lpsr_core.wording import counted
from lpsr_run.redact import redact
from lpsr_run.sinks.backlog import Backlog
from lpsr_run.sinks.base import DurableSink, Fault, Record, Result, writing
from lpsr_run.sinks.folder import DELIVERED
from lpsr_run.sinks.jsonl import JsonLinesSink
from lpsr_run.sinks.lane import Lane

_NOTED_SECONDS = 1.0
_FAREWELL = 10.0
"""Seconds for which the end of a run waits for sinks that are busy."""


class Outbox:
    """Records each read, then hands it to every sink.

    Args:
        journal: `reads.jsonl`; where there are sinks it syncs each read.
        sinks: that get each read after that.
        run: identifier of the run.
        folder: of the note about how far they have come.
        notice: told in one line when a sink fails, and when it takes reads again.
        fault: told what was not taken until the end, and what a sink could not put aside.
        owed: what earlier runs owe to sinks, by their names.

    Raises:
        LpsrError: the note cannot be written.
    """

    def __init__(
        self,
        journal: JsonLinesSink,
        sinks: Sequence[DurableSink],
        run: str,
        folder: Path,
        notice: Callable[[str], None] = lambda line: None,
        fault: Fault = lambda line: None,
        owed: Mapping[str, Sequence[Record]] | None = None,
    ) -> None:
        self._journal, self._run, self._path = journal, run, folder / DELIVERED
        self._notice, self._fault = notice, fault
        self._unprepared: dict[str, int] = {}
        earlier = owed or {}
        self.lanes = [Lane(sink, Backlog(journal.path, earlier.get(sink.name, ())), notice, fault) for sink in sinks]
        self._closing = threading.Event()
        with writing(self._path):
            self._note(synced=True)
        self._keeper = threading.Thread(target=self._keep, name="outbox", daemon=True)
        self._keeper.start()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._closing.set()
        self._keeper.join(_NOTED_SECONDS)
        self._finish(_FAREWELL if error is None else _NOTED_SECONDS)
        with suppress(LpsrError):
            self._journal.check()
        with suppress(OSError):
            if not self.behind:  # nobody is owed anything
                self._path.unlink(missing_ok=True)
            else:
                self._note(synced=True)

    @property
    def behind(self) -> Mapping[str, int]:
        """Number of reads that each sink has not taken yet, by name; only sinks that have some to take."""
        waiting = {redact(lane.sink.name): len(lane.backlog) for lane in self.lanes}
        return {name: count for name, count in waiting.items() if count}

    @property
    def delivered(self) -> int:
        """Number of the last read that all sinks have; with none it is the last one recorded."""
        return min((lane.done for lane in self.lanes), default=self._journal.last)

    def write(self, result: Result) -> None:
        """Take a read.

        Raises:
            LpsrError: it could not be recorded, or a spool is full and is not to drop reads.
        """
        for lane in self.lanes:
            if lane.fatal is not None:
                raise lane.fatal
        for lane in self.lanes:
            self._prepare(lane.sink, result)
        record = Record.of(result.read)
        offset = self._journal.append(record.line, record.number)
        for lane in self.lanes:
            lane.backlog.push(record, offset)

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until every sink has all reads; whether they have within the time."""
        until = time.monotonic() + seconds
        return all(lane.backlog.emptied(max(until - time.monotonic(), 0.0)) for lane in self.lanes)

    def await_delivery(self, seconds: float) -> None:
        """Wait, so many seconds at most, until all sinks have all reads, but for sinks that fail."""
        until = time.monotonic() + seconds
        for lane in self.lanes:
            if not lane.failing:
                lane.backlog.emptied(max(until - time.monotonic(), 0.0))

    def _prepare(self, sink: DurableSink, result: Result) -> None:
        """Let a sink put aside what the read alone does not hold; where it fails the read is recorded all the same."""
        try:
            sink.prepare(result)
        except Exception as error:
            count = self._unprepared[sink.name] = self._unprepared.get(sink.name, 0) + 1
            if count == 1:
                why = str(error) if isinstance(error, LpsrError) else f"{type(error).__name__}: {error}"
                self._notice(f"{why}; reads go on without it")

    def _finish(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for lane in self.lanes:
            shown = redact(lane.sink.name)
            lane.sink.abandoned = not lane.finish(until)
            if count := len(lane.backlog):
                why = f": {lane.why}" if lane.why else ": it hangs" if lane.sink.abandoned else ""
                left = f"did not take {counted(count, 'read')}; the next run in this folder delivers the rest{why}"
                self._fault(f"{shown}: {left}")
            if lane.backlog.lost:
                self._fault(f"{shown}: {counted(lane.backlog.lost, 'read')} lost with reads.jsonl, which vanished")
            if missing := self._unprepared.get(lane.sink.name):
                self._fault(f"{shown}: has nothing of {counted(missing, 'read')}, which could not be put aside for it")

    def _keep(self) -> None:
        """Note how far the sinks are, and look whether the journal is still there, ever so often."""
        while not self._closing.wait(_NOTED_SECONDS):
            with suppress(OSError):  # the note says less than it could, and no read is lost
                self._note()
            with suppress(LpsrError):  # told when the next read comes
                self._journal.check()

    def _note(self, synced: bool = False) -> None:
        if not self.lanes:
            return
        told = {"run": self._run, "sinks": {lane.sink.name: lane.done for lane in self.lanes}}
        replace_file(self._path, json.dumps(told).encode(errors="surrogateescape"), synced)

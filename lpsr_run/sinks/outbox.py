"""From `reads.jsonl` to all other sinks: a read is durable once, and then delivered to each, at least once, in order.

`reads.jsonl` is the journal. What a sink needs beside the read is put aside before the line is written. How far each
sink has come is noted beside it every second, so that a run that was killed is taken up by the next one: sinks drop
what they have already.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from lpsr_core.files import replace_file
from lpsr_run.redact import redact
from lpsr_run.sinks.base import DurableSink, Fault, NotNowError, Record, Result, write_failed
from lpsr_run.sinks.folder import DELIVERED, EARLIER_READS
from lpsr_run.sinks.jsonl import JsonLinesSink

_NOTED_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_FAREWELL = 10.0
"""Seconds for which the end of a run waits for a sink that is busy."""


class _Lane:
    """A sink with what it has not taken yet."""

    def __init__(self, sink: DurableSink) -> None:
        self.sink, self.done, self.failing = sink, 0, False
        self.waiting: deque[Record] = deque()
        self._again = 0.0

    def deliver(self, notice: Callable[[str], None]) -> None:
        """Hand over what waits, unless the sink was busy a moment ago."""
        if self.failing and time.monotonic() < self._again:
            return
        while self.waiting:
            try:
                self.sink.deliver(self.waiting[0])
            except NotNowError as error:
                if not self.failing:
                    notice(f"{error}; reads wait for it")
                self.failing, self._again = True, time.monotonic() + _RETRY_SECONDS
                return
            self.done = self.waiting.popleft().number
        if self.failing:
            self.failing = False
            notice(f"{redact(self.sink.name)}: takes reads again")


class Outbox:
    """Records each read, then hands it to every sink.

    Args:
        journal: `reads.jsonl`; where there are sinks it syncs each read.
        sinks: that get each read after that.
        run: identifier of the run.
        folder: of the note about how far they have come.
        notice: told in one line when a sink is busy, and when it is not any more.
        fault: told what they did not take until the end.

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
    ) -> None:
        self._journal, self._lanes, self._run = journal, [_Lane(sink) for sink in sinks], run
        self._path, self._notice, self._fault = folder / DELIVERED, notice, fault
        self._noted = 0.0
        try:
            self._note()
        except OSError as error:
            raise write_failed(self._path, error) from None

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            with suppress(OSError):
                if error is None and not self.behind:  # nobody is owed anything
                    self._path.unlink(missing_ok=True)
                else:
                    self._note()

    @property
    def behind(self) -> Mapping[str, int]:
        """How many reads each sink has not taken yet, by name; only those that have some to take."""
        return {redact(lane.sink.name): len(lane.waiting) for lane in self._lanes if lane.waiting}

    def write(self, result: Result) -> None:
        """Take a read.

        Raises:
            LpsrError: it could not be recorded, or a sink that is not merely busy did not take it.
        """
        for lane in self._lanes:
            lane.sink.prepare(result)
        record = Record.of(result.read)
        self._journal.append(record.line)
        for lane in self._lanes:
            lane.waiting.append(record)
            lane.deliver(self._notice)
        self.tick()

    def tick(self) -> None:
        """Try again what a sink did not take; to be called ever so often, it is cheap."""
        for lane in self._lanes:
            if lane.failing:
                lane.deliver(self._notice)
        if time.monotonic() - self._noted >= _NOTED_SECONDS:
            with suppress(OSError):  # it says less than it could, and no read is lost
                self._note()

    def _finish(self) -> None:
        until = time.monotonic() + _FAREWELL
        while any(lane.failing for lane in self._lanes) and time.monotonic() < until:
            time.sleep(0.1)
            self.tick()
        for lane in self._lanes:
            if lane.waiting:
                count = len(lane.waiting)
                self._fault(
                    f"{redact(lane.sink.name)}: did not take {count} reads; the next run in this folder brings them"
                )

    def _note(self) -> None:
        self._noted = time.monotonic()
        if not self._lanes:
            return
        told = {"run": self._run, "sinks": {lane.sink.name: lane.done for lane in self._lanes}}
        replace_file(self._path, json.dumps(told).encode(errors="surrogateescape"))


def catch_up(folder: Path, sinks: Sequence[DurableSink], notice: Callable[[str], None]) -> None:
    """Brings to the sinks what earlier runs in this folder recorded and did not deliver.

    Args:
        folder: of `reads.jsonl`, which loses a last line that was torn, and of what was set aside.
        sinks: of the run that begins. What is owed to another one stays noted until a run has it again.
        notice: told what was brought, and what waits for a sink that this run has not.

    Raises:
        LpsrError: a sink cannot be written.
    """
    for note in sorted(folder.glob(f"earlier-*/{DELIVERED}")):
        _settle(note, note.parent / EARLIER_READS, sinks, notice)
    _settle(folder / DELIVERED, folder / "reads.jsonl", sinks, notice)


def _settle(note: Path, journal: Path, sinks: Sequence[DurableSink], notice: Callable[[str], None]) -> None:
    try:
        told = json.loads(note.read_bytes())
        run, done = str(told["run"]), {str(name): int(number) for name, number in told["sinks"].items()}
        records = list(_whole(journal, run))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return
    except OSError as error:
        raise write_failed(note.parent, error) from None
    here, owed = {sink.name: sink for sink in sinks}, {}
    for name, number in done.items():
        missing = [record for record in records if record.number > number]
        if missing and name in here:
            for record in missing:
                here[name].deliver(record, again=True)
            notice(f"{redact(name)}: brought up to the reads of run {run}, which did not end in order")
        elif missing:
            owed[name] = number
            lacking = f"{len(missing)} reads of run {run} may be missing in it"
            notice(f"{redact(name)}: {lacking}; the next run that has it as an output brings them")
    try:
        if owed:
            replace_file(note, json.dumps({"run": run, "sinks": owed}).encode(errors="surrogateescape"))
        else:
            note.unlink(missing_ok=True)
    except OSError as error:
        raise write_failed(note, error) from None


def _whole(journal: Path, run: str) -> Iterator[Record]:
    """The reads of a run that are whole; what is torn behind the last of them is cut off."""
    data = journal.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        with journal.open("r+b") as stream:
            stream.truncate(end)
    for line in data[:end].splitlines():
        try:
            record = Record.parse(line.decode())
        except ValueError:
            continue
        if record.run == run:
            yield record

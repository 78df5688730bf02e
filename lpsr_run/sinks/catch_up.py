"""What earlier runs in a folder recorded and did not deliver, brought to the sinks of the run that begins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file
from lpsr_core.wording import counted
from lpsr_run.redact import redact
from lpsr_run.sinks.base import DurableSink, Record, writing
from lpsr_run.sinks.folder import DELIVERED, EARLIER_READS, MOVING

_Notice = Callable[[str], None]


def catch_up(folder: Path, sinks: Sequence[DurableSink], notice: _Notice) -> Mapping[str, Sequence[Record]]:
    """Bring to the sinks what earlier runs in this folder recorded and did not deliver.

    Args:
        folder: of `reads.jsonl`, which loses a last line that was torn, and of what was set aside.
        sinks: of the run that begins. What is owed to another one stays noted until a run has it again.
        notice: told what was brought, and what waits for a sink that this run has not.

    Returns:
        What a sink did not take now, by its name; it stays noted, too.

    Raises:
        LpsrError: the folder cannot be read or written.
    """
    owed: dict[str, list[Record]] = {}
    for note in sorted(folder.glob(f"earlier-*/{DELIVERED}")):
        _settle(note, note.parent / EARLIER_READS, sinks, notice, owed)
    # A run may have been killed while it set these two aside.
    note, journal = (
        next((path for path in paths if path.exists()), paths[0])
        for paths in (
            (folder / DELIVERED, folder / MOVING / DELIVERED),
            (folder / "reads.jsonl", folder / MOVING / EARLIER_READS),
        )
    )
    _settle(note, journal, sinks, notice, owed)
    return owed


def _settle(
    note: Path, journal: Path, sinks: Sequence[DurableSink], notice: _Notice, owed: dict[str, list[Record]]
) -> None:
    with writing(note.parent):
        if not (note.exists() and journal.exists()):
            return
        run, done = _noted(note, sinks)
        records = list(whole_reads(journal, run))
    here = {sink.name: sink for sink in sinks}
    left: dict[str, int] = {}
    for name, number in done.items():
        missing = [record for record in records if record.number > number]
        if not missing:
            continue
        if name not in here:
            left[name] = number
            lacking = f"{counted(len(missing), 'read')} of run {missing[0].run} may be missing in it"
            notice(f"{redact(name)}: {lacking}; the next run that has it as an output brings them")
            continue
        # One that failed already gets what is behind that later, so that the order stays.
        taken, why = (0, "") if name in owed else _brought(here[name], missing)
        if taken == len(missing):
            notice(f"{redact(name)}: brought up to the reads of run {missing[0].run}, which did not end in order")
            continue
        owed.setdefault(name, []).extend(missing[taken:])
        left[name] = missing[taken - 1].number if taken else number
        if why:
            notice(f"{why}; {counted(len(missing) - taken, 'read')} of earlier runs still to be delivered to it")
    with writing(note):
        if left:
            replace_file(note, json.dumps({"run": run, "sinks": left}).encode(errors="surrogateescape"), synced=True)
        else:
            note.unlink(missing_ok=True)


def _brought(sink: DurableSink, records: Sequence[Record]) -> tuple[int, str]:
    """How many of the records a sink took, and why it took no more."""
    for count, record in enumerate(records):
        try:
            sink.deliver(record, again=True)
        except LpsrError as error:
            return count, str(error)
    return len(records), ""


def _noted(note: Path, sinks: Sequence[DurableSink]) -> tuple[str | None, dict[str, int]]:
    """The run that a note is of, and the last number that each sink has.

    A note that a power cut left empty says nothing: each sink of this run gets all reads again, and drops what it has.
    """
    data = note.read_bytes()
    try:
        told = json.loads(data)
        run = None if told["run"] is None else str(told["run"])
        return run, {str(name): int(number) for name, number in told["sinks"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, {sink.name: 0 for sink in sinks}


def whole_reads(journal: Path, run: str | None = None) -> Iterator[Record]:
    """The reads of a run, or of all, that are whole; what is torn behind the last of them is cut off."""
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
        if run is None or record.run == run:
            yield record

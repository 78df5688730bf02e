"""Reads of a video that an earlier process began to read: they are not recorded twice."""

from __future__ import annotations

import json
from contextlib import suppress

from lpsr_core.files import replace_file
from lpsr_run.pipeline.privacy import WatchList
from lpsr_run.pipeline.stream import PlateEvent
from lpsr_run.sinks.base import Record
from lpsr_serve.jobs.job import Job
from lpsr_serve.store.reads import ReadStore

_ROUNDED = 0.1
"""Milliseconds by which the time of a recorded read may be off."""


def recorded_before(job: Job, reads: ReadStore) -> list[Record]:
    """Return what an earlier process recorded of a job; its journal gets what a kill kept from it.

    Raises:
        LpsrError: the store cannot be read.
    """
    lines = job.journal.read_text(encoding="utf-8", errors="replace").splitlines() if job.journal.is_file() else []
    lines += [json.dumps(stored.fields, ensure_ascii=False) for stored in reads.of_source(job.source)]
    found: dict[str, Record] = {}
    for line in lines:
        with suppress(ValueError):  # cut off by a kill
            record = Record.parse(line)
            found.setdefault(record.key, record)
    with suppress(OSError):  # a full disk; they are in the store
        replace_file(job.journal, "".join(f"{record.line}\n" for record in found.values()).encode())
    return list(found.values())


def taken_out(event: PlateEvent, earlier: list[Record], watched: WatchList | None) -> bool:
    """Take the record of a read out of those of an earlier process; whether it was there.

    It is the read of the same text at a moment at which the plate is seen: with other networks the frames that are
    shown may be others.
    """
    fused = event.read
    text = fused.reading.text if watched is None else watched.shown(fused.reading.text)
    first, last = fused.first - _ROUNDED, fused.last + _ROUNDED
    for record in earlier:
        if record.fields["text"] == text and first <= record.fields["milliseconds"] <= last:
            earlier.remove(record)
            return True
    return False

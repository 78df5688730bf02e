"""A read as a row of a database, and what a database deletes: the same in every kind of database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from lpsr_core.compact import unpack
from lpsr_run.retention.policy import Retention
from lpsr_run.sinks.base import Record

COLUMNS = (
    *("stored", "source", "time", "milliseconds", "frame", "track", "text", "layout", "confidence", "frames"),
    *("agreeing", "json", "certain", "plate", "event", "run", "number", "zone", "hit", "log_probs"),
)
"""Names of the columns, without the identifier that the database gives."""
PART = 1000
"""Reads that are deleted at a time."""


def row_of(record: Record) -> tuple[Any, ...]:
    """The values of `COLUMNS` for a read that is stored now."""
    read = record.fields
    told = {**read, "stored": time.time()}
    told["json"] = json.dumps({name: value for name, value in read.items() if name != "log_probs"}, ensure_ascii=False)
    hit = read.get("hit")
    told["hit"] = None if hit is None else json.dumps(hit, ensure_ascii=False)
    told["log_probs"] = unpack(read["log_probs"]) if read.get("log_probs") else None
    told.setdefault("zone", None)  # journals of earlier versions have none
    return tuple(told[name] for name in COLUMNS)


def prune(execute: Callable[[str, tuple[float]], Any], rule: Retention, now: float, parameter: str) -> int:
    """Delete the reads that are too old or too many at a time; how many.

    They go in parts, with a pause as long behind each, in which others may write.

    Args:
        execute: runs a statement and returns a cursor.
        rule: what is kept; its bytes are not looked at.
        now: seconds since 1970.
        parameter: what statements have in the place of theirs.
    """
    chosen: list[tuple[str, float]] = []
    if rule.days is not None:
        chosen.append((f"stored < {parameter}", rule.oldest(now)))
    if rule.reads is not None:
        newest = f"SELECT id FROM reads ORDER BY id DESC LIMIT 1 OFFSET {parameter}"
        chosen.append((f"id <= ({newest})", rule.reads))
    deleted = 0
    for condition, value in chosen:
        part = f"SELECT id FROM reads WHERE {condition} ORDER BY id LIMIT {PART}"
        count = PART
        while count == PART:
            begun = time.monotonic()
            count = execute(f"DELETE FROM reads WHERE id IN ({part})", (value,)).rowcount
            deleted += count
            time.sleep(time.monotonic() - begun)
    return deleted

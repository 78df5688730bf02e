"""Stored reads: filtered, page by page."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_core.reads import read_key

_log = logging.getLogger("lpsr.serve")
_BUSY_SECONDS = 5.0
_FILTERED = "stored, source, text, confidence, event, hit"
_INDEXES = (
    f"CREATE INDEX IF NOT EXISTS reads_filtered ON reads (id, {_FILTERED})",
    f"CREATE INDEX IF NOT EXISTS reads_source ON reads (source, id, {_FILTERED.replace('source, ', '')})",
    "CREATE INDEX IF NOT EXISTS reads_hit ON reads (id) WHERE hit IS NOT NULL",
)
"""What filters are looked up in: they hold all columns that filters name, in the order of pages, and are a fortieth of
the table. A store that was never a server's has none of them."""


@dataclass(frozen=True)
class ReadFilter:
    """Which reads are wanted; None leaves a condition out.

    Attributes:
        camera: name of their source.
        since, until: when they were stored, in seconds since 1970; `until` is excluded.
        text: part of the text; `?` stands for any character.
        plate: the whole text.
        min_confidence: lowest confidence, 0..1.
        hit: whether they hit a watch list.
        final: whether reads of plates that are still seen (`first`, `update`) are left out.
    """

    camera: str | None = None
    since: float | None = None
    until: float | None = None
    text: str | None = None
    plate: str | None = None
    min_confidence: float | None = None
    hit: bool | None = None
    final: bool = False

    def conditions(self) -> tuple[list[str], list[Any]]:
        """Return SQL conditions and their values."""
        told = {
            "source = ?": self.camera,
            "stored >= ?": self.since,
            "stored < ?": self.until,
            "text GLOB ?": None if self.text is None else f"*{_pattern(self.text)}*",
            "text = ?": self.plate,
            "confidence >= ?": self.min_confidence,
        }
        given = {condition: value for condition, value in told.items() if value is not None}
        conditions = list(given)
        if self.hit is not None:
            conditions.append(f"hit IS {'NOT ' if self.hit else ''}NULL")
        if self.final:
            conditions.append("(event IS NULL OR event = 'final')")
        return conditions, list(given.values())


@dataclass(frozen=True)
class StoredRead:
    """A read of the store.

    Attributes:
        row: its number within the store; later reads have larger ones.
        stored: when it was stored, in seconds since 1970.
        line: of `reads.jsonl`, without `log_probs`.
        log_probs: packed (see `lpsr_core.compact`); None where they are not told.
    """

    row: int
    stored: float
    line: str
    log_probs: bytes | None = None

    @cached_property
    def fields(self) -> dict[str, Any]:
        """What the line of `reads.jsonl` says; not to be changed."""
        fields: dict[str, Any] = json.loads(self.line)
        if "hit" in fields:  # reads of earlier versions have neither
            fields["log_probs"] = base64.b64encode(self.log_probs or b"").decode()
        return fields

    @property
    def key(self) -> str:
        """Its name, which no other read has."""
        fields = self.fields
        return read_key(fields.get("run") or "", fields.get("number") or 0)


class ReadStore:
    """Reads the database that `SqliteSink` writes; each call has a connection of its own.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def make_indexes(self) -> None:
        """Make the indexes that filters need; a store of an earlier version gets them here. Filters work without."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as database:
                for statement in _INDEXES:
                    database.execute(statement)
        except sqlite3.Error as error:
            _log.warning("%s: no indexes could be made, so filters take longer: %s", self._path, error)

    def page(self, wanted: ReadFilter, most: int, before: int | None = None) -> list[StoredRead]:
        """Return the newest reads that fit.

        Args:
            wanted: which.
            most: how many.
            before: only rows of smaller numbers.
        """
        conditions, values = wanted.conditions()
        filtered = bool(conditions)
        if before is not None:
            conditions.append("id < ?")
            values.append(before)
        if filtered:  # by the indexes alone; the table itself is read for what was found
            chosen = f"SELECT id FROM reads WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?"
            conditions, values = [f"id IN ({chosen})"], [*values, most]
        return self._select(conditions, values, "id DESC", most)

    def after(self, row: int, most: int) -> list[StoredRead]:
        """Return the reads behind a row, oldest first."""
        return self._select(["id > ?"], [row], "id", most)

    def of_source(self, source: str) -> list[StoredRead]:
        """Return all reads of a source, oldest first."""
        return self._select(["source = ?"], [source], "id", -1)

    def find(self, key: str) -> StoredRead | None:
        """Return the read of a name; None where there is none."""
        run, dash, number = key.rpartition("-")
        if not dash or not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        found = self._select(["run = ?", "number = ?"], [run, int(number)], "id", 1)
        return found[0] if found else None

    def many(self, rows: Sequence[int]) -> dict[int, StoredRead]:
        """Return the reads of these rows; those that were deleted are missing."""
        marks = ",".join("?" * len(rows))
        found = self._select([f"id IN ({marks})"], rows, "id", len(rows)) if rows else []
        return {one.row: one for one in found}

    @property
    def last_row(self) -> int:
        """Number of the newest row; 0 for an empty store."""
        with self._connection() as database:
            (row,) = database.execute("SELECT coalesce(max(id), 0) FROM reads").fetchone()
        return int(row)

    @property
    def oldest(self) -> float | None:
        """When the oldest read was stored, in seconds since 1970."""
        with self._connection() as database:
            (stored,) = database.execute("SELECT min(stored) FROM reads").fetchone()
        return None if stored is None else float(stored)

    def _select(self, conditions: Sequence[str], values: Sequence[Any], order: str, most: int) -> list[StoredRead]:
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        with self._connection() as database:
            rows = database.execute(
                f"SELECT id, stored, json, levels FROM reads LEFT JOIN log_probs ON read = id {where}"
                f"ORDER BY {order} LIMIT ?",
                (*values, most),
            ).fetchall()
        return [StoredRead(*row) for row in rows]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(
                sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
            ) as database:
                yield database
        except sqlite3.Error as error:
            raise LpsrError(f"{self._path}: cannot be read: {error}") from None


def _pattern(text: str) -> str:
    """Text as a GLOB pattern; `?` is kept, what else SQL knows is taken literally."""
    text = text.replace("\0", "\ufffd")  # which would end the pattern, and fit every text
    return "".join(f"[{one}]" if one in "*[" else one for one in text.upper())

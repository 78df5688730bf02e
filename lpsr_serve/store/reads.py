"""Stored reads: filtered, page by page."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_core.reads import read_key

_BUSY_SECONDS = 5.0


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
        told: list[tuple[str, Any]] = []
        if self.camera is not None:
            told.append(("source = ?", self.camera))
        if self.since is not None:
            told.append(("stored >= ?", self.since))
        if self.until is not None:
            told.append(("stored < ?", self.until))
        if self.text is not None:
            told.append(("text GLOB ?", f"*{_pattern(self.text)}*"))
        if self.plate is not None:
            told.append(("text = ?", self.plate))
        if self.min_confidence is not None:
            told.append(("confidence >= ?", self.min_confidence))
        conditions = [condition for condition, _ in told]
        if self.hit is not None:
            conditions.append(f"hit IS {'NOT ' if self.hit else ''}NULL")
        if self.final:
            conditions.append("(event IS NULL OR event = 'final')")
        return conditions, [value for _, value in told]


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

    def page(self, wanted: ReadFilter, most: int, before: int | None = None) -> list[StoredRead]:
        """Return the newest reads that fit.

        Args:
            wanted: which.
            most: how many.
            before: only rows of smaller numbers.
        """
        conditions, values = wanted.conditions()
        if before is not None:
            conditions.append("id < ?")
            values.append(before)
        return self._select(conditions, values, "id DESC", most)

    def after(self, row: int, most: int) -> list[StoredRead]:
        """Return the reads behind a row, oldest first."""
        return self._select(["id > ?"], [row], "id", most)

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

    def row_of(self, key: str) -> int | None:
        """Return the row of a read; None where there is none."""
        found = self.find(key)
        return None if found is None else found.row

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

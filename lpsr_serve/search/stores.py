"""The databases of reads, as the search looks at them: SQLite and PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_run.redact import redact
from lpsr_run.sinks.postgres import connect, is_postgres

_SEARCHED = "id, stored, time, source, text, event"
_BUSY_SECONDS = 5.0
_MOST_NAMES = 500


@dataclass(frozen=True)
class Row:
    """A read as it is stored.

    Attributes:
        id: its number within the store; later reads have larger ones.
        stored: when it was stored, in seconds since 1970.
        fields: of its line of `reads.jsonl`.
    """

    id: int
    stored: float
    fields: dict[str, Any]


Searched = tuple[int, float, "str | None", str, str, "str | None", "bytes | None"]
"""Identifier, when stored, time of a live source, source, text, event, packed log-probabilities."""


class Store(ABC):
    """A database of reads; each call has a connection of its own, so threads may share it.

    Attributes:
        name: that may be shown.
    """

    name: str
    _searched = f"{_SEARCHED}, levels FROM reads LEFT JOIN log_probs ON log_probs.read = reads.id"
    _narrow = "reads INDEXED BY reads_stored"
    """An index alone, which is a hundredth of the table."""

    def after(self, row: int, most: int) -> list[Searched]:
        """Return the reads behind a row, in the order of their identifiers."""
        return self._select(f"SELECT {self._searched} WHERE id > ? ORDER BY id LIMIT ?", (row, most))

    def count(self, last: int) -> int:
        """Return the number of the reads up to a row."""
        return int(self._select(f"SELECT count(*) FROM {self._narrow} WHERE id <= ?", (last,))[0][0])

    def ids(self, last: int) -> list[int]:
        """Return the identifiers of the reads up to a row, in any order."""
        return [row for (row,) in self._select(f"SELECT id FROM {self._narrow} WHERE id <= ?", (last,))]

    def key(self, row: int) -> str | None:
        """Return run and number of a row; None where there is none."""
        rows = self._select("SELECT run, number FROM reads WHERE id = ?", (row,))
        return f"{rows[0][0]}-{rows[0][1]}" if rows else None

    def fetch(self, rows: Sequence[int]) -> dict[int, Row]:
        """Return the reads of these rows; those that were deleted are missing."""
        found: dict[int, Row] = {}
        for start in range(0, len(rows), _MOST_NAMES):
            part = [int(row) for row in rows[start : start + _MOST_NAMES]]
            marks = ",".join("?" * len(part))
            for row, stored, line in self._select(f"SELECT id, stored, json FROM reads WHERE id IN ({marks})", part):
                found[row] = Row(row, stored, json.loads(line))
        return found

    @abstractmethod
    def _select(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """The rows of a statement, in which `?` stands for each value."""


class SqliteStore(Store):
    """The database that `SqliteSink` writes.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, str(path)

    def _select(self, statement: str, values: Sequence[Any]) -> list[Any]:
        try:
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as database:
                return database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise LpsrError(f"{self._path}: cannot be searched: {error}") from None


class PostgresStore(Store):
    """The database that `lpsr_run.sinks.postgres` writes.

    Args:
        url: `postgresql://user@host/database`.
    """

    _searched, _narrow = f"{_SEARCHED}, log_probs FROM reads", "reads"

    def __init__(self, url: str) -> None:
        self._url, self.name = url, redact(url)

    def _select(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with closing(connect(self._url, read_only=True)) as connection:
            try:
                rows: list[Any] = connection.execute(statement.replace("?", "%s"), values).fetchall()
            except Exception as error:  # psycopg's errors, which cannot be named where it is not installed
                raise LpsrError(f"{self.name}: cannot be searched: {' '.join(str(error).split())}") from None
        return rows


def open_store(name: str | Path) -> Store:
    """The store of a name: the path of an SQLite database, or the address of a PostgreSQL one.

    Raises:
        LpsrError: there is no such file.
    """
    if is_postgres(str(name)):
        return PostgresStore(str(name))
    if not Path(name).is_file():
        raise LpsrError(f"{name}: no such store; lpsr-run --store makes one")
    return SqliteStore(Path(name))

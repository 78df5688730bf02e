"""Reads in an SQLite database that outlives runs: searched by text and time, and kept as long as is wanted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_run.retention.policy import Retention
from lpsr_run.sinks.base import ELSEWHERE, MAKE_ROOM, DurableSink, Fault, NotNowError, Record, vanished, why
from lpsr_run.sinks.files import made_folder
from lpsr_run.sinks.rows import COLUMNS, PART, prune, row_of

SCHEMA = 4
_TABLE = """
CREATE TABLE reads (
    id INTEGER PRIMARY KEY,
    stored REAL NOT NULL,          -- seconds since 1970
    source TEXT NOT NULL,
    time TEXT,                     -- of the named frame, UTC; NULL for recordings
    milliseconds REAL NOT NULL,
    frame INTEGER NOT NULL,
    track INTEGER NOT NULL,
    text TEXT NOT NULL,
    layout TEXT NOT NULL,
    confidence REAL NOT NULL,
    frames INTEGER NOT NULL,
    agreeing INTEGER NOT NULL,
    json TEXT NOT NULL,            -- the line of reads.jsonl without log_probs
    certain TEXT,                  -- NULL in rows of schema 1, as is plate
    plate REAL,
    event TEXT,                    -- NULL in rows of schema 2, as are run and number
    run TEXT,
    number INTEGER,
    zone TEXT,                     -- NULL in rows of schema 3, as is hit
    hit TEXT                       -- JSON, or NULL
);
CREATE INDEX reads_text ON reads (text);
CREATE INDEX reads_stored ON reads (stored);
CREATE UNIQUE INDEX reads_key ON reads (run, number)
"""
# A table of its own: beside the JSON, SQLite's pages of 4 KiB would hold one read in place of two.
_LOG_PROBS = """
CREATE TABLE log_probs (
    read INTEGER PRIMARY KEY,      -- id of the read; reads whose log-probabilities are not told are missing
    levels BLOB NOT NULL           -- 252 bytes, see lpsr_core.compact
);
CREATE TRIGGER reads_deleted AFTER DELETE ON reads BEGIN DELETE FROM log_probs WHERE read = old.id; END
"""
_UPGRADES = {
    0: f"{_TABLE};{_LOG_PROBS}",
    1: "ALTER TABLE reads ADD COLUMN certain TEXT;\nALTER TABLE reads ADD COLUMN plate REAL",
    2: "ALTER TABLE reads ADD COLUMN event TEXT;\nALTER TABLE reads ADD COLUMN run TEXT;\n"
    "ALTER TABLE reads ADD COLUMN number INTEGER;\nCREATE UNIQUE INDEX reads_key ON reads (run, number)",
    3: f"ALTER TABLE reads ADD COLUMN zone TEXT;\nALTER TABLE reads ADD COLUMN hit TEXT;{_LOG_PROBS}",
}
"""What leads from each schema on; from none to this one at once."""
_ROW = COLUMNS[:-1]
_INSERT = f"INSERT OR IGNORE INTO reads ({', '.join(_ROW)}) VALUES ({', '.join('?' * len(_ROW))})"
_INSERT_LOG_PROBS = "INSERT OR IGNORE INTO log_probs SELECT id, ? FROM reads WHERE run = ? AND number = ?"
_BUSY_MILLISECONDS = 200
"""That a read waits for a lock of somebody else before it is put off."""


class SqliteSink(DurableSink):
    """A database of reads; several runs may write to it at a time.

    Args:
        path: the file; made when missing.
        fault: told when somebody deleted or moved the file.

    Raises:
        LpsrError: it cannot be opened, or is not such a database.
    """

    def __init__(self, path: Path, fault: Fault = lambda line: None) -> None:
        self._path, self._fault = path, fault
        self.name = f"store:{path.absolute()}"
        self._database: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        try:
            self._open()
        except (sqlite3.Error, OSError) as error:
            if _locked(error):  # it is opened with the first read that finds it free
                self.close()
            else:
                raise LpsrError(f"{path}: cannot be used as the store of reads: {_why(error)}") from None

    def deliver(self, record: Record, again: bool = False) -> None:
        """As the base class says; while others lock the database, this raises `NotNowError`."""
        values = row_of(record)
        try:
            database = self._ensured()
            with _transaction(database):
                database.execute(_INSERT, values[:-1])
                if values[-1] is not None:
                    database.execute(_INSERT_LOG_PROBS, (values[-1], record.run, record.number))
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None

    def check(self) -> None:
        try:
            self._ensured()
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None

    def sweep(self, rule: Retention, now: float) -> int:
        """Delete the oldest reads that a rule does not keep at a time, in any thread; how many.

        While others lock the database none are, until the next sweep.

        Raises:
            LpsrError: the database cannot be written.
        """
        if not self._path.is_file():
            return 0
        try:
            with closing(_connected(self._path)) as database:
                deleted = prune(database.execute, rule, now, "?")
                if rule.bytes is not None:
                    deleted += _shrink(database, rule.bytes)
                if deleted:  # the log holds the pages as they were before
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return deleted
        except sqlite3.Error as error:
            if _locked(error):
                return 0
            raise LpsrError(f"{self._path}: {_why(error)}") from None

    def _failed(self, error: sqlite3.Error | OSError) -> LpsrError:
        if _locked(error):
            return NotNowError(f"{self._path}: is locked by somebody else")
        self.close()  # a disk or a server that comes back wants it opened anew
        return LpsrError(f"{self._path}: cannot be written: {_why(error)}; what was written before is kept")

    def _ensured(self) -> sqlite3.Connection:
        """The open database, made anew where somebody deleted or moved it."""
        if self._identity is not None and _identity(self._path) != self._identity:
            self._fault(vanished(self._path))
            self.close()
            self._identity = None
        if self._database is None:
            self._open()
        assert self._database is not None
        return self._database

    def _open(self) -> None:
        made_folder(self._path.parent)
        self._database = _connected(self._path)
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")  # what was written stays, also through a power cut
            self._database.execute("PRAGMA cache_size = -256")  # KiB: rows are appended and seldom read
            self._prepare()
        except BaseException:
            self.close()
            raise
        self._identity = _identity(self._path)

    def close(self) -> None:
        """Close it; the next read opens it again."""
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
        self._database = None

    def _prepare(self) -> None:
        database = self._database
        assert database is not None
        with _transaction(database):
            (version,) = database.execute("PRAGMA user_version").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if (version == 0 and tables == 0) or 0 < version < SCHEMA:
                for step in range(version, SCHEMA) if version else (0,):
                    for statement in _UPGRADES[step].split(";\n"):
                        database.execute(statement)
                database.execute(f"PRAGMA user_version = {SCHEMA}")
            elif version != SCHEMA:
                raise sqlite3.DatabaseError(f"schema {version} is not {SCHEMA}, the store's of this version")


def _connected(path: Path) -> sqlite3.Connection:
    # One thread uses it at a time, and not always the one that opened it.
    wait = _BUSY_MILLISECONDS / 1000
    database = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA secure_delete = ON")  # what retention deletes is gone from the file too
    return database


def _shrink(database: sqlite3.Connection, most: int) -> int:
    """Delete the oldest reads, in parts, until what is left takes at most so many bytes; how many."""
    deleted = 0
    while True:
        begun = time.monotonic()
        names = ("PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size", "SELECT count(*) FROM reads")
        pages, free, size, count = (database.execute(name).fetchone()[0] for name in names)
        if not count or (pages - free) * size <= most:
            return deleted
        oldest = "SELECT id FROM reads ORDER BY id LIMIT 1 OFFSET ?"
        deleted += database.execute(f"DELETE FROM reads WHERE id <= ({oldest})", (min(count // 20, PART),)).rowcount
        time.sleep(time.monotonic() - begun)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has ended it
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _locked(error: sqlite3.Error | OSError) -> bool:
    """Whether somebody else locks the database."""
    name = getattr(error, "sqlite_errorname", None)
    if name is None:  # before Python 3.11
        return isinstance(error, sqlite3.Error) and "locked" in str(error)
    return str(name).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _why(error: sqlite3.Error | OSError) -> str:
    """What the database or the system says, and what to do about it."""
    if isinstance(error, OSError):
        return why(error)
    return f"{error}; {MAKE_ROOM if 'full' in str(error) else ELSEWHERE}"

"""Reads in a PostgreSQL database: the same table as the SQLite store's."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from lpsr_core.errors import LpsrError, MissingExtraError
from lpsr_run.redact import redact
from lpsr_run.retention.policy import Retention
from lpsr_run.sinks.base import Record
from lpsr_run.sinks.rows import COLUMNS, prune, row_of
from lpsr_run.sinks.spool import NotTakenError, ReadRefusedError, Send

_SCHEMA = """
CREATE TABLE IF NOT EXISTS reads (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stored DOUBLE PRECISION NOT NULL, source TEXT NOT NULL, time TEXT, milliseconds DOUBLE PRECISION NOT NULL,
    frame BIGINT NOT NULL, track BIGINT NOT NULL, text TEXT NOT NULL, layout TEXT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL, frames BIGINT NOT NULL, agreeing BIGINT NOT NULL, json TEXT NOT NULL,
    certain TEXT, plate DOUBLE PRECISION, event TEXT, run TEXT NOT NULL, number BIGINT NOT NULL, zone TEXT, hit TEXT,
    log_probs BYTEA,
    UNIQUE (run, number)
);
CREATE INDEX IF NOT EXISTS reads_text ON reads (text);
CREATE INDEX IF NOT EXISTS reads_stored ON reads (stored)
"""
_INSERT = f"""INSERT INTO reads ({", ".join(COLUMNS)}) VALUES ({", ".join(["%s"] * len(COLUMNS))})
ON CONFLICT (run, number) DO NOTHING"""
_ORDER = "SELECT pg_advisory_xact_lock(4919)"
"""Writers take turns, so that identifiers become visible in their order and whoever follows them misses none."""
_CONNECT_SECONDS, _STATEMENT_SECONDS = 5, 20


def is_postgres(store: str) -> bool:
    """Whether a store's name is the address of a PostgreSQL database."""
    return store.lower().startswith(("postgresql://", "postgres://"))


def connect(url: str, read_only: bool = False) -> Any:
    """Open a connection that commits every statement.

    Args:
        url: `postgresql://user@host/database`; what it leaves open is libpq's (PGPASSWORD, ~/.pgpass).
        read_only: whether nothing is to be written.

    Raises:
        MissingExtraError: psycopg is not installed.
        LpsrError: the server cannot be reached, or does not let us in.
    """
    psycopg = _psycopg()
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        connection.read_only = read_only
    except (psycopg.Error, ValueError) as error:
        raise LpsrError(f"{redact(url)}: cannot be reached: {_line(error)}") from None
    return connection


def inserter(url: str) -> Send:
    """Insert reads; the table is made where it is missing, and a read that is there already is left alone.

    Args:
        url: see `connect`.

    Raises:
        MissingExtraError: psycopg is not installed.
    """
    psycopg = _psycopg()
    open_: list[Any] = []

    def insert(body: bytes, key: str) -> None:
        record = Record.parse(body.decode())
        try:
            if not open_:
                open_.append(connect(url))
                with open_[0].transaction():
                    open_[0].execute(_ORDER)
                    open_[0].execute(_SCHEMA)
            with open_[0].transaction():
                open_[0].execute(_ORDER)
                open_[0].execute(_INSERT, row_of(record))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise ReadRefusedError(f"was refused: {_line(error)}") from None
        except (psycopg.Error, LpsrError) as error:
            for connection in open_:
                connection.close()
            open_.clear()
            raise NotTakenError(_line(error)) from None

    return insert


def sweep_postgres(url: str, rule: Retention, now: float) -> int:
    """Delete the oldest reads that a rule does not keep at a time, seconds since 1970; how many.

    While the server is away or others lock the table none are, until the next sweep; the sink tells of an outage.

    Raises:
        MissingExtraError: psycopg is not installed.
        LpsrError: the server refuses to delete.
    """
    psycopg = _psycopg()
    if rule.days is None and rule.reads is None:
        return 0
    try:
        connection = connect(url)
    except LpsrError:
        return 0
    with closing(connection):
        try:
            connection.execute(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'")
            (table,) = connection.execute("SELECT to_regclass('reads')").fetchone()
            return 0 if table is None else prune(connection.execute, rule, now, "%s")
        except psycopg.OperationalError:  # it went away, or took too long
            return 0
        except psycopg.Error as error:
            raise LpsrError(f"{redact(url)}: {_line(error)}") from None


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("psycopg", "postgres") from None
    return psycopg


def _line(error: Exception) -> str:
    return " ".join(str(error).split())

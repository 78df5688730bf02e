"""From what a user types to the list of inputs: a file, a folder, a glob, or a table with a column of paths."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.bulk.config import Kind
from lpsr_run.bulk.result import import_parquet
from lpsr_run.redact import shown
from lpsr_run.sources import Report, list_images

_TABLES = (".csv", ".parquet")
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp"}
    | {".ogv", ".h264", ".h265", ".hevc"}
)


def list_inputs(spec: str, kind: Kind, column: str, note: Report) -> dict[str, bytes]:
    """List the inputs of a bulk run, each once.

    Args:
        spec: a file, a folder, a glob, or a .csv or .parquet table.
        kind: of the inputs; decides which files of a folder count.
        column: of the table, the one with the paths; relative ones start at the table's folder.
        note: takes a line about files that are left out and inputs that are named twice.

    Returns:
        The path of each input as the file system has it, by the name that its result will have; in order.

    Raises:
        UsageError: nothing has that name, or the table lacks the column.
        LpsrError: there is no input, or the table cannot be read.
    """
    path = Path(spec)
    if path.suffix.lower() in _TABLES and path.is_file():
        paths: Iterable[Path] = [path.parent / name for name in _column(path, column)]
    elif kind == "video" and path.is_dir():
        paths = _videos(path, note)
    else:
        paths = list_images(spec, note)[0]
    listed = [(shown(one), os.fsencode(one.absolute())) for one in paths]
    inputs = dict(listed)
    if not inputs:
        raise LpsrError(f"{shown(spec)}: holds no input")
    if len(inputs) < len(listed):
        note(f"{shown(spec)}: {len(listed) - len(inputs):,} inputs are named more than once, and read once")
    return inputs


def _videos(folder: Path, note: Report) -> list[Path]:
    entries = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    found = [entry for entry in entries if entry.suffix.lower() in VIDEO_SUFFIXES]
    if not found:
        raise LpsrError(f"{shown(folder)}: no video in this folder; known are {', '.join(sorted(VIDEO_SUFFIXES))}")
    if len(found) < len(entries):
        note(f"{shown(folder)}: {len(entries) - len(found):,} files left out, as no videos by their names")
    return found


def _column(table: Path, column: str) -> list[str]:
    """Values of a table's column."""
    try:
        names, values = _csv(table, column) if table.suffix.lower() == ".csv" else _parquet(table, column)
    except (OSError, ValueError, csv.Error) as error:
        raise LpsrError(f"{shown(table)}: cannot be read as a table: {' '.join(str(error).split())}") from None
    if values is None:
        raise UsageError(f"{shown(table)}: no column {column!r}; give --column one of {', '.join(names) or 'none'}")
    if any(not isinstance(value, str) or not value for value in values):
        raise LpsrError(f"{shown(table)}: column {column!r} holds a row without a path")
    return values


def _csv(table: Path, column: str) -> tuple[list[str], list[str] | None]:
    with table.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
        reader = csv.DictReader(stream)
        names = list(reader.fieldnames or ())
        return names, [row[column] for row in reader] if column in names else None


def _parquet(table: Path, column: str) -> tuple[list[str], list[str] | None]:
    with import_parquet().ParquetFile(table) as file:
        names = list(file.schema_arrow.names)
        return names, file.read([column])[column].to_pylist() if column in names else None

"""Reads as a CSV file, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from lpsr_run.redact import shown
from lpsr_run.retention.lines import csv_line, kept_from
from lpsr_run.retention.policy import Retention
from lpsr_run.sinks.base import DurableSink, Fault, Record, writing
from lpsr_run.sinks.files import append_line, end_line, made_folder, sync_folder
from lpsr_run.sinks.line_file import LineFile

_FORMULAS = ("=", "+", "-", "@")
COLUMNS = (
    *("source", "time", "milliseconds", "frame", "track", "text", "certain", "layout", "confidence", "plate"),
    *("frames", "agreeing"),
    *("x", "y", "width", "height", "super_resolved", "lr_image", "sr_image", "event", "run", "number"),
)


def harmless(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula, on one line: names of files and cameras come from anywhere."""
    if not isinstance(value, str):
        return value
    value = shown(value)
    return f"'{value}" if value.startswith(_FORMULAS) else value


class CsvSink(DurableSink):
    """One line a read, on the disk before the next read is made; an existing file of this form is continued.

    Args:
        path: the file.
        fault: told when somebody deleted or moved it.

    Raises:
        LpsrError: it cannot be made or written, or has other columns.
    """

    def __init__(self, path: Path, fault: Fault = lambda line: None) -> None:
        self.name = f"csv:{path.absolute()}"
        self._known: dict[str, set[int]] = {}
        with writing(path):
            made_folder(path.parent)
        self._file = LineFile(path, self._opened, fault)

    def close(self) -> None:
        self._file.close()

    def deliver(self, record: Record, again: bool = False) -> None:
        values = {**record.fields, **record.fields["box"]}
        with self._file.ready():
            if again and record.number in self._numbers(record.run):
                return
            line = _line("" if values[name] is None else harmless(values[name]) for name in COLUMNS)
            append_line(self._file.file, line)
            if record.run in self._known:
                self._known[record.run].add(record.number)

    def check(self) -> None:
        self._file.check()

    def sweep(self, rule: Retention, now: float) -> int:
        """Delete the oldest lines that a rule does not keep; how many.

        Raises:
            LpsrError: the file could not be written; it is as it was.
        """
        with self._file.ready():
            offset, count = kept_from(self._file.path, rule, now, csv_line(COLUMNS), len(_HEAD))
            if count:
                self._file.keep_from(offset, _HEAD)
            return count

    def _opened(self, path: Path) -> IO[bytes]:
        if path.exists() and not path.is_file():  # a device or a pipe may never end
            raise OSError(0, "is no regular file")
        self._known.clear()
        file = path.open("a+b", buffering=0)
        try:
            file.seek(0)
            head = file.readline()
            if not head:
                append_line(file, _HEAD)
                sync_folder(path.parent)
            elif head.strip() != _HEAD.strip():
                raise OSError(0, "is another table")
            else:
                end_line(path)
        except OSError:
            file.close()
            raise
        return file

    def _numbers(self, run: str) -> set[int]:
        """Reads of a run that the file holds."""
        if run not in self._known:
            with self._file.path.open(encoding="utf-8", errors="replace", newline="") as stream:
                rows = [row for row in csv.DictReader(stream) if row.get("run") == run]
            self._known = {run: {int(row["number"]) for row in rows if (row.get("number") or "").isdigit()}}
        return self._known[run]


def _line(values: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


_HEAD = _line(COLUMNS)

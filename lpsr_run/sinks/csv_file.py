"""Reads as a CSV file, for spreadsheets."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path
from typing import Any

from lpsr_run.redact import shown
from lpsr_run.retention.lines import csv_line, kept_from
from lpsr_run.retention.policy import Retention
from lpsr_run.sinks.base import DurableSink, Fault, Record, vanished, write_failed
from lpsr_run.sinks.files import append_line, end_line, is_at, made_folder, sync_folder, write_rest

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
        self._path, self._fault = path, fault
        self.name = f"csv:{path.absolute()}"
        self._known: dict[str, set[int]] = {}
        self._lock = threading.RLock()
        try:
            made_folder(path.parent)
            self._open()
        except OSError as error:
            raise write_failed(path, error) from None

    def close(self) -> None:
        """Closes it."""
        self._file.close()

    def deliver(self, record: Record, again: bool = False) -> None:
        """As the base class says."""
        values = {**record.fields, **record.fields["box"]}
        with self._lock:
            try:
                self._ensure()
                if again and record.number in self._numbers(record.run):
                    return
                self._append(["" if values[name] is None else harmless(values[name]) for name in COLUMNS])
                if record.run in self._known:
                    self._known[record.run].add(record.number)
            except OSError as error:
                raise write_failed(self._path, error) from None

    def check(self) -> None:
        """As the base class says."""
        with self._lock:
            try:
                self._ensure()
            except OSError as error:
                raise write_failed(self._path, error) from None

    def sweep(self, rule: Retention, now: float) -> int:
        """Delete the oldest lines that a rule does not keep; how many.

        Raises:
            OSError: the file could not be written; it is as it was.
        """
        head = (",".join(COLUMNS) + "\n").encode()
        with self._lock:
            self._ensure()
            offset, count = kept_from(self._path, rule, now, csv_line(COLUMNS), len(head))
            if count:
                write_rest(self._path, offset, head)
                self._file.close()
                self._open()
            return count

    def _ensure(self) -> None:
        if not is_at(self._file, self._path):
            self._fault(vanished(self._path))
            self._file.close()
            self._known.clear()
            made_folder(self._path.parent)
            self._open()

    def _open(self) -> None:
        if self._path.exists() and not self._path.is_file():  # a device or a pipe may never end
            raise OSError(0, "is no regular file")
        self._file = self._path.open("a+b", buffering=0)
        self._file.seek(0)
        head = self._file.readline().decode("utf-8", "replace")
        if not head:
            self._append(COLUMNS)
            sync_folder(self._path.parent)
        elif head.strip() != ",".join(COLUMNS):
            self._file.close()
            raise OSError(0, "is another table")
        else:
            end_line(self._path)

    def _numbers(self, run: str) -> set[int]:
        """Reads of a run that the file holds."""
        if run not in self._known:
            with self._path.open(encoding="utf-8", errors="replace", newline="") as stream:
                rows = [row for row in csv.DictReader(stream) if row.get("run") == run]
            self._known = {run: {int(row["number"]) for row in rows if (row.get("number") or "").isdigit()}}
        return self._known[run]

    def _append(self, values: object) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)  # type: ignore[arg-type]
        append_line(self._file, text.getvalue().encode())

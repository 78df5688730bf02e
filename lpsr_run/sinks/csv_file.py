"""Reads as a CSV file, for spreadsheets."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lpsr_run.sinks.base import Result, write_failed
from lpsr_run.sinks.files import ClosesItself, append_line, end_line

COLUMNS = (
    *("source", "time", "milliseconds", "frame", "track", "text", "certain", "layout", "confidence", "plate"),
    *("frames", "agreeing"),
    *("x", "y", "width", "height", "super_resolved", "lr_image", "sr_image", "event", "run", "number"),
)


class CsvSink(ClosesItself):
    """One line a read, on the disk before the next read is made; an existing file of this form is continued.

    Args:
        path: the file.

    Raises:
        LpsrError: it cannot be made or written, or has other columns.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
            self._file.seek(0)
            head = self._file.readline().decode("utf-8", "replace")
            if not head:
                self._append(COLUMNS)
            elif head.strip() != ",".join(COLUMNS):
                self._file.close()
                raise OSError(0, "is another table")
            else:
                end_line(path)
        except OSError as error:
            raise write_failed(path, error) from None

    def close(self) -> None:
        """Closes it."""
        self._file.close()

    def write(self, result: Result) -> None:
        fields = result.read.as_dict()
        values = {**fields, **fields["box"]}
        try:
            self._append(["" if values[name] is None else values[name] for name in COLUMNS])
        except OSError as error:
            raise write_failed(self._path, error) from None

    def _append(self, values: object) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)  # type: ignore[arg-type]
        line = text.getvalue().encode()
        append_line(self._file, line)

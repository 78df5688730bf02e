"""`reads.jsonl`: one JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from lpsr_run.sinks.base import Result, write_failed
from lpsr_run.sinks.files import ClosesItself, append_line


class JsonLinesSink(ClosesItself):
    """`reads.jsonl`: one JSON object a line, on the disk before the next read is made.

    Args:
        path: the file; an existing one is replaced (see `set_aside`).

    Raises:
        LpsrError: the file cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: IO[bytes] = path.open("wb", buffering=0)
        except OSError as error:
            raise write_failed(path, error) from None

    def close(self) -> None:
        """Closes it."""
        self._file.close()

    def write(self, result: Result) -> None:
        line = (result.read.to_json() + "\n").encode()
        try:
            append_line(self._file, line)
        except OSError as error:
            raise write_failed(self._path, error) from None

"""`reads.jsonl`: one JSON object a line."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO

from lpsr_run.sinks.base import Result, write_failed


class JsonLinesSink:
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

    def __enter__(self) -> JsonLinesSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, result: Result) -> None:
        line = (result.read.to_json() + "\n").encode()
        start = self._file.tell()
        try:
            written = self._file.write(line)
            if written != len(line):
                # A disk that fills up takes a part of the line before it says so: take that back.
                self._file.truncate(start)
                raise OSError(28, "No space left on device")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise write_failed(self._path, error) from None

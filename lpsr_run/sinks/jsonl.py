"""`reads.jsonl`: one JSON object a line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from lpsr_run.sinks.base import Result, write_failed
from lpsr_run.sinks.files import ClosesItself, append_line


class JsonLinesSink(ClosesItself):
    """`reads.jsonl`: one JSON object a line, in the file before the next read is made.

    Args:
        path: the file; an existing one is replaced (see `set_aside`).
        sync_seconds: longest time between two syncs to the disk while reads come; with 0 each read is on the disk
            before the next is made. Closing syncs the rest.

    Raises:
        LpsrError: the file cannot be made or written.
    """

    def __init__(self, path: Path, sync_seconds: float = 0.0) -> None:
        self._path, self._sync_seconds = path, sync_seconds
        self._synced, self._behind = time.monotonic(), False
        try:
            self._file: IO[bytes] = path.open("wb", buffering=0)
        except OSError as error:
            raise write_failed(path, error) from None

    def close(self) -> None:
        """Sync and close it.

        Raises:
            LpsrError: the disk did not take what was written.
        """
        with self._file:
            if not self._behind:
                return
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise write_failed(self._path, error) from None

    def write(self, result: Result) -> None:
        line = (result.read.to_json() + "\n").encode()
        now = time.monotonic()
        due = now - self._synced >= self._sync_seconds
        try:
            append_line(self._file, line, synced=due)
        except OSError as error:
            raise write_failed(self._path, error) from None
        self._behind = not due
        if due:
            self._synced = now

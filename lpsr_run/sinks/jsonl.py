"""`reads.jsonl`: one JSON object a line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from lpsr_run.sinks.base import Fault, Result, vanished, write_failed
from lpsr_run.sinks.files import ClosesItself, append_line, is_at


class JsonLinesSink(ClosesItself):
    """`reads.jsonl`: one JSON object a line, in the file before the next read is made.

    Args:
        path: the file; an existing one is replaced (see `set_aside`).
        sync_seconds: longest time between two syncs to the disk while reads come; with 0 each read is on the disk
            before the next is made. Closing syncs the rest.
        fault: told when somebody deleted or moved the file.

    Raises:
        LpsrError: the file cannot be made or written.
    """

    def __init__(self, path: Path, sync_seconds: float = 0.0, fault: Fault = lambda line: None) -> None:
        self._fault = fault
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
            self.sync()

    def write(self, result: Result) -> None:
        """Take a read."""
        self.append(result.read.to_json())

    def append(self, line: str) -> None:
        """Take a read's line.

        Raises:
            LpsrError: it could not be written.
        """
        now = time.monotonic()
        due = now - self._synced >= self._sync_seconds
        try:
            if not is_at(self._file, self._path):
                self._fault(vanished(self._path))
                self._file.close()
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
            append_line(self._file, f"{line}\n".encode(), synced=due)
        except OSError as error:
            raise write_failed(self._path, error) from None
        self._behind = not due
        if due:
            self._synced = now

    def sync(self) -> None:
        """Bring what was written to the disk.

        Raises:
            LpsrError: the disk did not take it.
        """
        try:
            if self._behind:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise write_failed(self._path, error) from None
        self._behind, self._synced = False, time.monotonic()

"""`reads.jsonl`: one JSON object a line."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import IO

from lpsr_run.sinks.base import Fault, Result, vanished, write_failed
from lpsr_run.sinks.files import ClosesItself, append_line, is_at, made_folder, sync_folder, write_rest


class JsonLinesSink(ClosesItself):
    """`reads.jsonl`: one JSON object a line, in the file before the next read is made.

    Args:
        path: the file; an existing one is replaced (see `set_aside`).
        sync_seconds: longest time between two syncs to the disk while reads come; with 0 each read is on the disk
            before the next is made. Closing syncs the rest.
        fault: told when somebody deleted or moved the file.

    Attributes:
        path: of the file.
        last: number of the last read that was taken.

    Raises:
        LpsrError: the file cannot be made or written.
    """

    def __init__(self, path: Path, sync_seconds: float = 0.0, fault: Fault = lambda line: None) -> None:
        self._fault = fault
        self.path, self._sync_seconds = path, sync_seconds
        self.last = 0
        self._synced, self._behind = time.monotonic(), False
        self._lock = threading.RLock()
        try:
            self._file: IO[bytes] = path.open("wb", buffering=0)
            sync_folder(path.parent)
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

    def append(self, line: str, number: int = 0) -> int:
        """Take a read's line.

        Args:
            line: JSON, without its newline.
            number: of the read within the run.

        Returns:
            Its byte offset in the file.

        Raises:
            LpsrError: it could not be written.
        """
        with self._lock:
            now = time.monotonic()
            due = now - self._synced >= self._sync_seconds
            try:
                self._ensure()
                start = append_line(self._file, f"{line}\n".encode(), synced=due)
            except OSError as error:
                raise write_failed(self.path, error) from None
            self._behind = not due
            if due:
                self._synced = now
            self.last = number
            return start

    def check(self) -> None:
        """Look whether the file is still where it was; one that was deleted or moved is made anew and told.

        Raises:
            LpsrError: it cannot be made anew.
        """
        with self._lock:
            try:
                self._ensure()
            except OSError as error:
                raise write_failed(self.path, error) from None

    def keep_from(self, offset: int) -> int:
        """Drop the lines before a byte offset: what retention does not keep.

        Args:
            offset: where a line begins.

        Returns:
            Number of bytes that were dropped.

        Raises:
            LpsrError: the file cannot be read or written; it is as it was.
        """
        with self._lock:
            try:
                self._ensure()
                write_rest(self.path, offset)
                self._file.close()
                self._file = self.path.open("ab", buffering=0)
            except OSError as error:
                raise write_failed(self.path, error) from None
            return offset

    def _ensure(self) -> None:
        if not is_at(self._file, self.path):
            self._fault(vanished(self.path))
            self._file.close()
            made_folder(self.path.parent)
            self._file = self.path.open("ab", buffering=0)
            sync_folder(self.path.parent)

    def sync(self) -> None:
        """Bring what was written to the disk.

        Raises:
            LpsrError: the disk did not take it.
        """
        with self._lock:
            try:
                if self._behind:
                    os.fsync(self._file.fileno())
            except OSError as error:
                raise write_failed(self.path, error) from None
            self._behind, self._synced = False, time.monotonic()

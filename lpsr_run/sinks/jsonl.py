"""`reads.jsonl`: one JSON object a line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from lpsr_run.sinks.base import Fault, writing
from lpsr_run.sinks.files import append_line, sync_folder
from lpsr_run.sinks.line_file import LineFile


class JsonLinesSink(LineFile):
    """`reads.jsonl`: one JSON object a line, in the file before the next read is made.

    Args:
        path: the file; an existing one is replaced (see `set_aside`).
        sync_seconds: longest time between two syncs to the disk while reads come; with 0 each read is on the disk
            before the next is made. Closing syncs the rest.
        fault: told when somebody deleted or moved the file.
        append: goes on behind the lines of an existing file.

    Attributes:
        last: number of the last read that was taken.

    Raises:
        LpsrError: the file cannot be made or written.
    """

    def __init__(
        self, path: Path, sync_seconds: float = 0.0, fault: Fault = lambda line: None, append: bool = False
    ) -> None:
        self._sync_seconds, self.last = sync_seconds, 0
        self._synced, self._behind = time.monotonic(), False
        with writing(path):
            path.open("ab" if append else "wb").close()
        super().__init__(path, _opened, fault)

    def close(self) -> None:
        """Sync and close it."""
        try:
            if self._behind:
                with writing(self.path):
                    os.fsync(self.file.fileno())
        finally:
            super().close()

    def append(self, line: str, number: int = 0) -> int:
        """Take a read's line.

        Args:
            line: JSON, without its newline.
            number: of the read within the run.

        Returns:
            Its byte offset in the file.
        """
        with self.ready():
            now = time.monotonic()
            due = now - self._synced >= self._sync_seconds
            start = append_line(self.file, f"{line}\n".encode(), synced=due)
            self._behind = not due
            if due:
                self._synced = now
            self.last = number
            return start


def _opened(path: Path) -> IO[bytes]:
    file = path.open("ab", buffering=0)
    sync_folder(path.parent)
    return file

"""The log of a run's events: lines of JSON in a file that does not grow for ever."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_run.sinks.base import why
from lpsr_run.sinks.files import ClosesItself, append_line, end_line, is_at
from lpsr_run.state import Event

LARGEST, KEPT = 10 << 20, 3
"""Bytes of a log file, and how many older ones are kept."""


class EventLog(ClosesItself):
    """Appends every event of a run as a line of JSON; a log that cannot be written stops no run.

    A file that is full becomes `NAME.1`, that one `NAME.2` and so on. Other runs may write to the same file, and other
    programs may move it away. (The standard library's rotating handler buffers: a full disk would tear its last line.)

    Args:
        path: the file; an existing one is continued.
        fault: told in one line, once, when events could not be written.
        largest: bytes that the file may have.
        kept: how many older files are kept.

    Raises:
        LpsrError: it cannot be opened.
    """

    def __init__(
        self, path: Path, fault: Callable[[str], None] = lambda _: None, largest: int = LARGEST, kept: int = KEPT
    ) -> None:
        self._path, self._fault, self._largest, self._kept = path, fault, largest, kept
        self._told = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            self._regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)  # not a pipe or a terminal
            if self._regular:
                end_line(path)
        except OSError as error:
            raise LpsrError(f"{path}: cannot be written: {why(error)}") from None

    def close(self) -> None:
        self._file.close()

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        if self._file.closed:
            return
        told: dict[str, Any] = {"process": os.getpid(), **event}
        line = (json.dumps(told, ensure_ascii=False, default=str) + "\n").encode(errors="backslashreplace")
        try:
            if self._regular:
                self._make_way(len(line))
                append_line(self._file, line, synced=False)
            else:
                self._file.write(line)
        except OSError as error:
            if not self._told:
                self._told = True
                self._fault(f"{self._path}: events could not be written: {why(error)}; the run goes on")

    def _make_way(self, size: int) -> None:
        """Opens the file anew where it was moved, and moves it where so many bytes more would be too many."""
        now = os.fstat(self._file.fileno())
        if not is_at(self._file, self._path):
            self._open()
        elif now.st_size and now.st_size + size > self._largest:
            for number in range(self._kept, 0, -1):
                if (newer := self._numbered(number - 1)).exists():
                    newer.replace(self._numbered(number))
            self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _open(self) -> None:
        old, self._file = self._file, self._path.open("ab", buffering=0)
        old.close()

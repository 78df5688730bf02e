"""A file that grows by lines, and is made anew where somebody deletes or moves it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lpsr_run.sinks.base import Fault, vanished, writing
from lpsr_run.sinks.files import ClosesItself, is_at, made_folder, write_rest


class LineFile(ClosesItself):
    """A file that one sink appends to; `LpsrError` is raised where that fails, or where it cannot be made anew.

    Args:
        path: of the file, whose folder exists.
        opener: opens it for appending, without a buffer.
        fault: told when it was made anew.

    Attributes:
        path: of the file.
        file: open; for the context of `ready`.
    """

    def __init__(self, path: Path, opener: Callable[[Path], IO[bytes]], fault: Fault) -> None:
        self.path, self._opener, self._fault = path, opener, fault
        self._lock = threading.RLock()
        with writing(path):
            self.file = opener(path)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Hold the file for one thread; it is there, made anew where it vanished."""
        with self._lock, writing(self.path):
            if not is_at(self.file, self.path):
                made_folder(self.path.parent)
                self._open_again()
                self._fault(vanished(self.path))
            yield

    def check(self) -> None:
        """Look whether the file is still where it was; one that was deleted or moved is made anew and told."""
        with self.ready():
            pass

    def keep_from(self, offset: int, head: bytes = b"") -> None:
        """Drop all before a byte offset, where a line begins, but for a head; where that fails it is as it was."""
        with self.ready():
            write_rest(self.path, offset, head)
            self._open_again()

    def close(self) -> None:
        self.file.close()

    def _open_again(self) -> None:
        before, self.file = self.file, self._opener(self.path)  # where that fails, the next look finds the old one
        before.close()

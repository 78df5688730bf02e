"""What sinks on disk share: lines that are whole or not there, and closing."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import IO, TypeVar

Closing = TypeVar("Closing", bound="ClosesItself")


class ClosesItself(ABC):
    """A context manager that closes what it holds open, whatever happens."""

    def __enter__(self: Closing) -> Closing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Closes it."""


def append_line(file: IO[bytes], line: bytes) -> None:
    """Writes a line at the end of an unbuffered file; it is on the disk when this returns, or not in the file.

    Raises:
        OSError: it could not be written.
    """
    start = file.seek(0, os.SEEK_END)
    if file.write(line) != len(line):
        # A disk that fills up takes a part of the line before it says so: take that back.
        file.truncate(start)
        raise OSError(28, "No space left on device")
    os.fsync(file.fileno())

"""What sinks on disk share: lines and files that are whole or not there, and closing."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

from lpsr_core.files import replace_file, sync_folder

__all__ = ["ClosesItself", "append_line", "end_line", "is_at", "replace_file", "sync_folder"]

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


def append_line(file: IO[bytes], line: bytes, synced: bool = True) -> None:
    """Writes a line at the end of an unbuffered file; it is in the file when this returns, or nothing of it is.

    Args:
        file: open for appending, or at least for writing.
        line: with its newline.
        synced: whether it is on the disk, and not only on its way there, when this returns.

    Raises:
        OSError: it could not be written.
    """
    start = file.seek(0, os.SEEK_END)
    rest = memoryview(line)
    try:
        # A disk that fills up takes a part of the line, and says why with the rest.
        while rest:
            rest = rest[file.write(rest) :]
        if synced:
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.truncate(start)
        raise


def is_at(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is still the one under this name: others may have moved or deleted it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def end_line(path: Path) -> None:
    """Ends the last line of a file, which a power cut may have torn: the next one is not to go on in it.

    Raises:
        OSError: it cannot be read or written.
    """
    with path.open("r+b", buffering=0) as stream:
        if stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")

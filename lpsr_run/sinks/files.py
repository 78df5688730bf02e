"""What sinks on disk share: lines and files that are whole or not there, and closing."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

from lpsr_core.files import replace_file as replace_file
from lpsr_core.files import replacing
from lpsr_core.files import sync_folder as sync_folder

Closing = TypeVar("Closing", bound="ClosesItself")


class ClosesItself(ABC):
    """A context manager that closes what it holds open, whatever happens."""

    def __enter__(self: Closing) -> Closing:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Closes it."""


def append_line(file: IO[bytes], line: bytes, synced: bool = True) -> int:
    """Writes a line at the end of an unbuffered file; it is in the file when this returns, or nothing of it is.

    Args:
        file: open for appending, or at least for writing.
        line: with its newline.
        synced: whether it is on the disk, and not only on its way there, when this returns.

    Returns:
        The offset in bytes at which it begins.

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
    return start


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


def made_folder(path: Path) -> bool:
    """Make a folder, with those above it, so that a power cut does not take it; whether it was missing.

    Raises:
        OSError: it could not be made.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        sync_folder(each.parent)
    return bool(missing)


def write_rest(path: Path, offset: int, head: bytes = b"") -> None:
    """Replace a file by a head and what begins at a byte offset; whoever looks sees the old one or the new one.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    with replacing(path, synced=True) as part:
        with path.open("rb") as old, part.open("wb") as new:
            new.write(head)
            old.seek(offset)
            shutil.copyfileobj(old, new)
        shutil.copymode(path, part)

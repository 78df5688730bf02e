"""Files before a decoder opens them: whether they can be read, and the name that it takes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from lpsr_core.errors import LpsrError
from lpsr_run.redact import shown
from lpsr_run.sources.base import Report

PATIENCE = 3.0
"""Seconds after which a wait for whoever writes into a named pipe is told."""


def check_readable(path: Path) -> None:
    """Makes sure that a file can be read; a named pipe is left alone, since whoever writes it waits for one reader.

    Raises:
        LpsrError: it cannot be read, is empty, or is neither a file nor a pipe.
    """
    try:
        status = path.stat()
        if stat.S_ISFIFO(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode):
            raise LpsrError(f"{shown(path)}: neither a file nor a named pipe; of devices only cameras can be read")
        if status.st_size == 0:
            raise LpsrError(f"{shown(path)}: the file is empty")
        with path.open("rb"):
            pass
    except OSError as error:
        raise LpsrError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None


@contextmanager
def told_while_opening(path: Path, note: Report) -> Iterator[None]:
    """Says so when a named pipe takes long to open, which is until somebody opens it for writing.

    Args:
        path: about to be opened; anything but a pipe opens at once.
        note: takes the line, from another thread.
    """
    if not path.is_fifo():
        yield
        return
    timer = Timer(PATIENCE, note, [f"{shown(path)}: waiting for somebody to write into this pipe"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def ffmpeg_name(path: Path) -> Iterator[str]:
    """A file's name for OpenCV's FFmpeg: `file:` keeps colons from being taken for a protocol.

    OpenCV takes names in UTF-8 alone; any other file is opened here and named by its descriptor.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        handle = os.open(path, os.O_RDONLY)
        try:
            yield f"file:/dev/fd/{handle}"
        finally:
            os.close(handle)
    else:
        yield f"file:{path}"

"""Files that are whole or not there: the one way in which the packages replace a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path, synced: bool = False) -> Iterator[Path]:
    """Make a file or replace one; readers see the old file or the new one, never a part of it.

    The new file takes the place of the old one when the context ends without an exception; otherwise it is removed
    and the old one stays.

    Args:
        path: of the file. Its folder must exist.
        synced: whether the file and its name are on the disk, and not only on their way there, at the end.

    Yields:
        Where to write: `.NAME.part` beside the file.

    Raises:
        OSError: it could not be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        if synced:
            _sync(part, os.O_RDWR)
        part.replace(path)
        if synced:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):  # a file system that became read-only refuses this as well
            part.unlink(missing_ok=True)
        raise


def replace_file(path: Path, data: bytes, synced: bool = False) -> None:
    """Make a file or replace one, see `replacing`.

    Args:
        path: of the file. Its folder must exist.
        data: content of the file.
        synced: whether it is on the disk when this returns.

    Raises:
        OSError: it could not be written.
    """
    with replacing(path, synced) as part:
        part.write_bytes(data)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk: a synced file could otherwise be lost with its name.

    Raises:
        OSError: the disk did not take them.
    """
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Writing a form of the report."""

from __future__ import annotations

from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file


def write_text(path: Path, text: str) -> Path:
    """Writes a file whole or not at all; returns its path.

    Raises:
        LpsrError: it cannot be written.
    """
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise LpsrError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path

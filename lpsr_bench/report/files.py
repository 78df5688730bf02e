"""Writing a form of the report."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lpsr_core.errors import LpsrError


def write_text(path: Path, text: str) -> Path:
    """Writes a file whole or not at all; returns its path.

    Raises:
        LpsrError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise LpsrError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        # Where nothing could be written there is nothing to clear away either.
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path

"""The output folder: made, and what an earlier run left in it set aside."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lpsr_run.sinks.base import write_failed

EARLIER_READS = "reads.earlier.jsonl"
"""What `reads.jsonl` is called where it was set aside."""
DELIVERED = ".delivered.json"
"""Beside the reads: how many of them each sink has, as long as one has not got all."""


def set_aside(out: Path) -> Path | None:
    """Moves what an earlier run left in an output folder to `earlier-N` inside it, so that nothing is destroyed.

    Its `reads.jsonl` becomes `reads.earlier.jsonl` there: programs that look for files called reads.jsonl find
    those of the last run only. The pictures move along, and the paths in the reads stay right.

    Args:
        out: the output folder.

    Returns:
        The folder that was made, or None when there was nothing to keep.

    Raises:
        LpsrError: the files could not be moved.
    """
    reads = out / "reads.jsonl"
    moved = {"run.json": "run.json", "pictures": "pictures", "reads.jsonl": EARLIER_READS, DELIVERED: DELIVERED}
    try:
        # A folder called pictures without our reads beside it is not ours to move.
        if not (reads.is_file() and reads.stat().st_size):
            return None
        number = 1
        while (out / f"earlier-{number}").exists():
            number += 1
        folder = out / f"earlier-{number}"
        folder.mkdir()
        for name, new in moved.items():
            if (out / name).exists():
                (out / name).rename(folder / new)
    except OSError as error:
        raise write_failed(out, error) from None
    return folder


def make_folder(out: Path) -> None:
    """Makes a folder that can be written: that it cannot be is told before the first read comes, days later perhaps.

    Raises:
        LpsrError: it cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise write_failed(out, error) from None

"""The output folder: made, and what an earlier run left in it set aside."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lpsr_run.sinks.base import writing
from lpsr_run.sinks.files import made_folder, sync_folder

EARLIER_READS = "reads.earlier.jsonl"
"""What `reads.jsonl` is called where it was set aside."""
DELIVERED = ".delivered.json"
"""Beside the reads: how many of them each sink has, as long as one has not got all."""

MOVING = ".earlier.part"
"""What `earlier-N` is called until everything lies in it."""
_MOVED = {"run.json": "run.json", "pictures": "pictures", "reads.jsonl": EARLIER_READS, DELIVERED: DELIVERED}


def set_aside(out: Path) -> Path | None:
    """Moves what an earlier run left in an output folder to `earlier-N` inside it, so that nothing is destroyed.

    Its `reads.jsonl` becomes `reads.earlier.jsonl` there: programs that look for files called reads.jsonl find
    those of the last run only. The pictures move along, and the paths in the reads stay right.

    Returns:
        The folder that was made, or None when there was nothing to keep.

    Raises:
        LpsrError: the files could not be moved.
    """
    reads, part = out / "reads.jsonl", out / MOVING
    with writing(out):
        if not part.is_dir():
            # A folder called pictures without our reads beside it is not ours to move.
            if not (reads.is_file() and reads.stat().st_size):
                return None
            part.mkdir()
        # A run that was killed in the middle of this leaves the rest to the next one: nothing is written in between.
        for name, new in _MOVED.items():
            if (out / name).exists() and not (part / new).exists():
                with writing(out / name):
                    (out / name).rename(part / new)
        sync_folder(part)
        number = 1
        while (out / f"earlier-{number}").exists():
            number += 1
        part.rename(out / f"earlier-{number}")
        sync_folder(out)
    return out / f"earlier-{number}"


def make_folder(out: Path) -> None:
    """Makes a folder that can be written: that it cannot be is told before the first read comes, days later perhaps.

    Raises:
        LpsrError: it cannot be made or written.
    """
    with writing(out):
        made_folder(out)
        tempfile.TemporaryFile(dir=out).close()

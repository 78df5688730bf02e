"""Files of one read a line: where what is kept begins."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

from lpsr_run.retention.policy import Retention, made_at

_SLACK = 0.1
"""Fraction of a large file that must be superfluous before the file is written anew."""
_LARGE = 1 << 20

Dated = Callable[[bytes], "tuple[float | None, int]"]
"""Says when a line's read was made, and its number; None where the line does not say."""


def json_line(line: bytes) -> tuple[float | None, int]:
    """When the read of a line of `reads.jsonl` was made, and its number."""
    try:
        fields = json.loads(line)
        return made_at(fields.get("time"), fields.get("run")), int(fields.get("number") or 0)
    except (ValueError, AttributeError, TypeError):
        return None, 0


def csv_line(columns: tuple[str, ...]) -> Dated:
    """The same of a line of a table."""

    def dated(line: bytes) -> tuple[float | None, int]:
        row = dict(zip(columns, next(csv.reader([line.decode("utf-8", "replace")]), []), strict=False))
        number = row.get("number", "")
        return made_at(row.get("time"), row.get("run")), int(number) if number.isdigit() else 0

    return dated


def count_lines(stream: IO[bytes]) -> int:
    """The number of lines from here to the end of a file."""
    return sum(piece.count(b"\n") for piece in iter(lambda: stream.read(1 << 20), b""))


def kept_from(
    path: Path, rule: Retention, now: float, dated: Dated, begin: int = 0, last: int | None = None
) -> tuple[int, int]:
    """Where what a rule keeps of a file begins.

    Args:
        path: of the file.
        rule: what is kept.
        now: seconds since 1970.
        dated: of its lines.
        begin: byte offset of the first line that holds a read.
        last: number of the last read that may be deleted; None for any.

    Returns:
        The offset in bytes of the first line that is kept, and the number of lines before it.

    Raises:
        OSError: it cannot be read.
    """
    size, oldest = path.stat().st_size, rule.oldest(now)
    with path.open("rb") as stream:
        stream.seek(begin)
        extra = 0
        if rule.reads is not None:
            extra = count_lines(stream) - rule.reads
            stream.seek(begin)
        offset, count, position, seen = begin, 0, begin, 0
        for line in stream:
            made, number = dated(line)
            many = seen < extra or (rule.bytes is not None and size - (position - begin) > rule.bytes)
            position, seen = position + len(line), seen + 1
            if not line.endswith(b"\n") or (last is not None and number > last):
                break
            if many or (made is not None and made < oldest):
                offset, count = position, seen
            elif made is not None:  # a line that does not say goes with the one behind it
                break
    if size > _LARGE and offset - begin < _SLACK * size:
        return begin, 0
    return offset, count

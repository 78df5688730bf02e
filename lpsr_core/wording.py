"""Numbers in the lines that users read."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a count and its noun, in the plural where it takes that.

    >>> counted(1, "read"), counted(1200, "read")
    ('1 read', '1,200 reads')
    """
    return f"{count:,} {noun if count == 1 else noun + 's'}"

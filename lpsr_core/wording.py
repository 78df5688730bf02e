"""Numbers in the lines that users read."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a count and its noun, in the plural where it takes that.

    Args:
        count: of the things.
        noun: for one of them.
        plural: for several; the noun with an s when empty.

    >>> counted(1, "read"), counted(1200, "read"), counted(0, "match", "matches")
    ('1 read', '1,200 reads', '0 matches')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"

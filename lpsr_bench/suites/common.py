"""What suites share: telling how far they are, and filling batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle, islice

from lpsr_core.geometry import Image

Tell = Callable[[str, int, int], None]
"""Told what is being measured, and how much of how much is done."""


def fill(crops: Sequence[Image], count: int, start: int = 0) -> list[Image]:
    """So many crops, from one of them on, beginning again at the end."""
    first = start % len(crops)
    return list(islice(cycle(crops), first, first + count))

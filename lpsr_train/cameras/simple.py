"""Plates with the paper's blur and a simple camera's faults, in the form of shots, so that one pool holds both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import encode
from lpsr_core.geometry import LR_SIZE, READ_SIZE, resize
from lpsr_train.plates.pairs import PlateSource, render_pair


def simple_records(source: PlateSource, seed: int, first: int, count: int, record: np.dtype) -> NDArray:
    """Return records, of dtype SHOT_RECORD, of `render_pair(source, seed, first)` and the pairs after it.

    All of their characters are known.
    """
    records = np.zeros(count, record)
    for offset in range(count):
        pair = render_pair(source, seed, first + offset)
        entry = records[offset]
        entry["hr"], entry["lr"], entry["seen"] = pair.hr, pair.lr, resize(pair.lr, READ_SIZE)
        entry["text"], entry["known"], entry["plate"], entry["width"] = encode(pair.text), 255, True, LR_SIZE[0]
    return records

"""A part of the search index: columns of a fixed number of reads in one memory-mapped file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, IS_DIGIT, PLATE_LENGTH
from lpsr_core.compact import COMPACT_BYTES, LEVELS
from lpsr_core.similarity import classes_of
from lpsr_run.retention.policy import made_at
from lpsr_serve.search.stores import Searched

SEGMENT_READS = 1 << 16
FINAL, TOLD = 1, 2
"""Flags of a read: its track is over; its log-probabilities are known."""

_COLUMNS: tuple[tuple[str, str, int], ...] = (
    ("id", "<i8", 1),
    ("moment", "<f8", 1),
    ("source", "<i4", 1),
    ("flags", "|u1", 1),
    ("text", "|u1", PLATE_LENGTH),
    ("levels", "|u1", COMPACT_BYTES),
    ("masses", "<f2", 2 * PLATE_LENGTH),
)
"""Name, type and number of values of a read; each value of all reads of a segment lies together."""
INDEX_BYTES = sum(np.dtype(kind).itemsize * count for _, kind, count in _COLUMNS)
"""Bytes of the index for one read."""


class Segment:
    """Columns of up to `SEGMENT_READS` reads, in the order of their identifiers.

    Args:
        path: of the file; made when missing.
        size: reads that it has room for.

    Attributes:
        id: int64[N]; 0 for a read that was forgotten.
        moment: float64[N], when the plate was seen, in seconds since 1970: when it was stored, for recordings.
        source: int32[N], number of its source's name.
        flags: uint8[N].
        text: uint8[7, N], classes of its characters; 255 where it is hidden.
        levels: uint8[252, N], see `lpsr_core.compact`.
        masses: float16[14, N], logarithms of what each position gives to all letters (7), and to all digits (7).
    """

    id: NDArray[np.int64]
    moment: NDArray[np.float64]
    source: NDArray[np.int32]
    flags: NDArray[np.uint8]
    text: NDArray[np.uint8]
    levels: NDArray[np.uint8]
    masses: NDArray[np.float16]

    def __init__(self, path: Path, size: int = SEGMENT_READS) -> None:
        self.path, self.size = path, size
        bytes_ = INDEX_BYTES * size
        if not path.exists() or path.stat().st_size != bytes_:
            with path.open("ab") as stream:
                stream.truncate(bytes_)
        data = np.memmap(path, np.uint8, "r+", shape=(bytes_,))
        self._data, start = data, 0
        for name, kind, count in _COLUMNS:
            length = np.dtype(kind).itemsize * count * size
            column = data[start : start + length].view(kind).reshape((count, size) if count > 1 else (size,))
            setattr(self, name, column)
            start += length

    def put(self, start: int, rows: Sequence[Searched], sources: dict[str, int]) -> None:
        """Write reads at a place.

        Args:
            start: of the first.
            rows: as the store gives them, within the size.
            sources: numbers of the sources' names; new ones are added.
        """
        part = slice(start, start + len(rows))
        self.id[part] = [row[0] for row in rows]
        self.moment[part] = [_moment(row[1], row[2]) for row in rows]
        self.source[part] = [sources.setdefault(row[3], len(sources)) for row in rows]
        told = [row[6] if row[6] is not None and len(row[6]) == COMPACT_BYTES else None for row in rows]
        final = np.array([row[5] in (None, "final") for row in rows], np.uint8)
        known = np.array([one is not None for one in told], np.uint8)
        self.flags[part] = FINAL * final + TOLD * known
        self.text[:, part] = np.array([_classes(row[4]) for row in rows], np.uint8).T
        nothing = bytes([255]) * COMPACT_BYTES
        levels = np.frombuffer(b"".join(nothing if one is None else bytes(one) for one in told), np.uint8)
        levels = levels.reshape(len(rows), PLATE_LENGTH, CLASSES)
        self.levels[:, part] = levels.reshape(len(rows), COMPACT_BYTES).T
        self.masses[:, part] = _masses(levels)

    def forget(self, gone: NDArray[np.bool_]) -> None:
        """Erase reads.

        Args:
            gone: bool[N], of the first N.
        """
        places = np.flatnonzero(gone)
        self.id[places] = self.moment[places] = self.flags[places] = 0
        self.text[:, places] = self.levels[:, places] = 255
        self.flush()

    def flush(self) -> None:
        """Bring what was written to the disk."""
        self._data.flush()


def _moment(stored: float, time: str | None) -> float:
    made = made_at(time, None)
    return stored if made is None else made


def _classes(text: str) -> NDArray[np.uint8]:
    return classes_of(text) if len(text) == PLATE_LENGTH else np.full(PLATE_LENGTH, 255, np.uint8)


def _masses(levels: NDArray[np.uint8]) -> NDArray[np.float16]:
    """float16[14, N] of uint8[N, 7, 36]."""
    probabilities = np.exp(LEVELS)[levels]
    sums = [probabilities[..., ~IS_DIGIT].sum(axis=-1), probabilities[..., IS_DIGIT].sum(axis=-1)]
    return np.log(np.concatenate(sums, axis=1)).T.astype(np.float16)

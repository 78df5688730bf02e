"""A batch in parts: rows shared out among threads, results joined, and what a batch without rows gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from lpsr_run.engines.base import TensorSpec

Arrays = dict[str, NDArray]


class SharesRows(ABC):
    """An engine on the processor, each of whose threads takes rows of its own through the whole graph.

    Args:
        workers: how many threads rows are shared out among; 1 runs in the thread that calls.

    Attributes:
        inputs, outputs: see `Engine`.
        workers: as given.
        pool: those threads; None where there is but one.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.pool = ThreadPoolExecutor(workers, "lpsr-rows") if workers > 1 else None

    def run(self, batch: Mapping[str, NDArray]) -> Arrays:
        """One forward pass, see `Engine`."""
        count = max((len(rows) for rows in batch.values() if np.ndim(rows)), default=0)
        if self.pool is None or count < 2:
            return self.run_whole(dict(batch))
        shared = {name: np.array_split(rows, min(self.workers, count)) for name, rows in batch.items()}
        parts = [dict(zip(shared, rows, strict=True)) for rows in zip(*shared.values(), strict=True)]
        return joined(list(self.pool.map(self.run_whole, parts)))

    @abstractmethod
    def run_whole(self, batch: Mapping[str, NDArray]) -> Arrays:
        """As `run`, in the thread that calls; several threads may call at once."""


def in_spans(
    batch: Mapping[str, NDArray],
    spans: Iterable[slice],
    outputs: Sequence[TensorSpec],
    run_span: Callable[[Arrays], Arrays],
) -> Arrays:
    """Run a batch in parts, one after the other, and join their results.

    Args:
        batch: an array for every input, by name.
        spans: rows of each part; none for a batch without rows.
        outputs: what a batch without rows gives none of.
        run_span: one forward pass.
    """
    parts = [run_span({name: rows[span] for name, rows in batch.items()}) for span in spans]
    return joined(parts) if parts else empty(outputs)


def spans_of(batch: Mapping[str, NDArray], largest: int) -> list[slice]:
    """The rows of a batch in parts of at most `largest`."""
    return [slice(at, at + largest) for at in range(0, len(next(iter(batch.values()))), largest)]


def joined(parts: Sequence[Arrays]) -> Arrays:
    """The results of parts, at least one, as those of the whole."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def empty(outputs: Sequence[TensorSpec]) -> Arrays:
    """The results of a batch without rows."""
    return {spec.name: np.empty((0, *spec.row), spec.dtype) for spec in outputs}


def filled_up(batch: Mapping[str, NDArray]) -> tuple[dict[str, NDArray], int | None]:
    """A batch filled up with its last row to a power of two, since CUDA's libraries plan anew for every new shape.

    Returns:
        The batch, and how many rows of the results count; all where there is nothing to fill up.
    """
    counts = {len(rows) for rows in batch.values() if np.ndim(rows)}
    if len(counts) != 1 or 0 in counts:
        return dict(batch), None
    (count,) = counts
    missing = (1 << (count - 1).bit_length()) - count
    if not missing:
        return dict(batch), None
    return {
        name: np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if np.ndim(rows) else rows
        for name, rows in batch.items()
    }, count

"""A pool of rendered pairs on disk, from which training draws again and again.

Rendering costs about as much as a training step, so pairs are rendered once, in shards, by as many processes as
asked for, and read back through memory maps. A shard is complete or absent: it is written under another name and
renamed, so an interrupted run goes on where it stopped. A pool remembers what it was rendered from and refuses to
be continued with anything else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import PLATE_LENGTH, encode
from lpsr_core.degradation import METHODS
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import HR_SIZE, LR_SIZE
from lpsr_train.claims import claim
from lpsr_train.parallel import in_processes
from lpsr_train.plates import DRAWING
from lpsr_train.plates.pairs import PlateSource, render_pair

SHARD = 4096
"""Pairs in a shard."""

RECORD = np.dtype(
    [
        ("hr", np.uint8, (HR_SIZE[1], HR_SIZE[0], 3)),
        ("lr", np.uint8, (LR_SIZE[1], LR_SIZE[0], 3)),
        ("text", np.uint8, (PLATE_LENGTH,)),
        ("method", np.uint8),
    ]
)
"""One pair: both pictures (RGB), the characters' class indices, and the index of the method in METHODS, or UNKNOWN."""

UNKNOWN = 255
"""The method of a pair that somebody else made."""


class Records(ABC):
    """Pairs that training draws from, whatever they are made of."""

    @abstractmethod
    def __len__(self) -> int:
        """How many pairs there are."""

    @abstractmethod
    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """The records at these indices, of dtype RECORD."""

    def batches(self, size: int, seed: int, start: int = 0) -> Iterator[NDArray]:
        """Endless batches of records in a random order that depends on seed and step alone.

        Args:
            size: records a batch.
            seed: of the order; every pass has another one.
            start: how many batches to skip, so that a resumed run goes on where it stopped.
        """
        per_pass = len(self) // size
        if not per_pass:
            raise LpsrError(f"a batch of {size} is more than the pool's {len(self)} pairs; make more, or take fewer")
        step = start
        while True:
            order = np.random.default_rng([seed, step // per_pass]).permutation(len(self))
            for index in range(step % per_pass, per_pass):
                yield self.take(order[index * size : (index + 1) * size])
                step += 1


class Pool(Records):
    """The shards of a folder, as one array of records.

    Args:
        folder: where the shards lie.
        pairs: how many of them to use, rounded up to whole shards; None for all that are there.

    Raises:
        LpsrError: the folder holds no complete shard, or a shard of another form.
    """

    def __init__(self, folder: Path, pairs: int | None = None) -> None:
        paths = sorted(folder.glob("shard-*.npy"))
        if pairs is not None:
            paths = paths[: -(-pairs // SHARD)]
        if not paths:
            raise LpsrError(f"{folder}: no rendered pairs here; make some with: lpsr-train render --out {folder}")
        self._shards = [_open(path) for path in paths]

    def __len__(self) -> int:
        return SHARD * len(self._shards)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        out = np.empty(len(indices), RECORD)
        shard, offset = np.divmod(indices, SHARD)
        for number in np.unique(shard):
            chosen = shard == number
            out[chosen] = self._shards[number][offset[chosen]]
        return out


def render_pool(folder: Path, source: PlateSource, seed: int, pairs: int, workers: int) -> Iterator[int]:
    """Renders the shards that are missing and yields, after each, how many pairs the pool holds.

    Args:
        folder: made when missing.
        source: what is rendered.
        seed: of the pool; pair i of a pool is `render_pair(source, seed, i)`.
        pairs: how many at least; rounded up to whole shards.
        workers: processes.

    Raises:
        LpsrError: the folder holds a pool of another source, seed or drawing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.part"):
        leftover.unlink()
    claim(folder / "pool.json", {"drawing": DRAWING, "seed": seed, "source": asdict(source)})
    numbers = range(-(-pairs // SHARD))
    missing = [number for number in numbers if not _path(folder, number).exists()]
    done = SHARD * (len(numbers) - len(missing))
    yield done
    jobs = [(folder, source, seed, number) for number in missing]
    for _ in in_processes(_render_shard, jobs, workers, str(folder)):
        done += SHARD
        yield done


def _path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.npy"


def _open(path: Path) -> NDArray:
    try:
        shard = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise LpsrError(f"{path}: not a readable shard ({error}); delete it and render again") from None
    if shard.dtype != RECORD or shard.shape != (SHARD,):
        raise LpsrError(f"{path}: a shard of another form; delete the folder and render again")
    return shard


def _render_shard(job: tuple[Path, PlateSource, int, int]) -> None:
    folder, source, seed, number = job
    cv2.setNumThreads(1)
    shard = np.empty(SHARD, RECORD)
    for offset in range(SHARD):
        pair = render_pair(source, seed, number * SHARD + offset)
        shard[offset] = (pair.hr, pair.lr, encode(pair.text), METHODS.index(pair.method))
    part = _path(folder, number).with_suffix(".part")
    with part.open("wb") as stream:
        np.save(stream, shard)
    part.replace(_path(folder, number))

"""Rendered records on disk, in shards that are complete or absent.

A shard is written under another name and renamed, so an interrupted run goes on where it stopped. The folder remembers
what its shards were rendered from and refuses to be continued with anything else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.files import replacing
from lpsr_train.data.manifest import keep_manifest
from lpsr_train.data.parallel import in_processes

NOTE = "pool.json"
"""What a folder's shards are made of."""
Draw = Callable[[int], NDArray]
"""Makes the records of a shard from its number; pickles."""


def render_shards(folder: Path, made_of: Mapping[str, Any], shards: int, draw: Draw, workers: int) -> Iterator[int]:
    """Renders the shards that are missing and yields, at first and after each, how many there are.

    Args:
        folder: made when missing.
        made_of: plain values that decide what the shards hold.
        shards: how many are wanted.
        draw: makes one.
        workers: processes.

    Raises:
        LpsrError: the folder holds shards that were made of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.part"):
        leftover.unlink()
    keep_manifest(folder / NOTE, made_of)
    missing = [number for number in range(shards) if not shard_path(folder, number).exists()]
    done = shards - len(missing)
    yield done
    for _ in in_processes(_write, [(folder, draw, number) for number in missing], workers, str(folder)):
        done += 1
        yield done


def open_shards(folder: Path, dtype: np.dtype, length: int, most: int | None = None) -> list[np.memmap]:
    """The first shards of a folder, `most` of them or all; other arguments and errors as of `added_shards`.

    Raises:
        LpsrError: there is none.
    """
    shards = list(itertools.islice(added_shards(folder, dtype, length, set()), most))
    if not shards:
        raise LpsrError(f"{folder}: no rendered records here; make some with: lpsr-train render --out {folder}")
    return shards


def added_shards(folder: Path, dtype: np.dtype, length: int, taken: set[str]) -> Iterator[np.memmap]:
    """The shards that a folder has come to hold, as memory maps.

    Args:
        folder: of the shards, to which another process may add.
        dtype, length: that each must have.
        taken: names of those that were given before; each is added as it is given.

    Raises:
        LpsrError: one has another form.
    """
    for path in sorted(folder.glob("shard-*.npy")):
        if path.name in taken:
            continue
        try:
            shard: np.memmap = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise LpsrError(f"{path}: not a readable shard ({error}); delete it and render again") from None
        if shard.dtype != dtype or shard.shape != (length,):
            raise LpsrError(f"{path}: a shard of another form; delete the folder and render again")
        taken.add(path.name)
        yield shard


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard lies."""
    return folder / f"shard-{number:05d}.npy"


def _write(job: tuple[Path, Draw, int]) -> None:
    folder, draw, number = job
    cv2.setNumThreads(1)
    shard = draw(number)
    path = shard_path(folder, number)
    with replacing(path) as part, part.open("wb") as stream:
        np.save(stream, shard)

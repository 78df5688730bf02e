"""Photographed pairs in memory, for the trainer and the evaluation as rendered ones are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import encode
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, padded_hr, padded_lr, to_hr, to_lr
from lpsr_train.data.lists import ListedPair, read_list
from lpsr_train.data.pool import RECORD, UNKNOWN, Records
from lpsr_train.data.sources import Split
from lpsr_train.data.tracks import TrackFiles

Item = TypeVar("Item")


class PairPool(Records):
    """Pairs at the networks' sizes, 12 kB each, all in memory.

    Args:
        records: of dtype RECORD, at least one.
    """

    def __init__(self, records: NDArray) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        return self._records[indices]

    @classmethod
    def from_list(cls, path: Path, split: Split = "training", threads: int = 4, padded: bool = False) -> PairPool:
        """Read one split of a pair list; every picture is resized to fill the networks' inputs (see `geometry`).

        Args:
            path: of the list.
            split: which pairs.
            threads: that read pictures.
            padded: pad every picture to 3:1 before, as the paper's protocol does.

        Raises:
            UsageError: the list does not exist.
            LpsrError: as `read_list` and `ListedPair.read`; the message names list and line.
        """
        return cls(_gather(partial(_of_listed, padded=padded), read_list(path, split), threads))

    @classmethod
    def from_tracks(cls, tracks: Iterable[TrackFiles], threads: int = 4) -> PairPool:
        """Pairs each LR frame of the tracks with the HR frame of its number, both rectified where corners are known.

        Args:
            tracks: at least one; each with its text and HR frames.
            threads: that read pictures.

        Raises:
            LpsrError: there is no track, one has no text or no HR frames, or a picture cannot be read.
        """
        files = list(tracks)
        if not files:
            raise LpsrError("no tracks to make pairs of")
        return cls(_gather(_of_track, files, threads))


def _of_listed(pair: ListedPair, padded: bool) -> NDArray:
    hr, lr = pair.read()
    sized = (padded_hr(hr), padded_lr(lr)) if padded else (to_hr(hr), to_lr(lr))
    return np.array([_record(*sized, pair.text)], RECORD)


def _of_track(files: TrackFiles) -> NDArray:
    if not files.text or not files.hr:
        raise LpsrError(f"{files.where}: has no {'HR frames' if files.text else 'text'}; it can only be read")
    track = files.read()
    frames = zip(track.hr_crops(), track.lr_crops(), strict=True)
    return np.array([_record(to_hr(hr), to_lr(lr), files.text) for hr, lr in frames], RECORD)


def _record(hr: Image, lr: Image, text: str) -> tuple[Image, Image, NDArray[np.int64], int]:
    return hr, lr, encode(text), UNKNOWN


def _gather(function: Callable[[Item], NDArray], items: Sequence[Item], threads: int) -> NDArray:
    """The records of all items, in order."""
    with ThreadPoolExecutor(threads) as executor:
        try:
            return np.concatenate(list(executor.map(function, items)))
        finally:
            executor.shutdown(cancel_futures=True)

"""Photographed pairs in memory, for the trainer and the evaluation as rendered ones are."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import encode
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import padded_hr, padded_lr, to_hr, to_lr
from lpsr_core.labelled import IncompletePictureError
from lpsr_train.data.lists import ListedPair
from lpsr_train.data.pool import RECORD, UNKNOWN, Records

_THREADS = 4
"""That read pictures."""


class PairPool(Records):
    """Pairs at the networks' sizes, 12 kB each, all in memory.

    Args:
        records: of dtype RECORD, at least one.
        left_out: why pairs are missing that should be there, a line each.
    """

    def __init__(self, records: NDArray, left_out: Sequence[str] = ()) -> None:
        self._records, self.left_out = records, left_out

    def __len__(self) -> int:
        return len(self._records)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        return self._records[indices]

    @classmethod
    def from_pairs(cls, pairs: Sequence[ListedPair], padded: bool = False) -> PairPool:
        """Read the pictures of pairs; each is resized to fill the networks' inputs (see `geometry`).

        Pairs with a picture of which only the beginning is there are left out.

        Args:
            pairs: at least one.
            padded: pad every picture to 3:1 before, as the paper's protocol does.

        Raises:
            LpsrError: as `ListedPair.read`, or no pair is left; the message names list and line.
        """
        executor = ThreadPoolExecutor(_THREADS)
        try:
            found = list(executor.map(partial(_record, padded=padded), pairs))
        finally:
            executor.shutdown(cancel_futures=True)
        records = [record for record in found if not isinstance(record, str)]
        left_out = [problem for problem in found if isinstance(problem, str)]
        if not records:
            raise LpsrError(left_out[0])
        return cls(np.array(records, RECORD), left_out)


def _record(pair: ListedPair, padded: bool) -> tuple[object, ...] | str:
    """The record of a pair, or why there is none."""
    try:
        hr, lr = pair.read()
    except IncompletePictureError as error:
        return str(error)
    sized = (padded_hr(hr), padded_lr(lr)) if padded else (to_hr(hr), to_lr(lr))
    return (*sized, encode(pair.text), UNKNOWN)

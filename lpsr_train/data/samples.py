"""Photographed pairs as samples of the evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lpsr_core.alphabet import decode_indices
from lpsr_train.data.records import PairPool
from lpsr_train.data.sources import Split
from lpsr_train.evaluation import Sample
from lpsr_train.pool import Records


def list_samples(path: Path, split: Split = "testing") -> list[Sample]:
    """One split of a pair list.

    Raises:
        UsageError, LpsrError: as `PairPool.from_list`.
    """
    return samples_of(PairPool.from_list(path, split))


def samples_of(records: Records) -> list[Sample]:
    """All pairs of a pool, in order."""
    taken = records.take(np.arange(len(records)))
    return [Sample(record["lr"], record["hr"], decode_indices(record["text"])) for record in taken]

"""A pool that another process is still rendering: training begins with what is there and takes up what comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lpsr_train.data.pool import Pool, shard_size
from lpsr_train.data.shards import added_shards

_PAUSE = 1.0
"""Seconds between two looks at a folder that holds too little."""


class GrowingPool(Pool):
    """The shards of a folder in the order in which they came.

    Args:
        folder: that another process fills.
        record: form of its records, as of `Pool`.
        room: records that it may grow to.

    Raises:
        LpsrError: a shard is of another form.
    """

    def __init__(self, folder: Path, record: np.dtype, room: int) -> None:
        self._record, self._size = record, shard_size(record)
        self._folder, self._room = folder, room
        self._shards = []
        self._taken: set[str] = set()
        self.refresh()

    @property
    def room(self) -> int:
        return max(self._room, len(self))

    def refresh(self) -> None:
        self._shards.extend(added_shards(self._folder, self._record, self._size, self._taken))

    def wait(self, records: int, stop: Callable[[], bool], say: Callable[[int], None] = lambda _: None) -> None:
        """Wait until the folder holds so many records, or `stop` says so, which is asked once a second.

        `say` is told how many there are, at first and whenever that changes.
        """
        before = len(self)
        say(before)
        while len(self) < records and not stop():
            time.sleep(_PAUSE)
            self.refresh()
            if len(self) != before:
                before = len(self)
                say(before)

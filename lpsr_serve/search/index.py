"""The search index: what of each read is searched, beside the database, and brought up to it before each search.

The database says what there is; the index can be deleted at any time and is then made anew.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lpsr_core.errors import LpsrError
from lpsr_run.sinks.files import replace_file
from lpsr_serve.search.segment import SEGMENT_READS, Segment
from lpsr_serve.search.stores import Store

try:
    import fcntl
except ImportError:  # not on Windows, where one process may search at a time
    fcntl = None  # type: ignore[assignment]

_FORM = 1
_BATCH = 8192
_COUNTED_SECONDS = 60.0
"""Between two looks whether reads were deleted."""


@dataclass
class _State:
    """How far the index has come.

    Attributes:
        store: name of the database.
        rows: number of reads in it, forgotten ones included.
        gone: number of those that were forgotten.
        last: identifier of the newest.
        key: run and number of the newest: another one there means another database.
        sources: numbers of the sources' names.
    """

    store: str
    rows: int = 0
    gone: int = 0
    last: int = 0
    key: str | None = None
    sources: dict[str, int] = field(default_factory=dict)


class SearchIndex:
    """Follows a store; threads and processes may share one folder.

    Args:
        store: of the reads.
        folder: of the index; made when missing. 308 bytes a read.
        segment: reads of a file.

    Raises:
        LpsrError: the folder cannot be written.
    """

    def __init__(self, store: Store, folder: Path, segment: int = SEGMENT_READS) -> None:
        self.store, self._folder, self._size = store, folder, segment
        self._mutex = threading.Lock()
        self._segments: dict[int, Segment] = {}
        self._counted = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LpsrError(f"{folder}: the search index cannot be kept: {error.strerror or error}") from None

    def follow(self) -> int:
        """Take in what the store has got since, and forget what it has lost.

        Deletions are noticed once a minute at most; what was deleted is left out of pages at once.

        Returns:
            How many reads are new.

        Raises:
            LpsrError: the store cannot be read, or the index not written.
        """
        with self._alone() as state:
            if state.last and self.store.key(state.last) not in (None, state.key):
                self._reset(state)
            if time.monotonic() - self._counted >= _COUNTED_SECONDS:
                self._forget(state)
            return self._take(state)

    def forget(self) -> int:
        """Erase the reads that the store has lost, though nobody searches; how many.

        Raises:
            LpsrError: as `follow`.
        """
        with self._alone() as state:
            before = state.rows - state.gone
            self._forget(state)
            return before - state.rows + state.gone

    def parts(self) -> Iterator[tuple[Segment, int]]:
        """Each segment with the number of its reads, oldest first."""
        with self._mutex:
            rows = self._load().rows
            parts = [(self._segment(number), min(rows - start, self._size)) for number, start in self._starts(rows)]
        return iter(parts)

    def sources(self) -> dict[str, int]:
        """Numbers of the sources' names."""
        return self._load().sources

    @property
    def rows(self) -> int:
        """Number of reads."""
        state = self._load()
        return state.rows - state.gone

    def _starts(self, rows: int) -> Iterator[tuple[int, int]]:
        return ((start // self._size, start) for start in range(0, rows, self._size))

    def _take(self, state: _State) -> int:
        new = 0
        while rows := self.store.after(state.last, _BATCH):
            start = 0
            while start < len(rows):
                number, place = divmod(state.rows, self._size)
                part = rows[start : start + self._size - place]
                segment = self._segment(number)
                segment.put(place, part, state.sources)
                segment.flush()
                state.rows += len(part)
                start += len(part)
            state.last = int(rows[-1][0])
            state.key = self.store.key(state.last)
            self._save(state)
            new += len(rows)
        return new

    def _forget(self, state: _State) -> None:
        """Erase reads that are in the store no longer."""
        if not state.rows:
            return
        self._counted = time.monotonic()
        if self.store.count(state.last) == state.rows - state.gone:
            return
        kept = np.array(self.store.ids(state.last), np.int64)
        gone = 0
        for number, start in self._starts(state.rows):
            segment, count = self._segment(number), min(state.rows - start, self._size)
            missing = ~np.isin(segment.id[:count], kept)
            if (missing & (segment.id[:count] != 0)).any():
                segment.forget(missing)
            gone += int(missing.sum())
        state.gone = gone
        self._save(state)
        if gone > state.rows // 2:
            self._reset(state)

    def _reset(self, state: _State) -> None:
        self._segments.clear()
        for path in self._folder.glob("*.segment"):
            path.unlink()
        state.rows = state.gone = state.last = 0
        state.key, state.sources = None, {}
        self._save(state)

    def _segment(self, number: int) -> Segment:
        path = self._folder / f"{number:06d}.segment"
        segment = self._segments.get(number)
        if segment is None or not path.exists():
            segment = self._segments[number] = Segment(path, self._size)
        return segment

    def _load(self) -> _State:
        try:
            told: dict[str, Any] = json.loads((self._folder / "index.json").read_bytes())
            if told.pop("form") == _FORM and told.pop("segment") == self._size and told["store"] == self.store.name:
                return _State(**told)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return _State(self.store.name)

    def _save(self, state: _State) -> None:
        told = {"form": _FORM, "segment": self._size, **vars(state)}
        replace_file(self._folder / "index.json", json.dumps(told).encode())

    @contextmanager
    def _alone(self) -> Iterator[_State]:
        """The state, while nobody else changes the index."""
        try:
            with self._mutex, (self._folder / "lock").open("wb") as lock:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                state = self._load()
                if not state.rows:
                    self._segments.clear()
                yield state
        except OSError as error:
            raise LpsrError(f"{self._folder}: the search index cannot be written: {error.strerror or error}") from None

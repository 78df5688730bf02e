"""Recorded reads that a sink has not taken yet: the first ones in memory, the rest in the journal on disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lpsr_run.sinks.base import Record

IN_MEMORY = 1000
"""Records that one sink holds in memory at most; a sink may be away for weeks."""


@dataclass(frozen=True)
class Owed:
    """A record for a sink.

    Attributes:
        record: the read.
        again: whether an earlier run may have delivered it.
    """

    record: Record
    again: bool = False


class Backlog:
    """A queue between the thread that records reads and the thread that delivers them.

    Args:
        journal: file that holds every record of the run, in order.
        earlier: what earlier runs owe; it goes first.
    """

    def __init__(self, journal: Path, earlier: Sequence[Record] = ()) -> None:
        self._journal = journal
        self._changed = threading.Condition()
        self._held = deque(Owed(record, True) for record in earlier)
        self._beyond, self._offset, self._last = 0, 0, 0
        self._closed = False
        self.lost = 0
        """Records beyond those in memory that the journal did not hold any more."""

    def __len__(self) -> int:
        with self._changed:
            return len(self._held) + self._beyond

    def push(self, record: Record, offset: int) -> None:
        """Append a record that lies in the journal at a byte offset."""
        with self._changed:
            if self._beyond or len(self._held) >= IN_MEMORY:
                if not self._beyond:
                    self._offset, self._last = offset, record.number - 1
                self._beyond += 1
            else:
                self._held.append(Owed(record))
            self._changed.notify_all()

    def first(self, seconds: float) -> Owed | None:
        """Return the oldest record without removing it; None when none comes within the time, or after `close`."""
        with self._changed:
            if not self._held and not self._beyond and not self._closed:
                self._changed.wait(seconds)
            if not self._held and self._beyond:
                self._refill()
            return self._held[0] if self._held else None

    def pop(self) -> None:
        """Remove the oldest record: it was delivered."""
        with self._changed:
            self._held.popleft()
            self._changed.notify_all()

    def close(self) -> None:
        """Wake up who waits; no more records come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def emptied(self, seconds: float) -> bool:
        """Wait until all records are delivered; whether they are within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._held and not self._beyond, seconds)

    def _refill(self) -> None:
        """Read the next records of the journal. A journal that was replaced meanwhile is read from its beginning."""
        for offset in (self._offset, 0):
            found, end = self._read(offset)
            if found and found[0].number == self._last + 1:
                break
        else:
            found, end = [], 0
        if not found:
            self.lost += self._beyond
            self._beyond = 0
            return
        self._held.extend(Owed(record) for record in found)
        self._beyond -= len(found)
        self._offset, self._last = end, found[-1].number

    def _read(self, offset: int) -> tuple[list[Record], int]:
        found: list[Record] = []
        try:
            with self._journal.open("rb") as stream:
                stream.seek(offset)
                while len(found) < min(IN_MEMORY, self._beyond) and (line := stream.readline()).endswith(b"\n"):
                    try:
                        record = Record.parse(line[:-1].decode())
                    except ValueError:
                        continue
                    if record.number > self._last:
                        found.append(record)
                return found, stream.tell()
        except OSError:
            return [], 0

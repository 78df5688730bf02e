"""The folder of a spool: reads that wait for a server, in order, within a limit, and those that were set aside."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import suppress
from itertools import islice
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_run.retention.policy import Entry, Retention, SpoolLimit, delete_each, superfluous
from lpsr_run.sinks.base import Record
from lpsr_run.sinks.files import made_folder, replace_file, sync_folder
from lpsr_run.sinks.folder import make_folder

REFUSED = "refused"
"""Folder in a spool for reads that the server will not take (dead letters)."""
_REASON = ".reason"
_RESCAN_SECONDS = 10.0
"""Between two looks at what somebody else put into the folder or took out of it."""


class SpoolFullError(LpsrError):
    """A spool is full and is not to drop reads: the run ends."""


class SpoolFolder:
    """Reads as files, whose names sort as they came, also over runs and when the clock is set back.

    What changes the folder raises `OSError` where that fails.

    Args:
        path: of the folder; made when missing.
        limit: how large it may grow.

    Attributes:
        dropped: number of reads that were removed to keep the limit.
        expired: number of reads that retention deleted.
        vanished: number of reads that somebody else took away, or that were lost with the folder.

    Raises:
        LpsrError: it cannot be made or written.
    """

    def __init__(self, path: Path, limit: SpoolLimit | None = None) -> None:
        self.path, self._limit = path, limit or SpoolLimit()
        self.dropped = self.vanished = self.expired = 0
        self._lock = threading.RLock()
        # By name, in their order. (A dict would look for its first key behind all that were removed before.)
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._bytes, self._scanned = 0, 0.0
        make_folder(path)
        make_folder(path / REFUSED)
        self.scan(0.0)
        self._last = max(map(nanoseconds, self._sizes), default=0)

    def __len__(self) -> int:
        with self._lock:
            return len(self._sizes)

    @property
    def bytes(self) -> int:
        """Size of the waiting reads."""
        return self._bytes

    @property
    def refused(self) -> int:
        """Number of reads that were set aside."""
        return len(refused(self.path))

    def oldest_seconds(self) -> float:
        """Age of the oldest waiting read."""
        with self._lock:
            first = next(iter(self._sizes), None)
        return 0.0 if first is None else max(time.time() - nanoseconds(first) / 1e9, 0.0)

    def head(self, count: int) -> list[Path]:
        """The oldest reads."""
        with self._lock:
            return [self.path / name for name in islice(self._sizes, count)]

    def add(self, record: Record, again: bool) -> bool:
        """Keep a read, on the disk when this returns; whether the folder had vanished and was made anew.

        Args:
            record: the read.
            again: whether it may be there already.

        Raises:
            SpoolFullError: there is no room, and nothing is to be dropped.
        """
        data = record.line.encode()
        with self._lock:
            gone = self.check()
            if again and any(name.endswith(f"-{record.key}.json") for name in self._sizes):
                return gone
            self._make_room(len(data))
            self._last = max(time.time_ns(), self._last + 1)
            name = f"{self._last:020d}-{record.key}.json"
            replace_file(self.path / name, data, synced=True)
            self._sizes[name] = len(data)
            self._bytes += len(data)
            return gone

    def remove(self, path: Path) -> None:
        """Remove a read that was taken."""
        path.unlink(missing_ok=True)
        self._forget(path.name)

    def lost(self, path: Path) -> None:
        """Note that a read is not there any more, though nobody removed it here."""
        with self._lock:
            self.vanished += path.name in self._sizes  # one that vanished with the folder is counted already
            self._forget(path.name)

    def set_aside(self, path: Path, why: str) -> Path:
        """Move a read to the dead letters, with the reason beside it."""
        kept = self.path / REFUSED / path.name
        made_folder(kept.parent)
        with suppress(OSError):
            replace_file(kept.with_suffix(_REASON), f"{why}\n".encode(errors="backslashreplace"))
        path.replace(kept)
        sync_folder(kept.parent)
        self._forget(path.name)
        return kept

    def scan(self, every: float = _RESCAN_SECONDS) -> None:
        """Look at the folder again: others may put reads back into it."""
        if time.monotonic() - self._scanned < every:
            return
        with self._lock:
            self._scanned = time.monotonic()
            found: dict[str, int] = {}
            for path in self.path.glob("*.json"):
                with suppress(OSError):
                    found[path.name] = path.stat().st_size
            self.vanished += len(self._sizes.keys() - found.keys())
            self._sizes = OrderedDict(sorted(found.items()))
            self._bytes = sum(found.values())

    def sweep(self, rule: Retention, now: float) -> int:
        """Delete the oldest reads that a rule does not keep, waiting or set aside; how many."""
        with self._lock:
            sizes = {self.path / name: size for name, size in self._sizes.items()}
        sizes |= {path: path.stat().st_size for path, _ in refused(self.path)}
        entries = [Entry(path, path.name, nanoseconds(path.name) / 1e9, size) for path, size in sizes.items()]
        before = self.expired
        delete_each(superfluous(entries, rule, now), self._expire)
        return self.expired - before

    def _expire(self, entry: Entry) -> None:
        self.remove(entry.path)
        entry.path.with_suffix(_REASON).unlink(missing_ok=True)
        self.expired += 1

    def check(self) -> bool:
        """Make the folder anew where it vanished; whether it had."""
        with self._lock:
            if self.path.is_dir():
                return False
            made_folder(self.path / REFUSED)
            self.vanished += len(self._sizes)
            self._sizes.clear()
            self._bytes = 0
            return True

    def _make_room(self, size: int) -> None:
        if not self._limit.bytes:
            return
        while self._sizes and self._bytes + size > self._limit.bytes:
            if self._limit.full == "stop":
                raise SpoolFullError(
                    f"{self.path}: holds {len(self._sizes)} reads, {self._bytes} bytes, and its limit is "
                    f"{self._limit.bytes} (--spool-limit); the run ends, and the next one goes on with them"
                )
            name = next(iter(self._sizes))
            self.remove(self.path / name)
            self.dropped += 1

    def _forget(self, name: str) -> None:
        with self._lock:
            self._bytes -= self._sizes.pop(name, 0)


def nanoseconds(name: str) -> int:
    """When a read came, in nanoseconds since 1970, as its file's name says."""
    head = name.removesuffix(".json").partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


def spools_in(out: Path) -> list[Path]:
    """The spools in an output folder, in the order of their names."""
    return [path for path in sorted(out.glob("spool*")) if (path / REFUSED).is_dir()]


def refused(spool: Path) -> list[tuple[Path, str]]:
    """The dead letters of a spool, oldest first, each with its reason."""
    found = []
    for path in sorted((spool / REFUSED).glob("*.json")):
        try:
            why = path.with_suffix(_REASON).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            why = "no reason is known"
        found.append((path, why))
    return found


def send_again(spool: Path) -> int:
    """Put the dead letters back into the spool, where a run finds them; how many.

    Raises:
        LpsrError: one cannot be moved.
    """
    found = refused(spool)
    try:
        for path, _ in found:
            path.replace(spool / path.name)
            path.with_suffix(_REASON).unlink(missing_ok=True)
        if found:
            sync_folder(spool)
    except OSError as error:
        why = f"{error.strerror or error}; let this user write to that folder, and begin again"
        raise LpsrError(f"{spool}: what was set aside cannot be put back: {why}") from None
    return len(found)

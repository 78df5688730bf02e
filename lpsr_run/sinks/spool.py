"""Reads on their way to somebody else's server, through a spool on disk: an outage loses nothing.

Every read is a file of the spool before it counts as delivered, and leaves it when the server has taken it. A thread
sends them in order, and goes on with what an earlier run left.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lpsr_core.errors import describe
from lpsr_core.wording import counted
from lpsr_run.retention.policy import Retention, SpoolLimit
from lpsr_run.sinks.base import DurableSink, Fault, Record, writing
from lpsr_run.sinks.spool_folder import SpoolFolder
from lpsr_run.sources.live import Retry

_FAREWELL = 2.0
"""Seconds that a closing sink still sends for; what is left is sent by the next run."""

_POISON = 8
"""Times that a server answers and does not take a read, after which the next read is tried."""

Send = Callable[[bytes, str], None]
"""Hands a read to the server: its JSON, and a key that is the same at every attempt."""


class NotTakenError(Exception):
    """The server did not take a read, and may do so later.

    Args:
        why: for messages.
        answered: whether it answered, so that the read itself may be at fault.
        wait: seconds that it asks to be left alone for.
    """

    def __init__(self, why: str, answered: bool = False, wait: float = 0.0) -> None:
        super().__init__(why)
        self.answered, self.wait = answered, wait


class ReadRefusedError(Exception):
    """The server will never take this read."""


class _DiskError(NotTakenError):
    """The disk of the spool does not let a read be read, moved or removed."""


class SpooledSink(DurableSink):
    """Sends each read in order, at least once.

    Args:
        send: raises `NotTakenError` or `ReadRefusedError`.
        shown: the server's name, as it may be shown.
        spool: folder of what was not taken yet; `refused` in it holds what never will be.
        notice: told in one line when the server begins to fail, when it is back, and of reads that it refuses.
        retry: how long to wait between attempts.
        limit: how large the spool may grow.
        fault: told at the end of reads that were dropped or vanished.

    Raises:
        LpsrError: the spool cannot be made or written.
    """

    def __init__(
        self,
        send: Send,
        shown: str,
        spool: Path,
        notice: Callable[[str], None] = lambda _: None,
        retry: Retry | None = None,
        limit: SpoolLimit | None = None,
        fault: Fault = lambda line: None,
    ) -> None:
        self._send, self._shown, self._notice, self._fault = send, shown, notice, fault
        self._retry = retry or Retry(longest=60.0)
        self.name = f"spool:{spool.absolute()}"
        self._spool = SpoolFolder(spool, limit)
        self._why: str | None = None
        self._sent = 0
        self._taken = set[Path]()  # by the server, and still to be removed
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join(_FAREWELL)
        if waiting := self.waiting:
            left = f"{counted(waiting, 'read')} left in {self._spool.path} for the next run"
            self._notice(f"{self._shown}: {left}")
        if self._spool.dropped:
            dropped = counted(self._spool.dropped, "read")
            self._fault(f"{self._shown}: dropped {dropped} (--spool-limit), the oldest first")
        if self._spool.vanished:
            self._fault(f"{self._spool.path}: {counted(self._spool.vanished, 'read')} deleted or moved before delivery")

    @property
    def waiting(self) -> int:
        """Reads in the spool."""
        return len(self._spool)

    def state(self) -> dict[str, Any]:
        """For the state of the run: what waits, since when, in seconds, and why, and what was set aside or dropped."""
        spool = self._spool
        return {
            "name": self._shown,
            "waiting": len(spool),
            "oldest_seconds": round(spool.oldest_seconds(), 1),
            "bytes": spool.bytes,
            "sent": self._sent,
            "refused": spool.refused,
            "dropped": spool.dropped,
            "expired": spool.expired,
            "error": self._why,
        }

    def deliver(self, record: Record, again: bool = False) -> None:
        """As the base class says; what was sent before is sent again, under the same key.

        Raises:
            SpoolFullError: there is no room, and nothing is to be dropped.
        """
        before = self._spool.dropped
        with writing(self._spool.path):
            gone = self._spool.add(record, again)
        if gone:
            self._tell_gone()
        if self._spool.dropped and not before:
            self._notice(f"{self._shown}: the spool is full (--spool-limit); the oldest reads are dropped")
        self._wake.set()

    def check(self) -> None:
        with writing(self._spool.path):
            if self._spool.check():
                self._tell_gone()

    @property
    def spool(self) -> Path:
        """Folder of what was not taken yet."""
        return self._spool.path

    def sweep(self, rule: Retention, now: float) -> int:
        """Delete the oldest reads that a rule does not keep; how many (see `SpoolFolder.sweep`)."""
        return self._spool.sweep(rule, now)

    def _tell_gone(self) -> None:
        self._fault(f"{self._spool.path}: was deleted or moved while the run wrote it; it is made anew")

    def _run(self) -> None:
        failures, told = 0, None
        until: float | None = None
        while True:
            if self._closing.is_set():
                until = until or time.monotonic() + _FAREWELL
                if failures or time.monotonic() > until:
                    return
            self._wake.clear()
            self._spool.scan()
            files = self._spool.head(2)
            if not files:
                if self._closing.is_set():
                    return
                self._wake.wait(5.0)  # somebody may put dead letters back
                continue
            why = self._try(files[0])
            if why is not None and why.answered and failures >= _POISON and len(files) > 1:
                why = self._pass_over(files[0], files[1], why, failures + 1)
            if why is None:
                self._why = None
                if failures:
                    self._notice(f"{self._shown}: takes reads again; {counted(self.waiting, 'read')} waiting")
                failures, told = 0, None
                continue
            self._why = str(why)
            if type(why) is not told:  # also where the server is back, and the disk is not
                told = type(why)
                self._notice(f"{self._shown}: {why}; reads wait in {self._spool.path}")
            self._closing.wait(max(self._retry.delay(failures), why.wait))
            failures += 1

    def _pass_over(self, first: Path, second: Path, why: NotTakenError, tries: int) -> NotTakenError | None:
        """Set the first read aside where the server takes the one behind it, and still not this one."""
        if self._try(second) is not None:
            return why
        if self._try(first) is not None:
            self._set_aside(first, f"was not taken {tries} times ({why}), and the one behind it was")
        return None

    def _try(self, path: Path) -> NotTakenError | None:
        """Sends one read and takes it out of the spool; why that failed, or None."""
        try:
            if path in self._taken:
                self._remove_taken(path)
                return None
            try:
                body = path.read_bytes()
            except FileNotFoundError:  # somebody took it away
                self._spool.lost(path)
                return None
            try:
                json.loads(body)
                self._send(body, path.stem.partition("-")[2] or path.stem)
            except NotTakenError as error:
                return error
            except ReadRefusedError as error:
                self._set_aside(path, str(error))
            except OSError as error:  # of what the sender needs, such as a picture; not of the spool
                return NotTakenError(describe(error), answered=True)
            except ValueError as error:
                self._set_aside(path, f"is not a read: {error}")
            else:
                self._sent += 1
                self._taken.add(path)
                self._remove_taken(path)
        except OSError as error:  # tried again; what the server took is not sent again
            why = error.strerror or error
            return _DiskError(f"{path}: cannot be read or removed: {why}; let this user read and write its folder")
        except Exception as error:  # of a client library: the thread must not end
            return NotTakenError(f"unexpected {type(error).__name__}: {error}", answered=True)
        return None

    def _remove_taken(self, path: Path) -> None:
        self._spool.remove(path)
        self._taken.discard(path)

    def _set_aside(self, path: Path, why: str) -> None:
        kept = self._spool.set_aside(path, why)
        self._notice(f"{self._shown}: {path.name} {why}; kept in {kept.parent}; lpsr-spool retry sends it again")

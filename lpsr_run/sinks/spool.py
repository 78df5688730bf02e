"""Reads on their way to somebody else's server, through a spool on disk: an outage loses nothing.

Every read is a file of the spool before it is acknowledged, and leaves it when the server has taken it. A thread sends
them in order, and goes on with what an earlier run left.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lpsr_core.files import replace_file
from lpsr_run.sinks.base import DurableSink, Record, write_failed
from lpsr_run.sinks.folder import make_folder
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


class RefusedError(Exception):
    """The server will never take this read."""


class SpooledSink(DurableSink):
    """Sends each read in order, at least once.

    Args:
        send: raises `NotTakenError` or `RefusedError`.
        shown: the server's name, as it may be shown.
        spool: folder of what was not taken yet; `refused` in it holds what never will be.
        notice: told in one line when the server begins to fail, when it is back, and of reads that it refuses.
        retry: how long to wait between attempts.

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
    ) -> None:
        self._send, self._shown, self._spool, self._notice = send, shown, spool, notice
        self._retry = retry or Retry(longest=60.0)
        self.name = f"spool:{spool.absolute()}"
        make_folder(spool)
        make_folder(spool / "refused")
        self._last = max(map(_nanoseconds, self._files()), default=0)
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Closes it."""
        self._closing.set()
        self._wake.set()
        self._thread.join(_FAREWELL)

    @property
    def waiting(self) -> int:
        """Reads in the spool."""
        return len(self._files())

    def state(self) -> dict[str, Any]:
        """For the state of the run: how many reads wait, and since when the oldest does, in seconds."""
        files = self._files()
        age = max(time.time() - _nanoseconds(files[0]) / 1e9, 0.0) if files else 0.0
        return {"name": self._shown, "waiting": len(files), "oldest_seconds": round(age, 1)}

    def deliver(self, record: Record, again: bool = False) -> None:
        """As the base class says; what was sent before is sent again, under the same key."""
        try:
            self._spool.mkdir(parents=True, exist_ok=True)
            if again and any(self._spool.glob(f"*-{record.key}.json")):
                return
            # Names sort as the reads came, also over runs, and also when the clock is set back.
            self._last = max(time.time_ns(), self._last + 1)
            path = self._spool / f"{self._last:020d}-{record.key}.json"
            replace_file(path, record.line.encode(), synced=True)
        except OSError as error:
            raise write_failed(self._spool, error) from None
        self._wake.set()

    def _files(self) -> list[Path]:
        return sorted(self._spool.glob("*.json"))

    def _run(self) -> None:
        failures = 0
        until: float | None = None
        files = deque[Path]()
        while True:
            if self._closing.is_set():
                until = until or time.monotonic() + _FAREWELL
                if failures or time.monotonic() > until:
                    return
            self._wake.clear()
            if not files:  # what comes while these are sent sorts after them
                files.extend(self._files())
            if not files:
                if self._closing.is_set():
                    return
                self._wake.wait()
                continue
            why = self._try(files[0])
            if why is not None and failures >= _POISON and len(files) < 2:
                files = deque(self._files()) or files  # with what came since
            if why is not None and why.answered and failures >= _POISON and len(files) > 1:
                why = self._pass_over(files, why, failures + 1)
            if why is None:
                if files and not files[0].exists():
                    files.popleft()
                if failures:
                    self._notice(f"{self._shown}: takes reads again; {self.waiting} are waiting")
                failures = 0
                continue
            if failures == 0:
                self._notice(f"{self._shown}: {why}; reads wait in {self._spool}")
            self._closing.wait(max(self._retry.delay(failures), why.wait))
            failures += 1

    def _pass_over(self, files: deque[Path], why: NotTakenError, tries: int) -> NotTakenError | None:
        """Set the first read aside where the server takes the one behind it, and still not this one."""
        if self._try(files[1]) is not None:
            return why
        del files[1]
        if self._try(files[0]) is not None:
            self._set_aside(files[0], f"was not taken {tries} times ({why}), and the one behind it was")
        return None

    def _try(self, path: Path) -> NotTakenError | None:
        """Sends one read and takes it out of the spool; why that failed, or None."""
        try:
            try:
                body = path.read_bytes()
            except FileNotFoundError:  # somebody took it away
                return None
            try:
                json.loads(body)
                self._send(body, path.stem.partition("-")[2] or path.stem)
            except NotTakenError as error:
                return error
            except RefusedError as error:
                self._set_aside(path, str(error))
            except ValueError as error:
                self._set_aside(path, f"is not a read: {error}")
            else:
                path.unlink(missing_ok=True)
        except OSError as error:  # of the disk; what could not be moved is tried again
            return NotTakenError(f"{path}: {error.strerror or error}")
        return None

    def _set_aside(self, path: Path, why: str) -> None:
        kept = self._spool / "refused" / path.name
        path.replace(kept)
        self._notice(f"{self._shown}: {path.name} {why}; kept in {kept.parent}")


def _nanoseconds(path: Path) -> int:
    """When a read came, as its file's name says."""
    head = path.stem.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0

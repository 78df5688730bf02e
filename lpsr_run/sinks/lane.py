"""Delivery of recorded reads to one sink, in a thread of its own: a sink that fails or hangs holds up nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_run.redact import redact
from lpsr_run.sinks.backlog import Backlog, Owed
from lpsr_run.sinks.base import DurableSink, Fault, NotNowError
from lpsr_run.sinks.spool_folder import SpoolFullError

RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 30.0
"""Pause after the first failure of a sink, doubled up to the longest."""
CHECK_SECONDS = 1.0
"""Between two looks at whether the sink's file is still there, while no read comes."""


class Lane:
    """Hands records to a sink until it is closed.

    Args:
        sink: that takes them.
        backlog: that they wait in.
        notice: told in one line when the sink fails, and when it takes reads again.
        fault: told of a read that the sink cannot take.
    """

    def __init__(self, sink: DurableSink, backlog: Backlog, notice: Callable[[str], None], fault: Fault) -> None:
        self.sink, self.backlog, self.done = sink, backlog, 0
        self.why: str | None = None
        self.fatal: SpoolFullError | None = None
        self.busy = False
        self._notice, self._fault, self._shown = notice, fault, redact(sink.name)
        self._closing = threading.Event()
        self._since = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"deliver {self._shown}", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the sink did not take the last read that it was offered."""
        return self.why is not None

    def state(self) -> dict[str, Any]:
        """Return what the state of the run tells: number of reads that wait, and why."""
        waiting = len(self.backlog)
        held = time.monotonic() - self._since if waiting else 0.0
        return {"name": self._shown, "waiting": waiting, "held_up_seconds": round(held, 1), "error": self.why}

    def finish(self, until: float) -> bool:
        """End the thread.

        Args:
            until: moment of the monotonic clock until which a sink that takes reads, or is merely busy, is waited for.

        Returns:
            Whether the sink is idle; one that hangs must not be touched any more.
        """
        while len(self.backlog) and (self.busy or not self.failing) and time.monotonic() < until:
            self.backlog.emptied(0.05)
        self._closing.set()
        self.backlog.close()
        self._thread.join(max(until - time.monotonic(), 1.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while True:
            owed = self.backlog.first(CHECK_SECONDS)
            if self._closing.is_set():
                return
            if owed is None:
                self._since = time.monotonic()
                self._check()
                continue
            if self._deliver(owed):
                failures, self._since = 0, time.monotonic()
                continue
            pause = RETRY_SECONDS if self.busy else min(RETRY_SECONDS * 2.0**failures, LONGEST_RETRY_SECONDS)
            failures = min(failures + 1, 16)
            self._closing.wait(pause)

    def _check(self) -> None:
        """Let the sink notice that its file was deleted or moved."""
        try:
            self.sink.check()
        except LpsrError:  # told when a read comes
            return
        except Exception as error:
            self._fault(f"{self._shown}: unexpected {type(error).__name__}: {error}")

    def _deliver(self, owed: Owed) -> bool:
        try:
            self.sink.deliver(owed.record, again=owed.again)
        except SpoolFullError as error:
            self.fatal, self.why, self.busy = error, str(error), False
            return False
        except LpsrError as error:
            if not self.failing:
                self._notice(f"{error}; reads wait for it")
            self.why, self.busy = str(error), isinstance(error, NotNowError)
            return False
        except Exception as error:  # the read's own fault: the ones behind it are not to wait for ever
            self._fault(f"{self._shown}: did not take read {owed.record.key}: {type(error).__name__}: {error}")
        if not owed.again:
            self.done = owed.record.number
        self.backlog.pop()
        if self.failing:
            self.why, self.busy = None, False
            self._notice(f"{self._shown}: takes reads again")
        return True

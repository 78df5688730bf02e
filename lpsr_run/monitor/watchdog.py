"""Ends a run whose models hang: a supervisor can start it anew, and nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TypeVar

HUNG = 75
"""Exit code of a run that its watchdog ended (EX_TEMPFAIL: to be tried again)."""

Item = TypeVar("Item")


class Watchdog:
    """Watches how long the work on one frame takes; a context manager.

    Args:
        seconds: that it may take; 0 watches nothing.
        hung: told in one line before the process ends.
        leave: ends the process; it must not return.
    """

    def __init__(self, seconds: float, hung: Callable[[str], None], leave: Callable[[int], object] = os._exit) -> None:
        self._seconds, self._hung, self._leave = seconds, hung, leave
        self._since: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        if self._seconds:
            self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._closing.set()

    def watched(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass items on; the time from each until the next one is asked for is the work on it."""
        self._since = None
        for item in items:
            self._since = monotonic()
            yield item
            self._since = None
        self._since = monotonic()

    def _run(self) -> None:
        while not self._closing.wait(min(self._seconds / 4, 1.0)):
            since = self._since
            if since is None or (spent := monotonic() - since) < self._seconds:
                continue
            # What is told may hang as well, on the same disk perhaps.
            told = threading.Thread(
                target=self._hung,
                args=(f"the work on one frame has taken {spent:.0f} s (--watchdog {self._seconds:g}); leaving",),
                daemon=True,
            )
            told.start()
            told.join(2.0)
            self._leave(HUNG)
            return

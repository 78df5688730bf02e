"""Keeps a run's outputs within its rule: at the start, every minute and at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from lpsr_core.errors import LpsrError, describe
from lpsr_run.retention.policy import Retention

SWEEP_SECONDS = 60.0

Sweep = Callable[[Retention, float], int]
"""Deletes what a rule does not keep at a time (seconds since 1970); returns the number of reads, or files of reads."""


class Sweeper:
    """Calls what deletes, in a thread of its own; a context manager.

    Args:
        rule: what is kept.
        sweeps: by name of the output.
        fault: told once for each output that cannot be swept.
    """

    def __init__(self, rule: Retention, sweeps: Mapping[str, Sweep], fault: Callable[[str], None]) -> None:
        self._rule, self._sweeps, self._fault = rule, sweeps, fault
        self._told: set[str] = set()
        self._closing, self._at_end = threading.Event(), True
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def __enter__(self) -> Sweeper:
        if not self._rule.keeps_all:
            self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._at_end = error is None
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(SWEEP_SECONDS)  # an output that hangs holds nothing up for longer

    def sweep(self) -> None:
        """Delete what is not kept now."""
        for name, sweep in self._sweeps.items():
            try:
                sweep(self._rule, time.time())
            except (OSError, LpsrError) as error:
                if name not in self._told:
                    self._told.add(name)
                    what = f"{name}: what is too old or too much cannot be deleted: {describe(error)}"
                    self._fault(f"{what}; let this user write there; it is tried again every minute")

    def _run(self) -> None:
        self.sweep()
        while not self._closing.wait(SWEEP_SECONDS):
            self.sweep()
        if self._at_end:
            self.sweep()

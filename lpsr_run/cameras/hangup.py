"""SIGHUP: asks a run to read its files again."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_SIGNAL = getattr(signal, "SIGHUP", None)


class ReloadRequest:
    """While its context lasts, SIGHUP is noted and ends nothing.

    Outside the main thread, and where there is no such signal, it notes nothing.

    Args:
        wanted: whether there is anything to read again; the signal keeps its meaning where there is not.
    """

    def __init__(self, wanted: bool = True) -> None:
        self._wanted = wanted
        self._asked = threading.Event()
        self._before: Any = None
        self._held = False

    def __enter__(self) -> ReloadRequest:
        if self._wanted and _SIGNAL is not None and threading.current_thread() is threading.main_thread():
            self._before, self._held = signal.signal(_SIGNAL, self._note), True
        return self

    def __exit__(self, *failure: object) -> None:
        if self._held and _SIGNAL is not None:
            signal.signal(_SIGNAL, self._before)
            self._held = False

    def taken(self) -> bool:
        """Whether somebody asked since the last call."""
        if not self._asked.is_set():
            return False
        self._asked.clear()
        return True

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked.set()

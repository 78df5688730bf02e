"""Stopping in good order: the first Ctrl-C or SIGTERM is a request, and the second one takes effect at once."""

from __future__ import annotations

import os
import signal
import stat
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HANGUP = getattr(signal, "SIGHUP", None)


class StopRequest:
    """While its context lasts, the first interrupt or termination is noted and the second one takes effect.

    It is true once it was asked to stop. Outside the main thread, where Python allows no handlers, it notes nothing.

    Args:
        hangup: whether SIGHUP asks to stop as well, unless it is ignored (nohup). It may come several times while a
            terminal closes, so further ones are ignored.

    Attributes:
        signal: number of the signal that asked to stop; None when none did.
    """

    def __init__(self, hangup: bool = False) -> None:
        self.signal: int | None = None
        self._hangup = hangup
        self._before: dict[signal.Signals, Any] = {}

    def __bool__(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """What a shell calls a process that the signal ended; 0 when none did."""
        return 0 if self.signal is None else 128 + self.signal

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            numbers = list(_SIGNALS)
            if self._hangup and _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:
                numbers.append(_HANGUP)
            self._before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()
        if number == _HANGUP:
            signal.signal(number, signal.SIG_IGN)
            _leave_terminal()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def _leave_terminal() -> None:
    """Lead output to nowhere where its terminal is gone, so that writing to it ends nothing."""
    for output in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(output).st_mode) and not os.isatty(output):
                os.dup2(os.open(os.devnull, os.O_WRONLY), output)

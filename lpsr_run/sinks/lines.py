"""A line per read on the terminal, for runs without an end."""

from __future__ import annotations

import time
from collections.abc import Callable

from lpsr_core.wording import counted
from lpsr_run.sinks.base import Result


class LineSink:
    """Prints each read once its plate is gone: local time, source, text, confidence, layout and frames."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def write(self, result: Result) -> None:
        read = result.read
        if read.event == "final":
            frames = counted(read.frames, "frame")
            clock = time.strftime("%H:%M:%S")
            self._say(f"{clock} {read.source}: {read.text} {read.confidence:.2f} {read.layout}, {frames}")

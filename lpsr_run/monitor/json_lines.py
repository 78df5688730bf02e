"""Events and reads as JSON lines on standard output, for journals and log collectors (`--log-format json`)."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress

from lpsr_core.reads import Read
from lpsr_run.state import Event

_LEVELS = {"skipped": "warning", "lost": "warning", "unwritten": "error", "hung": "error"}
"""Of events; all others are `info`."""
_OF_A_READ = ("source", "text", "certain", "layout", "confidence", "plate", "frames", "track", "run", "number")


class JsonLines:
    """Prints one JSON object per line; what cannot be written is dropped, and the run goes on."""

    def __init__(self) -> None:
        self._stream, self._lock = sys.stdout, threading.Lock()

    def __call__(self, event: Event) -> None:
        """Print an event of a run."""
        values = {"level": _LEVELS.get(str(event.get("event")), "info"), **event}
        line = json.dumps(values, ensure_ascii=False, default=str).encode(errors="backslashreplace").decode()
        with self._lock, suppress(OSError, ValueError):
            print(line, file=self._stream, flush=True)

    def read(self, read: Read) -> None:
        """Print a read; `state` tells whether its plate is still seen."""
        fields = read.as_dict()
        told = {name: fields[name] for name in _OF_A_READ}
        self({"time": round(time.time(), 3), "event": "read", "state": read.event, **told})

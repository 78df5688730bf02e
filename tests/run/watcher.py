"""What happens to a run from outside while it goes on within the test's process."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Watcher:
    """Looks at the status file of a run that goes on in the main thread, and ends that run when it has seen enough.

    Attributes:
        seen: what a script keeps for later.

    Args:
        path: the status file.
        script: what happens meanwhile; what it raises, the test raises.
    """

    def __init__(self, path: Path, script: Callable[[Watcher], None]) -> None:
        self._path, self._script = path, script
        self.seen: dict[str, Any] = {}
        self.failed: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watcher:
        # A termination that comes too late, or too early, is none of the test's own process.
        self._before = signal.signal(signal.SIGTERM, lambda *_: None)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        signal.signal(signal.SIGTERM, self._before)
        if self.failed is not None:
            raise self.failed

    def until(self, condition: Callable[[list[dict[str, Any]]], bool], seconds: float = 30) -> list[dict[str, Any]]:
        """The sources' states as soon as they are as they should be."""
        deadline = time.monotonic() + seconds
        while not (self._path.exists() and condition(told := json.loads(self._path.read_text())["sources"])):
            assert not self._over.is_set(), "the run ended by itself"
            assert time.monotonic() < deadline, self._path.read_text() if self._path.exists() else "no status"
            time.sleep(0.02)
        return told

    def _run(self) -> None:
        try:
            self._script(self)
        except Exception as error:
            self.failed = error
        finally:
            while not self._over.is_set():
                os.kill(os.getpid(), signal.SIGTERM)
                self._over.wait(1.0)

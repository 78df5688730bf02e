"""The state of a run for others to see: a JSON file that is always whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_core.files import replace_file
from lpsr_run.sinks.base import why
from lpsr_run.state import RunState

_SECONDS = 1.0


class StatusFile:
    """Writes the state every second, and once more at the end; each time the file is replaced as a whole.

    Args:
        path: the file.
        state: of the run.
        fault: told in one line, once, when it cannot be written later on; every second it is tried again.

    Raises:
        LpsrError: it cannot be written at the start.
    """

    def __init__(self, path: Path, state: RunState, fault: Callable[[str], None] = lambda _: None) -> None:
        self._path, self._state, self._fault = path, state, fault
        self._told = False
        self._closing = threading.Event()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write("running")
        except OSError as error:
            raise LpsrError(f"{path}: cannot be written: {why(error)}") from None
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self._thread.start()

    def __enter__(self) -> StatusFile:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._closing.set()
        self._thread.join(_SECONDS)
        self._told |= error is not None  # that is told already, and is often the same disk
        self._try("failed" if error is not None else "ended")

    def write(self, status: str) -> None:
        """Write the state for the last time, under a status; what cannot be written is told."""
        self._closing.set()
        self._try(status)

    def _run(self) -> None:
        while not self._closing.wait(_SECONDS):
            self._try("running")

    def _try(self, status: str) -> None:
        try:
            self._write(status)
        except OSError as error:  # a full disk may have room again in a second
            if not self._told:
                self._told = True
                self._fault(f"{self._path}: cannot be written: {why(error)}; the run goes on")

    def _write(self, status: str) -> None:
        text = json.dumps({"status": status, **self._state.as_dict()}, indent=1, ensure_ascii=False)
        replace_file(self._path, (text + "\n").encode())

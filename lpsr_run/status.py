"""The state of a run for others to see: a JSON file that is always whole, and a log of events."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_run.sinks.files import ClosesItself
from lpsr_run.state import Event, RunState

_SECONDS = 1.0


class StatusFile:
    """Writes the state every second, and once more at the end; each time the file is replaced as a whole.

    Args:
        path: the file.
        state: of the run.

    Raises:
        LpsrError: it cannot be written at the start; later failures are left for the next second.
    """

    def __init__(self, path: Path, state: RunState) -> None:
        self._path, self._state = path, state
        self._part = path.with_name(f".{path.name}.part")
        self._closing = threading.Event()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write("running")
        except OSError as error:
            raise LpsrError(f"{path}: cannot be written: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self._thread.start()

    def __enter__(self) -> StatusFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join(_SECONDS)
        self._try("failed" if error is not None else "ended")

    def _run(self) -> None:
        while not self._closing.wait(_SECONDS):
            self._try("running")

    def _try(self, status: str) -> None:
        try:
            self._write(status)
        except OSError:  # a full disk may have room again in a second
            self._part.unlink(missing_ok=True)

    def _write(self, status: str) -> None:
        text = json.dumps({"status": status, **self._state.as_dict()}, indent=1, ensure_ascii=False)
        self._part.write_text(text + "\n", encoding="utf-8")
        self._part.replace(self._path)


class EventLog(ClosesItself):
    """Appends every event of a run as a line of JSON.

    Args:
        path: the file; an existing one is continued.

    Raises:
        LpsrError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise LpsrError(f"{path}: cannot be written: {error.strerror or error}") from None

    def close(self) -> None:
        """Closes it."""
        self._file.close()

    def __call__(self, event: Event) -> None:
        """Takes an event; a log that cannot be written stops no run."""
        line: dict[str, Any] = {"process": os.getpid(), **event}
        try:
            self._file.write((json.dumps(line, ensure_ascii=False, default=str) + "\n").encode())
        except (OSError, ValueError):
            return

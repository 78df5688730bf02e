"""One run a folder: whoever comes second is told who holds it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from pathlib import Path

from lpsr_core.errors import UsageError
from lpsr_run.redact import shown
from lpsr_run.sinks.base import writing
from lpsr_run.sinks.files import ClosesItself, is_at

if os.name == "posix":
    import fcntl

LOCK = ".lock"


class FolderLock(ClosesItself):
    """Holds a folder while its context lasts; the system lets go of it when the process ends, however it does.

    Args:
        folder: that exists and can be written.
        run: identifier of the run.

    Raises:
        UsageError: another run holds it.
        LpsrError: the lock cannot be written.
    """

    def __init__(self, folder: Path, run: str) -> None:
        path = folder / LOCK
        self._path = path
        while True:
            with writing(path):
                self._file = path.open("a+b", buffering=0)
            if os.name != "posix":
                break
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self._holder()
                self._file.close()
                raise UsageError(f"--out {shown(folder)} is held by {holder}; give another folder") from None
            except OSError:  # a file system without locks: as before there were any
                break
            if is_at(self._file, path):
                break
            self._file.close()  # of a run that has just ended, and took it away
        told = {"run": run, "process": os.getpid(), "host": platform.node(), "since": round(time.time(), 3)}
        with contextlib.suppress(OSError):  # a full disk; the lock holds all the same
            self._file.truncate(0)
            self._file.write(json.dumps(told).encode())

    def close(self) -> None:
        """Let go of the folder."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _holder(self) -> str:
        try:
            self._file.seek(0)
            told = json.loads(self._file.read())
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["since"]))
            return f"run {told['run']} (process {told['process']} on {told['host']}, since {since})"
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return "another run"

"""Reads by HTTP to somebody else's server, through a spool on disk: an outage loses nothing.

Every read is a file of the spool before it is acknowledged, and leaves it when the server has taken it. A thread sends
them in order, and goes on with what an earlier run left.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from lpsr_core.errors import UsageError
from lpsr_run.redact import redact
from lpsr_run.sinks.base import Result, write_failed
from lpsr_run.sources.live import Retry

_TIMEOUT = 10.0
_AGAIN = frozenset({408, 425, 429})
"""Client errors that pass; others mean that this read will never be taken."""
_FAREWELL = 2.0
"""Seconds that a closing sink still sends for; what is left is sent by the next run."""


class WebhookSink:
    """Posts each read as JSON, at least once; `Idempotency-Key` names it, so that a receiver can drop repetitions.

    Args:
        url: http or https.
        spool: folder of what was not taken yet; `refused` in it holds what never will be.
        notice: told in one line when the server begins to fail, when it is back, and of reads that it refuses.
        retry: how long to wait between attempts.

    Raises:
        UsageError: the URL is none.
        LpsrError: the spool cannot be made.
    """

    def __init__(
        self, url: str, spool: Path, notice: Callable[[str], None] = lambda _: None, retry: Retry | None = None
    ) -> None:
        if not url.lower().startswith(("http://", "https://")):
            raise UsageError(f"--webhook takes an http:// or https:// address, not {redact(url)!r}")
        self._url, self._spool, self._notice = url, spool, notice
        self._retry = retry or Retry(longest=60.0)
        self.shown = redact(url)
        try:
            (spool / "refused").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_failed(spool, error) from None
        self._numbers = itertools.count()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def __enter__(self) -> WebhookSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join(_FAREWELL)

    @property
    def waiting(self) -> int:
        """Reads in the spool."""
        return len(self._files())

    def write(self, result: Result) -> None:
        # Nanoseconds sort as the reads came, also over runs; the number keeps two of one tick apart.
        name = f"{time.time_ns():020d}-{next(self._numbers):06d}.json"
        part = self._spool / f"{name}.part"
        try:
            with part.open("wb") as stream:
                stream.write(result.read.to_json().encode())
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(self._spool / name)
        except OSError as error:
            raise write_failed(part, error) from None
        self._wake.set()

    def _files(self) -> list[Path]:
        return sorted(self._spool.glob("*.json"))

    def _run(self) -> None:
        failures = 0
        until: float | None = None
        while True:
            if self._closing.is_set():
                until = until or time.monotonic() + _FAREWELL
                if failures or time.monotonic() > until:
                    return
            files = self._files()
            if not files:
                if self._closing.is_set():
                    return
                self._wake.wait()
                self._wake.clear()
                continue
            why = self._send(files[0])
            if why is None:
                if failures:
                    self._notice(f"{self.shown}: takes reads again; {len(files) - 1} are waiting")
                failures = 0
                continue
            if failures == 0:
                self._notice(f"{self.shown}: {why}; reads wait in {self._spool}")
            self._closing.wait(self._retry.delay(failures))
            failures += 1

    def _send(self, path: Path) -> str | None:
        """Posts one read and takes it out of the spool; why that failed, or None."""
        try:
            body = path.read_bytes()
            json.loads(body)
        except (OSError, ValueError) as error:
            self._refuse(path, f"is not a read: {error}")
            return None
        headers = {"Content-Type": "application/json", "Idempotency-Key": path.stem, "User-Agent": "lpsr-run"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            if 400 <= error.code < 500 and error.code not in _AGAIN:
                self._refuse(path, f"was refused with status {error.code}")
                return None
            return f"status {error.code}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            return f"cannot be reached: {reason}"
        path.unlink(missing_ok=True)
        return None

    def _refuse(self, path: Path, why: str) -> None:
        """Sets a read aside that will never be taken."""
        kept = self._spool / "refused" / path.name
        self._notice(f"{self.shown}: {path.name} {why}; kept in {kept.parent}")
        try:
            path.replace(kept)
        except OSError:
            path.unlink(missing_ok=True)

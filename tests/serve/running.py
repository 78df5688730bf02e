"""`lpsr-serve` as a process, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from toy_models import ROOT
from waiting import until


@dataclass
class Running:
    """A server's process, a client that has its key, its store, and what it printed."""

    process: subprocess.Popen[str]
    client: httpx.Client
    key: str
    base: str
    store: Path
    log: Path


@contextmanager
def started(folder: Path, *options: str) -> Iterator[Running]:
    """Start a server with the released networks on a free port, and end it.

    Args:
        folder: for its store, keys and log.
        options: of the command, beside these.
    """
    log, keys, store = folder / "log", folder / "keys", folder / "store"
    command = [
        *(sys.executable, "-m", "lpsr_serve.cli", "--port", "0", "--store", str(store)),
        *("--api-key-file", str(keys), "--open-metrics", *options),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("w") as stream:
        process = subprocess.Popen(command, stderr=stream, stdout=stream, text=True, env=environment)
    try:
        line = until(lambda: ("listening on " in log.read_text() and log.read_text()) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        base = str(line).partition("listening on ")[2].split(",")[0]
        key = keys.read_text().strip()
        with httpx.Client(base_url=base, headers={"authorization": f"Bearer {key}"}, timeout=120) as client:
            yield Running(process, client, key, base, store, log)
    finally:
        process.kill()
        process.wait()

"""Processes that are killed while they write."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path


def killed(script: str, out: Path, seconds: float, environment: Mapping[str, str]) -> list[int]:
    """Runs a script until it is killed; returns the numbers that it had printed as acknowledged.

    Args:
        script: Python that prints `ready` and then a number after each write.
        out: its argument.
        seconds: after `ready`.
        environment: of the process.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    process.kill()
    acknowledged = [int(line) for line in process.stdout.read().splitlines() if line]
    process.wait()
    return acknowledged

"""How many processor cores there are to work on."""

from __future__ import annotations

import os
import sys


def usable_cores() -> int:
    """Logical cores that this process may run on, at least one."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

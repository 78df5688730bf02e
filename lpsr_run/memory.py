"""Memory that was freed goes back to the system, so that a run of months stays as small as it began.

The allocator keeps freed memory in pieces between what is in use, touches more of them as time goes on, and gives them
back only when told.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from time import monotonic

_SECONDS = 60.0


def trimmer() -> Callable[[], None]:
    """What gives freed memory back, at most once a minute however often it is called; nothing but glibc needs it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    due = monotonic() + _SECONDS

    def give_back() -> None:
        nonlocal due
        if trim is not None and monotonic() >= due:
            trim(0)
            due = monotonic() + _SECONDS

    return give_back

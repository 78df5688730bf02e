"""How the C library hands out memory in a process that runs for months."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""Number of the setting in glibc's malloc.h."""
_ARENAS = 2


def few_arenas() -> None:
    """Lets threads share two of the C library's arenas, where it has that setting (glibc).

    By default a thread that finds an arena in use begins another, up to eight a core, and each comes to hold its own
    pieces of free memory: resident memory creeps up for days although nothing leaks. It counts from the next thread on,
    so it is called before there are any.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library: musl, macOS, Windows
        return
    mallopt(_M_ARENA_MAX, _ARENAS)

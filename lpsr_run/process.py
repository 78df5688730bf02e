"""The process itself: its memory, the cores it may use, and the messages of the libraries in it."""

from __future__ import annotations

import ctypes
import os
import sys

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


def usable_cores() -> int:
    """Logical cores that this process may run on, at least one."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def silence_opencv() -> None:
    """Turns OpenCV's and FFmpeg's messages off; to be called before the first video is opened."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    # FFmpeg's AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

"""Threads share the C library's arenas, so that memory does not creep up."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

_COUNT = """
import ctypes, threading
from lpsr_run.process import few_arenas
libc = ctypes.CDLL(None)
{call}
allocate = libc.malloc
allocate.restype = ctypes.c_void_p
barrier = threading.Barrier(6)
def work():
    barrier.wait()
    for _ in range(2000):
        allocate(100)
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""


def arenas(call: str) -> int:
    """How many arenas a process of six threads has come to use."""
    done = subprocess.run([sys.executable, "-c", _COUNT.format(call=call)], capture_output=True, text=True, check=True)
    return len(re.findall(r"^Arena \d+:", done.stderr, re.MULTILINE))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="arenas are glibc's")
def test_threads_share_two_arenas() -> None:
    if not arenas("pass"):
        pytest.skip("this C library has no arenas")
    assert arenas("pass") > 2
    assert arenas("few_arenas()") <= 2


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from lpsr_run import process

    class Library:
        def __init__(self, name: None) -> None:
            pass

    monkeypatch.setattr(process.ctypes, "CDLL", Library)
    process.few_arenas()

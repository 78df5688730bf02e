"""Freed memory goes back to the system."""

from __future__ import annotations

import sys

import pytest

from lpsr_run import memory
from lpsr_run.state import resident_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators give back by themselves")
def test_freed_memory_goes_back_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(memory, "monotonic", lambda: now[0])
    give_back = memory.trimmer()
    # Pieces below the size that is mapped by itself; every hundredth stays and pins the heap from above.
    pieces = [bytes(2000) + bytes([n % 256]) for n in range(50_000)]
    pinned = pieces[::100]
    del pieces
    before = resident_bytes()
    assert before is not None
    now[0] = memory._SECONDS - 1
    give_back()
    assert abs(resident_bytes() - before) < 2**20, "not yet"
    now[0] += 2
    give_back()
    freed = before - resident_bytes()
    assert freed > 0.5 * 2000 * 50_000
    assert len(pinned) == 500

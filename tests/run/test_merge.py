"""Several sources at once: fair turns, files whole, live ones fresh, failures apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from lpsr_core.errors import LpsrError
from lpsr_run.sources import merge
from lpsr_run.sources.base import Frame
from lpsr_run.sources.merge import NEWEST, Ended, Merged
from lpsr_run.state import RunState, SourceState

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Scripted:
    """A source of so many frames, which may fail after them."""

    def __init__(
        self,
        count: int,
        live: bool = False,
        error: Exception | None = None,
        pause: float = 0.0,
        gaps: tuple[int, ...] = (),
    ) -> None:
        self.total, self.live, self._count, self._error, self._pause = None, live, count, error, pause
        self._gaps, self.closed = gaps, False

    def frames(self) -> Iterator[Frame]:
        try:
            for index in range(self._count):
                time.sleep(self._pause)
                yield Frame("s", index, float(index), IMAGE, False, index in self._gaps)
            if self._error:
                raise self._error
        finally:
            self.closed = True


def merged(*sources: Scripted) -> tuple[Merged, RunState]:
    state = RunState([SourceState(f"s{number}", source.live) for number, source in enumerate(sources)])
    return Merged(sources, state, threading.Event()), state


def test_files_come_whole_in_order_and_by_turns() -> None:
    both, state = merged(Scripted(200), Scripted(200), Scripted(200))
    seen: list[list[int]] = [[], [], []]
    order = []
    for item in both:
        if isinstance(item, Frame):
            seen[item.stream].append(item.index)
            order.append(item.stream)
            time.sleep(0.0005)
    assert seen == [list(range(200))] * 3
    first = order[:300]
    assert all(first.count(stream) >= 80 for stream in range(3)), "none starves"
    assert [source.status for source in state.sources] == ["ended"] * 3
    assert [source.dropped for source in state.sources] == [0, 0, 0]


def test_of_live_sources_the_newest_frames_are_kept_and_drops_are_counted() -> None:
    fast, state = merged(Scripted(300, live=True, pause=0.001))
    seen = []
    for item in fast:
        if isinstance(item, Frame):
            assert state.sources[0].queued <= NEWEST
            seen.append(item.index)
            time.sleep(0.02)
    (source,) = state.sources
    assert seen == sorted(seen)
    assert source.dropped > 100
    assert source.decoded == 300 == source.frames + source.dropped
    assert seen[-1] >= 298, "the newest, not the oldest"


def test_a_gap_is_not_dropped_with_the_frame_behind_it() -> None:
    source = Scripted(40, live=True, gaps=(0, 20))
    late, state = merged(source)
    seen = []
    for item in late:
        if isinstance(item, Frame):
            seen.append(item)
            while not source.closed:  # all others come, and most go, while this one is read
                time.sleep(0.001)
    assert [frame.index for frame in seen[-NEWEST:]] == [38, 39]
    assert state.sources[0].dropped >= 40 - 2 * NEWEST - 1
    # Where the reader is late, the first frame that it sees may already be one behind the gap.
    behind = [frame for frame in seen if frame.index >= 20]
    assert [frame.gap for frame in behind] == [True] + [False] * (len(behind) - 1)


def test_a_failure_ends_its_own_source() -> None:
    both, state = merged(Scripted(3, error=LpsrError("broken")), Scripted(20))
    ends = [item for item in both if isinstance(item, Ended)]
    assert {end.stream: str(end.failure) for end in ends} == {0: "broken", 1: "None"}
    assert [source.status for source in state.sources] == ["failed", "ended"]
    assert state.sources[1].frames == 20


def test_what_a_decoder_raises_ends_its_own_source() -> None:
    both, _ = merged(Scripted(2, error=ZeroDivisionError("a mistake")), Scripted(20))
    ends = {item.stream: item.failure for item in both if isinstance(item, Ended)}
    assert str(ends[0]) == "s0: unexpected ZeroDivisionError: a mistake"
    assert ends[1] is None


def test_a_stop_is_noticed_while_no_frame_comes() -> None:
    state = RunState([SourceState("s", True)])
    asked = time.monotonic() + 0.5
    silent = Scripted(5, live=True, pause=10)
    start = time.monotonic()
    assert list(Merged([silent], state, threading.Event(), lambda: time.monotonic() > asked)) == []
    assert time.monotonic() - start < 5
    assert state.sources[0].status == "stopped"


@pytest.mark.parametrize("live", [False, True])
def test_frames_that_wait_are_bounded_in_bytes(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "QUEUED_BYTES", 2 * (3 * IMAGE.nbytes + 10))  # of two sources
    both, state = merged(Scripted(60, live), Scripted(60, live))
    seen = 0
    for item in both:
        if isinstance(item, Frame):
            seen += 1
            time.sleep(0.002)
            assert all(source.queued <= min(3, NEWEST if live else 3) for source in state.sources)
    assert seen == 120 or live
    monkeypatch.setattr(merge, "QUEUED_BYTES", 1)
    alone, _ = merged(Scripted(5))
    assert sum(isinstance(item, Frame) for item in alone) == 5, "one may always wait"


def test_closing_early_ends_the_threads() -> None:
    before = set(threading.enumerate())
    source = Scripted(10**9)
    both, state = merged(source, Scripted(10**9), Scripted(1))
    frames = iter(both)
    while state.sources[2].status != "ended" or state.frames < 5:
        next(frames)
    frames.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 5
    while not source.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert source.closed
    assert [each.status for each in state.sources] == ["stopped", "stopped", "ended"]
    assert not set(threading.enumerate()) - before

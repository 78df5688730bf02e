"""Live sources: cameras that fail in every way they do, from a real local server."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from camera import Camera
from rtsp_camera import RtspCamera

from lpsr_core.errors import LpsrError
from lpsr_run.sources.base import Frame
from lpsr_run.sources.live import LiveSource, Retry

QUICK = Retry(first=0.05, longest=0.2, silence=2.0)
Kind = type[Camera] | type[RtspCamera]
both = pytest.mark.parametrize("kind", [Camera, RtspCamera], ids=["http", "rtsp"])


def grey(number: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*size, 3), 20 * (number % 10), np.uint8)


class Notes:
    """What a source says."""

    def __init__(self) -> None:
        self.happened: list[tuple[str, str]] = []

    def __call__(self, happening: str, why: str, delay: float) -> None:
        self.happened.append((happening, why))

    def count(self, happening: str) -> int:
        return sum(what == happening for what, _ in self.happened)


def take(source: LiveSource, count: int) -> list[Frame]:
    frames: Iterator[Frame] = source.frames()
    taken = list(itertools.islice(frames, count))
    frames.close()  # type: ignore[attr-defined]
    return taken


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@both
def test_a_stream_has_times_and_numbers(kind: Kind) -> None:
    with kind(grey) as camera:
        before = time.time()
        frames = take(LiveSource(camera.url), 5)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert all(a.milliseconds <= b.milliseconds for a, b in itertools.pairwise(frames))
    assert all(frame.taken is not None and before <= frame.taken <= time.time() for frame in frames)
    assert "hunter2" not in frames[0].source
    assert [frame.gap for frame in frames] == [True, False, False, False, False]


@both
def test_a_connection_that_ends_comes_back(kind: Kind) -> None:
    notes = Notes()
    with kind(grey, frames=6) as camera:
        frames = take(LiveSource(camera.url, retry=QUICK, notice=notes), 15)
        assert camera.connections >= 3
    assert [frame.index for frame in frames] == list(range(15)), "numbered through"
    gaps = [frame.index for frame in frames if frame.gap]
    assert gaps[0] == 0
    assert len(gaps) == notes.count("connected") >= 3
    assert all("hunter2" not in why for _, why in notes.happened)


@both
def test_a_frame_that_is_cut_in_its_middle_breaks_nothing(kind: Kind) -> None:
    with kind(grey, frames=4) as camera:
        camera.broken = True
        frames = take(LiveSource(camera.url, retry=QUICK), 9)
    assert len(frames) == 9
    assert all(frame.image.shape == (48, 64, 3) for frame in frames)


@both
@pytest.mark.parametrize("gone", [0.3, 1.0])
def test_a_server_that_is_gone_at_first_is_waited_for(kind: Kind, gone: float) -> None:
    port, notes = free_port(), Notes()
    source = LiveSource(kind.address(port), retry=QUICK, notice=notes)
    made: list[Camera | RtspCamera] = []
    timer = threading.Timer(gone, lambda: made.append(kind(grey, port=port)))
    timer.start()
    try:
        assert len(take(source, 3)) == 3
    finally:
        timer.join()
        made[0].stop()
    assert notes.happened[0][0] == "lost"
    assert "cannot be opened" in notes.happened[0][1]


@both
def test_a_server_that_goes_and_comes_again_is_found_again(kind: Kind) -> None:
    first = kind(grey)
    source = LiveSource(first.url, retry=QUICK)
    frames = source.frames()
    assert next(frames).index == 0
    first.stop()
    again: list[Camera | RtspCamera] = []
    timer = threading.Timer(1.0, lambda: again.append(kind(grey, port=first.port)))
    timer.start()
    while not (frame := next(frames)).gap:
        pass
    assert frame.index > 0
    timer.join()
    again[0].stop()


def test_it_gives_up_when_told_to() -> None:
    retry = Retry(first=0.05, longest=0.1, give_up=0.4)
    start = time.monotonic()
    with pytest.raises(LpsrError, match=r"cannot be opened: .* refused.*given up after 0.4 s without a frame"):
        list(LiveSource(f"http://127.0.0.1:{free_port()}/x.mjpg", retry=retry).frames())
    assert time.monotonic() - start < 10


def test_delays_grow_have_a_limit_and_differ() -> None:
    retry = Retry(first=0.5, longest=30)
    for failures in range(40):
        delays = {retry.delay(failures) for _ in range(20)}
        whole = min(0.5 * 2**failures, 30)
        assert all(0.5 * whole <= delay <= whole for delay in delays)
        assert len(delays) > 1, "no two sources come back at once"


@both
def test_a_silent_connection_is_dropped_and_a_slow_one_is_not(kind: Kind) -> None:
    pauses = itertools.chain([0.02] * 5, [30.0], itertools.repeat(0.02))
    over = threading.Event()

    def stuttering(number: int) -> np.ndarray:
        over.wait(next(pauses))
        return grey(number)

    with kind(stuttering, pause=0.0) as camera:
        frames = take(LiveSource(camera.url, retry=Retry(first=0.05, longest=0.1, silence=1.0)), 6)
        assert camera.connections == 2
        over.set()
    assert [frame.index for frame in frames] == list(range(6))
    with kind(grey, pause=0.5) as camera:  # two frames a second, and a tenth of that is silence
        source = LiveSource(camera.url, retry=Retry(first=0.05, silence=0.8))
        assert len(take(source, 5)) == 5
        assert camera.connections == 1


@both
def test_a_camera_of_few_frames_is_read_from_the_first_on(kind: Kind) -> None:
    with kind(grey, pause=0.2) as camera:
        take(LiveSource(camera.url, retry=QUICK), 1)
        assert camera.sent <= 4, "no rate is estimated first"


@both
def test_frames_may_change_their_size(kind: Kind) -> None:
    sizes = [(48, 64), (96, 128)]
    with kind(lambda number: grey(number, sizes[number // 3 % 2])) as camera:
        frames = take(LiveSource(camera.url, retry=QUICK), 9)
    assert len(frames) == 9
    assert all(frame.image.dtype == np.uint8 and frame.image.ndim == 3 for frame in frames)


def test_a_stop_ends_a_source_that_waits() -> None:
    stop = threading.Event()
    source = LiveSource(f"http://127.0.0.1:{free_port()}/x.mjpg", retry=Retry(first=20, longest=60), stop=stop)
    threading.Timer(0.5, stop.set).start()
    start = time.monotonic()
    assert list(source.frames()) == []
    assert time.monotonic() - start < 10

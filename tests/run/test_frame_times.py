"""Times of recordings whose containers say nothing, nonsense, or the same again: reads still have times that rise."""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from camera import Camera
from conftest import Command, save_video, scene
from hypothesis import given
from hypothesis import strategies as st

from lpsr_run.sinks.annotate import VideoSink
from lpsr_run.sources import open_source
from lpsr_run.sources.live import LiveSource
from lpsr_run.sources.times import FrameTimes

NAN, INFINITE = float("nan"), float("inf")
GREYS = [np.full((48, 64, 3), 20 * index, np.uint8) for index in range(12)]


def times(path: Path, stride: int = 1) -> list[float]:
    """Of all frames; they must be finite and rise."""
    failures: list[str] = []
    found = [frame.milliseconds for frame in open_source(str(path), failures.append, stride).frames()]
    assert not failures
    assert all(map(math.isfinite, found))
    assert all(before < after for before, after in itertools.pairwise(found)), found
    return found


def joined(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Two recordings of an MPEG transport stream in one file, as a recorder leaves them."""
    data = save_video(path, list(pictures)).read_bytes()
    path.write_bytes(data + data)
    return path


def test_where_two_recordings_are_joined_time_goes_on(tmp_path: Path) -> None:
    path = joined(tmp_path / "two.ts", GREYS)
    stamps, capture = [], cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    while capture.grab():
        stamps.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    if not any(after < before for before, after in itertools.pairwise(stamps)):
        pytest.skip("this FFmpeg lets the times of joined recordings rise by itself")
    found = times(path)
    assert len(found) == len(stamps) > 12
    assert found == pytest.approx([100 * index for index in range(len(stamps))], abs=1)
    assert times(path, stride=5) == found[::5]


def test_a_file_of_frames_without_any_times_has_the_pace_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bare.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", picture)[1].tobytes() for picture in GREYS))
    found = times(path)
    assert found == pytest.approx([40 * index for index in range(12)], abs=1)


def test_a_table_of_times_that_holds_only_zeros(tmp_path: Path) -> None:
    path = save_video(tmp_path / "v.mp4", GREYS)
    data = bytearray(path.read_bytes())
    entry = data.index(b"stts") + 12  # a count, and by how much the time rises
    data[entry + 4 : entry + 8] = bytes(4)
    path.write_bytes(data)
    assert len(times(path)) == 12


def test_a_header_whose_frame_rate_is_nothing_by_nothing(tmp_path: Path) -> None:
    path = save_video(tmp_path / "v.avi", GREYS)
    data = bytearray(path.read_bytes())
    header, rate = data.index(b"avih") + 8, data.index(b"strh") + 8 + 20
    data[header : header + 4], data[rate : rate + 8] = bytes(4), bytes(8)
    path.write_bytes(data)
    assert len(times(path)) == 12


Told = Callable[[int], float]


class Telling:
    """OpenCV's own decoder, which says of itself what a test wants."""

    def __init__(self, real: Any, rate: float, count: float, told: Told | None) -> None:
        self._real, self._rate, self._count, self._told, self._frame = real, rate, count, told, -1

    def grab(self) -> bool:
        self._frame += 1
        return bool(self._real.grab())

    def get(self, what: int) -> float:
        if what == cv2.CAP_PROP_POS_MSEC and self._told is not None:
            return self._told(self._frame)
        if what == cv2.CAP_PROP_FPS:
            return self._rate
        return self._count if what == cv2.CAP_PROP_FRAME_COUNT else float(self._real.get(what))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def tell(monkeypatch: pytest.MonkeyPatch, rate: float, count: float = 12, told: Told | None = None) -> None:
    """Puts it where OpenCV's decoders are made, and takes PyAV away."""
    monkeypatch.setitem(sys.modules, "av", None)
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda *given: Telling(real(*given), rate, count, told))


@pytest.mark.parametrize("rate", [0.0, NAN, INFINITE, -INFINITE, -25.0, 1e-300, 1e300])
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (lambda n: 0.0, lambda n: 40 * n),
        (lambda n: NAN, lambda n: 40 * n),
        (lambda n: -INFINITE, lambda n: 40 * n),
        (lambda n: INFINITE, lambda n: 40 * n),
        (lambda n: -5000.0 + 100 * n, lambda n: 40 * n),
        (lambda n: 500.0, lambda n: 500 + 40 * n),
        (lambda n: 100.0 * n, lambda n: 100 * n),
        (lambda n: 100.0 * (n % 6), lambda n: 100 * n if n < 6 else 500 + 40 * (n - 5)),
        (lambda n: 0.0 if n < 4 else 5.0 + n, lambda n: 40 * n),
        (lambda n: 1000.0 * n if n != 3 else NAN, lambda n: 1000 * n if n != 3 else 2040),
    ],
    ids=["zeros", "none", "-inf", "inf", "negative", "stuck", "right", "again", "late", "hole"],
)
def test_whatever_a_container_says_times_are_finite_and_rise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, told: Told, expected: Told
) -> None:
    path = save_video(tmp_path / "v.mp4", GREYS)
    tell(monkeypatch, rate, told=told)
    assert times(path) == pytest.approx([expected(index) for index in range(12)])


@pytest.mark.parametrize("count", [NAN, INFINITE, -INFINITE, -1.9e14, 9.2e18, 0.0])
def test_a_promise_of_frames_that_is_no_number_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: float
) -> None:
    path = save_video(tmp_path / "v.mp4", GREYS)
    tell(monkeypatch, 10.0, count)
    assert len(times(path)) == 12


@pytest.mark.parametrize("value", [0.0, NAN, INFINITE, -1.0])
def test_a_stream_has_times_of_its_own(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    tell(monkeypatch, value, value, lambda n: value)
    with Camera(lambda n: GREYS[n % 12], frames=6) as camera:
        frames = LiveSource(camera.url).frames()
        found = [frame.milliseconds for frame in itertools.islice(frames, 6)]
        frames.close()  # type: ignore[attr-defined]
    assert len(found) == 6
    assert all(0 <= before <= after < 60_000 for before, after in itertools.pairwise(found))


@given(st.floats(), st.lists(st.floats(), max_size=40))
def test_no_numbers_at_all_make_a_time_fall(rate: float, told: list[float]) -> None:
    pace = FrameTimes(rate)
    found = [pace.of(index, value) for index, value in enumerate(told)]
    assert all(map(math.isfinite, found))
    assert all(before <= after for before, after in itertools.pairwise([0.0, *found]))


@pytest.mark.parametrize("told", [[NAN] * 9, [INFINITE] * 9, [-100.0 * n for n in range(9)], [0.0, NAN] * 4, [NAN]])
def test_a_video_is_drawn_whatever_the_times_are(tmp_path: Path, told: list[float]) -> None:
    with np.errstate(invalid="ignore"), VideoSink(tmp_path / "out.mp4") as sink:
        for milliseconds in told:
            sink.show(np.zeros((48, 64, 3), np.uint8), [], milliseconds)
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(25, abs=0.05)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == len(told)


def test_a_run_over_such_a_file_reads_it_and_draws_it(
    here: Command, options: list[str], detector: Path, tmp_path: Path
) -> None:
    path, drawn, out = joined(tmp_path / "two.ts", [scene("ABC1D34")] * 12), tmp_path / "drawn.mp4", tmp_path / "out"
    done = here("--video", path, "--detector", detector, "--out", out, "--annotate", drawn, *options)
    assert done.returncode == 0, done.stderr
    (read,) = [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]
    assert read["text"] == "ABC1D34"
    assert read["frames"] > 12
    assert read["milliseconds"] == pytest.approx(100 * read["frame"], abs=1)
    capture = cv2.VideoCapture(str(drawn))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10, abs=0.05)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == read["frames"]


def test_a_run_whose_decoder_knows_no_numbers_reads_on(
    here: Command,
    options: list[str],
    detector: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, out = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 12), tmp_path / "out"
    with monkeypatch.context() as patched:
        tell(patched, NAN, 12, lambda n: NAN)
        drawn = ["--annotate", tmp_path / "drawn.mp4"]
        done = here("--video", path, "--detector", detector, "--out", out, *drawn, *options)
    assert done.returncode == 0, done.stderr
    read = json.loads((out / "reads.jsonl").read_text(), parse_constant=pytest.fail)
    assert read["milliseconds"] == pytest.approx(40 * read["frame"])
    capture = cv2.VideoCapture(str(tmp_path / "drawn.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(25, abs=0.05)

from __future__ import annotations

import pickle

import numpy as np
import pytest

from lpsr_core.alphabet import encode
from lpsr_core.geometry import Box, Quad
from lpsr_run.tracking import Observation, Track, Tracker, TrackSettings


def log_probs(text: str, sure: float = 0.7, doubts: dict[int, str] | None = None) -> np.ndarray:
    """Each character with the probability `sure`; at some positions another one gets it instead."""
    said = "".join((doubts or {}).get(position, character) for position, character in enumerate(text))
    values = np.full((7, 36), (1 - sure) / 35, np.float32)
    values[np.arange(7), encode(said)] = sure
    return np.log(values)


def observe(frame: int, x: float, text: str = "ABC1D23", y: float = 50, **options: object) -> Observation:
    quad = Quad.from_box(Box(x, y, 60, 20))
    crop = np.full((20, 60, 3), frame % 256, np.uint8)
    return Observation(frame, 40.0 * frame, quad, crop, None, log_probs(text, **options))  # type: ignore[arg-type]


def test_the_sum_beats_frames_that_are_wrong() -> None:
    track = Track(0)
    # Every single frame has a mistake, each at another place.
    for frame, mistake in enumerate([{0: "X"}, {1: "Y"}, {3: "7"}, {5: "9"}]):
        track.add(observe(frame, 0, doubts=mistake))
    read = track.read()
    assert read.reading.text == "ABC1D23"
    assert read.frames == 4
    assert read.agreeing == 0
    assert (read.first, read.last) == (0, 120)
    assert read.best.frame in range(4)


def test_one_sure_frame_outweighs_two_vague_ones() -> None:
    track = Track(0)
    track.add(observe(0, 0, "ABC1D23", sure=0.99))
    track.add(observe(1, 0, "XBC1D23", sure=0.2))
    track.add(observe(2, 0, "XBC1D23", sure=0.2))
    assert track.read().reading.text == "ABC1D23"
    assert track.read().agreeing == 1


def test_the_picture_is_of_the_frame_that_is_named() -> None:
    track = Track(0)
    for frame, sure in enumerate([0.5, 0.9, 0.7]):
        track.add(observe(frame, 0, sure=sure))
    best = track.read().best
    assert best.frame == 1
    assert (best.crop == 1).all()
    assert best.milliseconds == 40


def test_a_long_track_of_vague_frames_is_not_certain() -> None:
    track = Track(0)
    track.add(observe(0, 0, sure=0.3))
    alone = track.read().reading.confidence
    for frame in range(1, 4):
        track.add(observe(frame, 0, sure=0.3))
    assert alone < track.read().reading.confidence < 0.95


def test_memory_stays_bounded() -> None:
    track = Track(0)
    rng = np.random.default_rng(0)
    for frame in range(60):
        text = "".join(rng.choice(list("ABCDEFG"), 3)) + "1D23"
        track.add(observe(frame, 0, text))
    assert len(track._best) <= 8


def test_a_month_of_plates_leaves_nothing_behind() -> None:
    tracker, sizes = Tracker(), []
    for plate in range(1000):
        start = 20 * plate
        tracker.update(start, [observe(start, 0)])
        ended = [track for frame in range(1, 20) for track in tracker.update(start + frame, [])]
        assert [track.number for track in ended] == [plate]
        sizes.append(len(pickle.dumps(tracker)))
    assert sizes[-1] <= sizes[10] + 16, "but for longer numbers"


def test_an_empty_track_says_nothing() -> None:
    with pytest.raises(ValueError, match="without frames"):
        Track(0).read()


def run(frames: list[list[Observation]], settings: TrackSettings | None = None) -> list[tuple[str, int]]:
    tracker = Tracker(settings=settings)
    ended = [track for number, frame in enumerate(frames) for track in tracker.update(number, frame)]
    ended += tracker.finish()
    return sorted((track.read().reading.text, track.read().frames) for track in ended)


def test_two_plates_that_move_apart_and_past_each_other() -> None:
    frames = [[observe(n, 20.0 * n, "ABC1D23"), observe(n, 400 - 20.0 * n, "XYZ9876", y=58)] for n in range(20)]
    assert run(frames) == [("ABC1D23", 20), ("XYZ9876", 20)]


def test_a_fast_plate_is_followed() -> None:
    assert run([[observe(n, 55.0 * n)] for n in range(8)]) == [("ABC1D23", 8)]


def test_a_gap_is_bridged_and_a_long_one_ends_the_track() -> None:
    frames = [[observe(n, 5.0 * n)] if n not in (4, 5, 6) else [] for n in range(12)]
    assert run(frames) == [("ABC1D23", 9)]
    assert run(frames, TrackSettings(missed=2)) == [("ABC1D23", 4), ("ABC1D23", 5)]


def test_a_plate_elsewhere_starts_a_track_of_its_own() -> None:
    assert run([[observe(0, 0)], [observe(1, 300)]]) == [("ABC1D23", 1), ("ABC1D23", 1)]
    assert run([[observe(0, 0, "ABC1D23")], [observe(1, 70, "XYZ9876")]]) == [("ABC1D23", 1), ("XYZ9876", 1)]

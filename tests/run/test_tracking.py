from __future__ import annotations

import itertools
import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lpsr_core.decode as decode_module
import lpsr_run.pipeline.track as track_module
from lpsr_core.alphabet import encode
from lpsr_core.decode import knowledge, plate_score
from lpsr_core.geometry import Box, Quad
from lpsr_run.pipeline.track import Observation, Track
from lpsr_run.pipeline.tracking import Tracker, TrackSettings


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


def test_what_is_known_of_a_track_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(log_probs: np.ndarray) -> np.ndarray:
        asked.append(log_probs)
        return knowledge(log_probs)

    for module in (decode_module, track_module):
        monkeypatch.setattr(module, "knowledge", counted)
    track = Track(0)
    track.add(observe(0, 0))
    read = track.read()
    assert len(asked) == 1
    assert read.knowledge == knowledge(asked[0])
    assert read.plate == plate_score(asked[0])


def test_memory_stays_bounded() -> None:
    track = Track(0)
    rng = np.random.default_rng(0)
    for frame in range(60):
        text = "".join(rng.choice(list("ABCDEFG"), 3)) + "1D23"
        track.add(observe(frame, 0, text))
    assert len(track._together.best) <= 8


def test_a_month_of_plates_leaves_nothing_behind() -> None:
    tracker, sizes = Tracker(settings=TrackSettings(absent=0.5)), []
    for plate in range(1000):
        start = 20 * plate
        tracker.update(40.0 * start, [observe(start, 0)])
        ended = [track for frame in range(1, 20) for track in tracker.update(40.0 * (start + frame), [])]
        assert [track.number for track in ended] == [plate]
        sizes.append(len(pickle.dumps(tracker)))
    assert sizes[-1] <= sizes[10] + 16, "but for longer numbers"


def test_an_empty_track_says_nothing() -> None:
    with pytest.raises(ValueError, match="without frames"):
        Track(0).read()


def run(
    frames: list[list[Observation]], settings: TrackSettings | None = None, interval: float = 40.0
) -> list[tuple[str, int]]:
    """Texts and numbers of frames of all tracks; frames are `interval` milliseconds apart."""
    tracker = Tracker(settings=settings)
    ended = [
        track
        for number, frame in enumerate(frames)
        for track in tracker.update(
            interval * number, [replace(seen, frame=number, milliseconds=interval * number) for seen in frame]
        )
    ]
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
    assert run(frames, TrackSettings(absent=0.1)) == [("ABC1D23", 4), ("ABC1D23", 5)]


def test_another_plate_elsewhere_starts_a_track_of_its_own() -> None:
    assert run([[observe(0, 0, "ABC1D23")], [observe(1, 300, "XYZ9876")]]) == [("ABC1D23", 1), ("XYZ9876", 1)]
    assert run([[observe(0, 0, "ABC1D23")], [observe(1, 70, "XYZ9876")]]) == [("ABC1D23", 1), ("XYZ9876", 1)]


@pytest.mark.parametrize("interval", [40.0, 500.0, 2000.0])
def test_two_plates_one_after_the_other_at_one_place(interval: float) -> None:
    frames = [[observe(n, 0, "ABC1D23" if n < 10 else "XYZ9876", sure=0.9)] for n in range(20)]
    assert run(frames, interval=interval) == [("ABC1D23", 10), ("XYZ9876", 10)]


@pytest.mark.parametrize("sure", [0.65, 0.75, 0.9])
@pytest.mark.parametrize("count", [4, 10, 30])
def test_plates_that_share_three_characters_and_are_read_weakly_are_two(sure: float, count: int) -> None:
    frames = [[observe(n, 0, "AAB0111" if n < count else "BBA0101", sure=sure)] for n in range(2 * count)]
    assert run(frames) == [("AAB0111", count), ("BBA0101", count)]


def test_a_plate_whose_first_frames_were_misread_is_one() -> None:
    frames = [[observe(n, 2.0 * n, sure=0.75, doubts={0: "O", 4: "8"} if n < 8 else {})] for n in range(24)]
    assert run(frames) == [("ABC1D23", 24)]


def test_a_frame_that_is_read_wrongly_stays_with_its_plate() -> None:
    frames = [[observe(n, 0, sure=0.95, doubts={2: "G", 6: "8"} if n % 3 == 2 else {})] for n in range(9)]
    assert run(frames) == [("ABC1D23", 9)]


def test_frames_that_say_nothing_go_by_the_place() -> None:
    vague = [[observe(n, 10.0 * n, "XYZ9876", sure=0.05)] for n in range(6)]
    assert len(run([*vague, [observe(6, 60, "ABC1D23")]])) == 1
    assert len(run([*vague, [observe(6, 400, "XYZ9876", sure=0.05)]])) == 2


@pytest.mark.parametrize("interval", [333.0, 1000.0, 2000.0])
def test_at_few_frames_a_second_the_text_finds_the_plate_again(interval: float) -> None:
    frames = [[observe(n, 170.0 * n, sure=0.9)] for n in range(4)]
    assert run(frames, interval=interval) == [("ABC1D23", 4)]


def test_a_plate_that_is_hidden_for_a_second_is_one_read() -> None:
    frames = [[observe(n, 8.0 * n)] if not 10 <= n < 35 else [] for n in range(45)]
    assert run(frames) == [("ABC1D23", 20)]


def test_a_plate_that_was_away_for_long_is_read_anew() -> None:
    frames = [[observe(0, 0, sure=0.9)], [observe(1, 0, sure=0.9)]]
    assert run(frames, interval=9_000.0) == [("ABC1D23", 2)]
    assert run(frames, interval=600_000.0) == [("ABC1D23", 1), ("ABC1D23", 1)]


def test_two_hundred_plates_in_one_picture_are_two_hundred_tracks() -> None:
    texts = [f"ABC{number:04d}" for number in range(200)]
    frame = [observe(0, 70.0 * (n % 20), text, y=30.0 * (n // 20)) for n, text in enumerate(texts)]
    assert run([frame, frame]) == [(text, 2) for text in texts]


def _texts(count: int) -> st.SearchStrategy[list[str]]:
    """Texts of which any two differ in at least four characters, as chance plates nearly always do."""

    def apart(texts: list[str]) -> bool:
        return all(sum(a != b for a, b in zip(*two, strict=True)) >= 4 for two in itertools.combinations(texts, 2))

    text = st.from_regex(r"[A-Z]{3}[0-9][A-Z0-9][0-9]{2}", fullmatch=True)
    return st.lists(text, min_size=1, max_size=count).filter(apart)


@given(
    texts=_texts(5),
    rate=st.sampled_from([0.5, 1.0, 3.0, 12.0, 25.0]),
    scene=st.sampled_from(["row", "crossing", "hidden"]),
    least=st.sampled_from([0.7, 0.8, 0.9]),
    seed=st.integers(0, 1 << 30),
)
def test_of_every_car_there_is_one_read_and_of_no_other(
    texts: list[str], rate: float, scene: str, least: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    lasting = max(4, round(2 * rate))
    frames: list[list[Observation]] = []
    shown = Counter[str]()

    def see(text: str, x: float, y: float = 50.0) -> Observation:
        shown[text] += 1
        wrong = shown[text] % 4 == 2  # never most of a plate's frames
        doubts = {int(rng.integers(3)): "Q" if text[0] != "Q" else "Z"} if wrong else {}
        return observe(len(frames), x, text, y=y, sure=float(rng.uniform(least, 0.97)), doubts=doubts)

    if scene == "crossing":
        for step in range(lasting):
            part = step / (lasting - 1)
            frames.append(
                [see(text, 600 * (part if n % 2 else 1 - part), 50.0 + 5 * n) for n, text in enumerate(texts)]
            )
    else:
        for text in texts:
            hidden = range(lasting // 2, lasting // 2 + max(round(rate), 1)) if scene == "hidden" else range(0)
            for step in range(lasting + len(hidden)):
                frames.append([] if step in hidden else [see(text, 3.0 * step)])
    found = run(frames, interval=1000 / rate)
    assert [text for text, _ in found] == sorted(texts)
    assert sum(count for _, count in found) == sum(map(len, frames))

"""Plates that were seen but not reported are counted and explained; cameras that fall silent end what was followed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Command, save_video, scene

from lpsr_core.alphabet import encode
from lpsr_core.geometry import Box, Image, Quad
from lpsr_run.locate.base import Location
from lpsr_run.pipeline.plate_reader import PlateBatch, PlateReader
from lpsr_run.pipeline.stream import Acceptance, PlateEvent, PlateStream
from lpsr_run.pipeline.tracking import TrackSettings
from lpsr_run.sources.base import Frame
from lpsr_run.sources.merge import Ended, Merged, Quiet
from lpsr_run.state import RunState, SourceState

LOCATION = Location(Quad.from_box(Box(20, 20, 60, 20)), 0.9)
PICTURE = np.zeros((60, 120, 3), np.uint8)


class OnePlace:
    """Finds a plate in every frame."""

    def locate(self, image: Image) -> list[Location]:
        return [LOCATION]


def reads_as(text: str, sure: float, monkeypatch: pytest.MonkeyPatch, models: Path) -> PlateReader:
    """A reader that says the same of every crop."""
    from lpsr_run.engines.backends import open_engine

    reader = PlateReader(open_engine(models / "reader.onnx", "onnxruntime", 1), super_resolve="never")
    values = np.full((7, 36), (1 - sure) / 35, np.float32)
    values[np.arange(7), encode(text)] = sure

    def read(crops: list[Image]) -> PlateBatch:
        return PlateBatch(np.stack([np.log(values)] * len(crops)), (None,) * len(crops))

    monkeypatch.setattr(reader, "read", read)
    return reader


@pytest.mark.parametrize(("sure", "frames", "why"), [(0.1, 4, "--min-confidence"), (0.85, 1, "--min-frames")])
def test_a_track_that_is_not_reported_says_why(
    sure: float, frames: int, why: str, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    told: list[tuple[PlateEvent, str]] = []
    reader = reads_as("ABC1D23", sure, monkeypatch, models)
    stream = PlateStream(
        OnePlace(),
        reader,
        acceptance=Acceptance(min_plate=0.0),
        left_out=lambda event, why: told.append((event, why)),
    )
    moving = [Frame("gate.mp4", n, 40.0 * n, PICTURE, still=False) for n in range(frames)]
    assert list(stream.reads(moving)) == []
    ((event, reason),) = told
    assert event.read.frames == frames
    assert why in reason


def test_frames_that_come_seldom_are_enough_alone(monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    def found(milliseconds: float) -> int:
        blank = iter([True, False, True, True, True])
        monkeypatch.setattr(OnePlace, "locate", lambda self, image: [] if next(blank) else [LOCATION])
        stream = PlateStream(
            OnePlace(), reads_as("ABC1D23", 0.85, monkeypatch, models), acceptance=Acceptance(min_plate=0)
        )
        frames = [Frame("gate.mp4", n, milliseconds * n, PICTURE, still=False) for n in range(5)]
        return len(list(stream.reads(frames)))

    assert (found(2000.0), found(1000.0), found(500.0), found(40.0)) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("assured", "sure", "kept"), [(0.0, 0.9, 0), (0.5, 0.9, 1), (0.5, 0.08, 0), (1.0, 0.9, 1), (1.0, 0.08, 1)]
)
def test_what_the_locator_vouches_for_needs_no_plate_score(
    assured: float, sure: float, kept: int, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    """The reader knows the characters of few countries, the locator the plates of many."""
    monkeypatch.setattr(OnePlace, "locate", lambda self, image: [replace(LOCATION, assured=assured)])
    stream = PlateStream(OnePlace(), reads_as("1234567", sure, monkeypatch, models), acceptance=Acceptance(0.0))
    reads = list(stream.reads([Frame("a.png", 0, 0.0, PICTURE, still=True)]))
    assert len(reads) == kept
    assert all(event.read.plate < 0.01 for event in reads)


@pytest.mark.parametrize(
    ("sure", "width", "min_plate", "kept"),
    [(0.03, 60, 0.5, 0), (0.03, 60, 0.0, 1), (0.05, 60, 0.5, 1), (0.03, 36, 0.5, 1)],
)
def test_where_the_reader_knows_nothing_a_sure_locator_is_wrong(
    sure: float, width: int, min_plate: float, kept: int, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    """But of plates that are too narrow to be read."""
    place = Location(Quad.from_box(Box(20, 20, width, width / 3)), 0.9, assured=1.0)
    monkeypatch.setattr(OnePlace, "locate", lambda self, image: [place])
    reader = reads_as("ABC1D23", sure, monkeypatch, models)
    stream = PlateStream(OnePlace(), reader, acceptance=Acceptance(0.0, min_plate=min_plate))
    assert len(list(stream.reads([Frame("a.png", 0, 0.0, PICTURE, still=True)]))) == kept


def live(count: int, interval: float = 200.0) -> list[Frame]:
    return [Frame("camera", n, interval * n, PICTURE, still=False, taken=1.0 + n) for n in range(count)]


def test_a_standing_car_is_told_at_once_and_at_its_end(monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    stream = PlateStream(OnePlace(), reads_as("ABC1D23", 0.999, monkeypatch, models), batch=1)
    shown = 0

    def frames() -> Iterator[Frame]:
        nonlocal shown
        for frame in live(50):
            shown += 1
            yield frame

    told = [(event.event, event.read.frames, shown, event.read.track) for event in stream.reads(frames())]
    assert told == [("first", 2, 2, 0), ("final", 50, 50, 0)]
    recorded = [replace(frame, taken=None) for frame in live(50)]
    assert [event.event for event in stream.reads(recorded)] == ["final"]
    assert [event.event for event in replace(stream, early=False).reads(live(50))] == ["final"]


def test_a_read_that_improves_is_told_again(monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    reader = reads_as("ABC1D23", 0.7, monkeypatch, models)
    vague, seen = reader.read, 0

    def read(crops: list[Image]) -> PlateBatch:
        nonlocal seen
        seen += 1
        batch = vague(crops)
        if seen > 10:
            batch.log_probs[0] = np.log(1e-6)
            batch.log_probs[0][np.arange(7), encode("ABC1D28")] = 0
        return batch

    monkeypatch.setattr(reader, "read", read)
    settings = TrackSettings(power=0.95)
    stream = PlateStream(OnePlace(), reader, batch=1, acceptance=Acceptance(min_plate=0), tracking=settings)
    told = [(event.event, event.read.reading.text, event.read.frames) for event in stream.reads(live(60))]
    assert [event for event, _, _ in told] == ["first", "update", "final"]
    assert [text for _, text, _ in told] == ["ABC1D23", "ABC1D28", "ABC1D28"]
    assert told[0][2] == 6, "not sure, and so after a second"


def test_the_command_counts_and_explains(tmp_path: Path, detector: Path, options: list[str], here: Command) -> None:
    grey = np.full((240, 320, 3), 90, np.uint8)
    video = save_video(tmp_path / "gate.mp4", [grey, scene("ABC1D23"), scene("ABC1D23")])
    config = tmp_path / "run.toml"
    config.write_text("sure = 1.0")
    arguments = ["--video", video, "--detector", detector, "--out", tmp_path / "out", "--config", config, *options]
    arguments += ["--min-plate", 0]
    done = here(*arguments)
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert done.returncode == 0
    assert report["reads"] == 1
    assert report["left_out"] == report["sources"][0]["left_out"] == 1
    assert "1 not reported; --explain tells why" in done.stdout
    done = here(*arguments, "--explain", "--quiet")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"left out: {video}: frame ")
    assert "--min-frames" in line


class Dying:
    """A camera that gives some frames and then nothing."""

    live, total = True, None

    def __init__(self, gone: threading.Event) -> None:
        self._gone = gone

    def frames(self) -> Iterator[Frame]:
        for index in range(4):
            time.sleep(0.01)
            yield Frame("camera", index, 10.0 * index, PICTURE, still=False)
        self._gone.wait()
        yield Frame("camera", 4, 5000.0, PICTURE, still=False)


def test_a_camera_that_falls_silent_ends_its_tracks(monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    monkeypatch.setattr("lpsr_run.sources.merge._QUIET_SECONDS", 0.3)
    gone = threading.Event()
    merged = Merged([Dying(gone)], RunState([SourceState("camera", True)]), threading.Event())
    items: list[object] = []

    def passing() -> Iterator[Frame | Quiet | Ended]:
        for item in merged:
            items.append(item)
            yield item

    reads = PlateStream(OnePlace(), reads_as("ABC1D23", 0.9, monkeypatch, models), batch=1).reads(passing())
    assert next(reads).read.track == 0, "while the camera is silent"
    assert [type(item) for item in items[-1:]] == [Quiet]
    gone.set()
    assert [event.read.track for event in reads] in ([1], []), "numbers go on"
    assert sum(isinstance(item, Quiet) for item in items) == 1

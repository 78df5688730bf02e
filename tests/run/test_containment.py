"""A picture, a frame, a box or a model that fails costs itself and nothing beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command, make_detector, paint, save_image, save_video, scene

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box, Image, Quad
from lpsr_run.engines.backends import open_engine
from lpsr_run.locate.base import Location
from lpsr_run.locate.bounds import sound
from lpsr_run.locate.detector import DetectorLocator
from lpsr_run.monitor.watchdog import HUNG, Watchdog
from lpsr_run.pipeline.containment import IN_A_ROW, Failures
from lpsr_run.pipeline.plate_reader import PlateReader
from lpsr_run.pipeline.stream import Acceptance, PlateStream
from lpsr_run.sources.base import Frame

FRAME = np.zeros((240, 320, 3), np.uint8)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PLATE = Quad.from_box(Box(100, 60, 120, 40))
EVERYTHING = Acceptance(min_confidence=0.0, min_frames=1, min_plate=0.0)


def located(*boxes: Box) -> list[Location]:
    return [Location(Quad.from_box(box), 0.9) for box in boxes]


@pytest.mark.parametrize(
    "box",
    [
        Box(1e30, 1e30, 1e30, 1e30),
        Box(-1e30, 0, 2e30, 40),
        Box(float("nan"), 0, 40, 20),
        Box(0, 0, float("inf"), 20),
        Box(-700, 60, 120, 40),
        Box(400, 60, 120, 40),
        Box(-320, -240, 960, 721),
    ],
)
def test_a_box_that_can_be_no_plate_is_left_out_alone(box: Box) -> None:
    kept = sound([*located(box), Location(PLATE, 0.5)], FRAME)
    assert [location.quad for location in kept] == [PLATE]


def test_boxes_of_a_frame_take_no_more_memory_than_some_frames() -> None:
    assert len(sound(located(*[Box(0, 0, 320, 240)] * 1000), FRAME)) == 8
    assert len(sound(located(*[Box(5, 5, 10, 5)] * 20_000), FRAME)) == 2000


def boxes_of(count: int, values: list[float]) -> np.ndarray:
    rows = np.zeros((1, count, 6), np.float32)
    rows[0, :, :4], rows[0, :, 4] = values, 0.8
    rows[0, 0] = 200, 200, 440, 280, 0.9, 0
    return rows


@pytest.mark.parametrize(
    "rows",
    [boxes_of(300, [-1e30, -1e30, 1e30, 1e30]), boxes_of(300, [0, 0, np.inf, 50]), boxes_of(300, [np.nan] * 4)],
    ids=["1e30", "inf", "nan"],
)
def test_a_detector_that_answers_nonsense_beside_a_plate(tmp_path: Path, rows: np.ndarray) -> None:
    pytest.importorskip("onnxruntime", reason="detectors run in ONNX Runtime")
    locator = DetectorLocator(open_engine(make_detector(tmp_path / "d.onnx", rows), "onnxruntime", 1))
    assert [location.quad.box for location in sound(locator.locate(FRAME), FRAME)] == [Box(100, 60, 120, 40)]


class Faulty:
    """Finds the plate, and fails on frames of one brightness."""

    def __init__(self, bad: Callable[[int], bool]) -> None:
        self.bad, self.count = bad, -1

    def locate(self, frame: Image) -> list[Location]:
        self.count += 1
        if self.bad(self.count):
            raise RuntimeError("CUDA error\nout of memory")
        return [Location(PLATE, 0.9)]


def frames(count: int) -> list[Frame]:
    return [Frame("v.mp4", index, 100.0 * index, scene("ABC1D34"), False) for index in range(count)]


@pytest.fixture
def reader(models: Path) -> PlateReader:
    return PlateReader(open_engine(models / "reader.onnx", "onnxruntime", 1), super_resolve="never")


def test_a_frame_on_which_a_model_fails_costs_itself(reader: PlateReader) -> None:
    lines: list[str] = []
    locator = Faulty(lambda number: number in (0, 1, 7))
    stream = PlateStream(locator, reader, acceptance=EVERYTHING, failures=Failures(lines.append))
    (event,) = stream.reads(frames(12))
    assert (event.read.reading.text, event.read.frames) == ("ABC1D34", 9)
    assert lines == [f"v.mp4: frame {n}: unexpected RuntimeError: CUDA error out of memory" for n in (0, 1, 7)]


def test_a_crop_on_which_a_network_fails_costs_its_frame(reader: PlateReader, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    read = reader.read

    def fails(crops: list[Image]) -> object:
        if any(crop[..., 2].max() == 255 for crop in crops):
            raise LpsrError("reader: failed")
        return read(crops)

    monkeypatch.setattr(reader, "read", fails)
    given = frames(12)
    given[5].image[60:100, 100:220, 2] = 255
    stream = PlateStream(Faulty(lambda n: False), reader, acceptance=EVERYTHING, failures=Failures(lines.append))
    (event,) = stream.reads(given)
    assert (event.read.reading.text, event.read.frames) == ("ABC1D34", 11)
    assert lines == ["v.mp4: frame 5: reader: failed"]


def test_a_model_that_fails_on_everything_ends_the_run(reader: PlateReader) -> None:
    lines: list[str] = []
    for count in (3, IN_A_ROW + 5):
        locator = Faulty(lambda number: True)
        stream = PlateStream(locator, reader, failures=Failures(lines.append))
        with pytest.raises(LpsrError, match="unexpected RuntimeError: CUDA error out of memory"):
            list(stream.reads(frames(count)))
        assert locator.count + 1 == min(count, IN_A_ROW)
    assert not lines, "told once, as the error"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_cost_their_crop(
    reader: PlateReader, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    engine = reader._reader
    run = engine.run

    def spoiled(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = dict(run(feeds))
        said = np.array(given["log_probs"])
        blue = feeds["image"][:, 2].mean(axis=(1, 2))
        negative = (blue < 0.1) & (feeds["image"].max(axis=(1, 2, 3)) > 0.5)
        said[(blue > 0.9) | negative, 3] = value
        return {**given, "log_probs": said}

    monkeypatch.setattr(engine, "run", spoiled)
    reader.warm_up()
    bad = paint("XYZ4321")
    bad[..., 2] = 255
    batch = reader.read([paint("ABC1D34"), bad, paint("QRS5T67")])
    assert np.isfinite(batch.log_probs).all()
    assert np.allclose(batch.log_probs[1], -np.log(36), atol=1e-5), "it says nothing"
    assert batch.log_probs[0].max() > -0.1 > batch.log_probs[1].max()
    assert reader.broken >= 1


def test_a_detector_of_1e30_ends_no_run(here: Command, options: list[str], tmp_path: Path) -> None:
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 6)
    detector = make_detector(tmp_path / "d.onnx", boxes_of(300, [-1e30, -1e30, 1e30, 1e30]))
    done = here("--video", video, "--detector", detector, "--out", tmp_path / "o", *options)
    assert done.returncode == 0, done.stderr
    (read,) = map(json.loads, (tmp_path / "o" / "reads.jsonl").read_text().splitlines())
    assert (read["text"], read["frames"]) == ("ABC1D34", 6)


def test_the_watchdog_ends_what_hangs_and_nothing_that_waits() -> None:
    told, codes, gone = list[str](), list[int](), threading.Event()

    def leave(code: int) -> None:
        codes.append(code)
        gone.set()

    def slowly() -> list[int]:
        gone.wait(0.3)  # a camera that gives no frame is no hang
        return [1]

    with Watchdog(0.1, told.append, leave) as dog:
        for _ in dog.watched(item for part in (slowly(),) for item in part):
            assert not codes
            assert gone.wait(10)
    assert codes == [HUNG]
    assert "--watchdog 0.1" in told[0]


_HANG = """
import sys, time
from lpsr_run.locate.detector import DetectorLocator
calls = []
real = DetectorLocator.locate
def locate(self, frame):
    calls.append(1)
    if len(calls) > 40:
        time.sleep(600)
    return real(self, frame)
DetectorLocator.locate = locate
from lpsr_run.cli import main
main()
"""


def test_a_model_that_hangs_ends_with_its_own_exit_code(options: list[str], detector: Path, tmp_path: Path) -> None:
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 5 + [scene("XYZ4321")] * 60)
    status = tmp_path / "status.json"
    arguments = ["--video", video, "--detector", detector, "--out", tmp_path / "o", "--watchdog", 1, "--batch", 1]
    command = [sys.executable, "-c", _HANG, *map(str, [*arguments, "--status", status, "--quiet", *options])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT)
    assert done.returncode == HUNG, done.stderr
    assert "--watchdog 1" in done.stderr
    assert json.loads(status.read_text())["status"] == "hung"
    texts = [json.loads(line)["text"] for line in (tmp_path / "o" / "reads.jsonl").read_text().splitlines()]
    assert texts == ["ABC1D34"], "what was told is there"


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_standard_streams_that_are_closed_cost_messages_and_no_read(
    options: list[str], tmp_path: Path, closed: str
) -> None:
    save_image(tmp_path / "in" / "a.png", paint("ABC1234"))
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    command = [sys.executable, "-m", "lpsr_run", "--crops", str(tmp_path / "in"), "--out", str(tmp_path / "o")]
    shut = " ".join(f"{number}>&-" for number in closed.split())
    done = subprocess.run(
        ["sh", "-c", f'"$@" {shut}', "sh", *command, *options], timeout=300, capture_output=True, env=ENVIRONMENT
    )
    assert done.returncode == 1
    (read,) = map(json.loads, (tmp_path / "o" / "reads.jsonl").read_text().splitlines())
    assert read["text"] == "ABC1234"
    assert len(json.loads((tmp_path / "o" / "run.json").read_text())["failures"]) == 1

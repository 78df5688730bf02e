from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lpsr_core.decode import Candidate
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box, Quad
from lpsr_core.reads import Read
from lpsr_run.pipeline.run import _shown
from lpsr_run.sinks import JsonLinesSink, PictureStore, Result, TableSink, set_aside
from lpsr_run.sinks.annotate import Mark, VideoSink
from lpsr_run.sinks.lines import LineSink
from lpsr_run.sources import read_image


def result(text: str = "ABC1D23") -> Result:
    characters = tuple((Candidate(character, 1.0),) for character in text)
    read = Read("a.mp4", 3, 120.0, Box(1, 2, 30, 10), text, "mercosur", 0.9, characters, 2, 1, True, None, None, 0)
    crop = np.zeros((10, 30, 3), np.uint8)
    return Result(read, 80.0, 120.0, crop, None, Quad.from_box(read.box))


def test_each_read_is_on_the_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "reads.jsonl"
    with JsonLinesSink(path) as sink:
        for count in (1, 2, 3):
            sink.append(result().read.to_json())
            lines = path.read_text().splitlines()
            assert len(lines) == count
            assert json.loads(lines[-1])["text"] == "ABC1D23"


def test_reads_are_synced_in_groups_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, synced = [100.0], []
    monkeypatch.setattr("lpsr_run.sinks.jsonl.time.monotonic", lambda: now[0])
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(now[0]))
    path = tmp_path / "reads.jsonl"
    with JsonLinesSink(path, sync_seconds=1.0) as sink:
        for count in range(1, 25):
            now[0] = 100 + count / 10
            sink.append(result().read.to_json())
            assert len(path.read_text().splitlines()) == count, "each is in the file at once"
        assert synced == [100.0, 101.0, 102.0], "the first is the name of the file in its folder"
    assert synced == [100.0, 101.0, 102.0, 102.4], "the rest at the end"


def test_a_run_without_an_end_prints_a_line_per_read_once_its_plate_is_gone(tmp_path: Path) -> None:
    told: list[str] = []
    sink = LineSink(told.append)
    seen = result()
    sink.write(replace(seen, read=replace(seen.read, event="first")))
    assert told == []
    sink.write(seen)
    assert [line.partition(" ")[2] for line in told] == ["a.mp4: ABC1D23 0.90 mercosur, 2 frames"]
    with ExitStack() as stack:
        assert isinstance(_shown(tmp_path, live=True, quiet=False, stack=stack), LineSink)
        assert isinstance(_shown(tmp_path, live=False, quiet=False, stack=stack), TableSink)
        assert _shown(tmp_path, live=True, quiet=True, stack=stack) is None


def test_reads_survive_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "reads.jsonl"

    def crash() -> None:
        with JsonLinesSink(path) as sink:
            sink.append(result().read.to_json())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with (
        pytest.raises(LpsrError, match="/dev/full: cannot be written: No space left") as caught,
        JsonLinesSink(Path("/dev/full")) as sink,
    ):
        sink.append(result().read.to_json())
    assert "\n" not in str(caught.value)


def test_an_output_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "reads.jsonl").mkdir()
    with pytest.raises(LpsrError, match="cannot be written"):
        JsonLinesSink(tmp_path / "reads.jsonl")
    (tmp_path / "pictures").write_text("a file where the folder should be")
    with pytest.raises(LpsrError, match="cannot be written"):
        PictureStore(tmp_path / "pictures", tmp_path).save("r-1", "a", np.zeros((4, 8, 3), np.uint8), None)


def test_pictures_hold_the_pixels_and_do_not_collide(tmp_path: Path) -> None:
    store = PictureStore(tmp_path / "pictures", tmp_path)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (10, 30, 3), np.uint8) for _ in range(3)]
    sr = rng.integers(0, 256, (32, 96, 3), np.uint8)
    paths = [store.save(f"r-{n}", "rtsp://***@cam/live stream", picture, sr) for n, picture in enumerate(pictures)]
    assert len({path for pair in paths for path in pair}) == 6
    for (small, large), picture in zip(paths, pictures, strict=True):
        assert large is not None
        np.testing.assert_array_equal(read_image(tmp_path / small), picture)
        np.testing.assert_array_equal(read_image(tmp_path / large), sr)


def test_an_earlier_run_is_set_aside(tmp_path: Path) -> None:
    assert set_aside(tmp_path) is None
    for count in (1, 2):
        (tmp_path / "pictures").mkdir()
        (tmp_path / "pictures" / "a.png").write_text(str(count))
        (tmp_path / "reads.jsonl").write_text("{}\n")
        assert set_aside(tmp_path) == tmp_path / f"earlier-{count}"
        assert not (tmp_path / "reads.jsonl").exists()
        assert (tmp_path / f"earlier-{count}" / "reads.earlier.jsonl").read_text() == "{}\n"
        assert (tmp_path / f"earlier-{count}" / "pictures" / "a.png").read_text() == str(count)
    assert not list(tmp_path.rglob("reads.jsonl"))


def test_the_video_keeps_its_size_when_frames_change_theirs(tmp_path: Path) -> None:
    mark = Mark(Quad.from_box(Box(10, 10, 40, 12)), "ABC1D23", 0.9, True)
    vague = Mark(Quad.from_box(Box(-20, 300, 40, 12)), "ABC1D23", 0.1, False)
    path = tmp_path / "deep" / "out.mp4"
    with VideoSink(path) as sink:
        for height, width in ((121, 161), (60, 80), (300, 100), (121, 161)):
            image = np.full((height, width, 3), 80, np.uint8)
            sink.show(image, [mark, vague])
            assert (image == 80).all(), "drawing must not touch the frame"
    capture = cv2.VideoCapture(str(path))
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (160, 120)
    count = 0
    while capture.grab():
        count += 1
    assert count == 4


@pytest.mark.parametrize(("step", "rate"), [(1000 / 12, 12.0), (0.0, 25.0), (5000.0, 0.2)])
def test_a_video_keeps_the_pace_of_its_frames(tmp_path: Path, step: float, rate: float) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path) as sink:
        for index in range(3):
            sink.show(np.zeros((120, 160, 3), np.uint8), [], index * step)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(rate, abs=0.05)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_a_video_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "out.mp4", tmp_path / "out.unknown"):
        with pytest.raises(LpsrError, match=r"out.*cannot"), VideoSink(path) as sink:
            sink.show(np.zeros((20, 20, 3), np.uint8), [])

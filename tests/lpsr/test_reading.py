"""Reads from Python are those that the command writes for the same pictures."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from comparison import agree
from toy_models import ROOT, paint, save_image, save_video, scene

import lpsr
from lpsr_core.cards import load_verified
from lpsr_core.decode import alternatives, decode
from lpsr_run.pipeline.tracking import TrackSettings
from lpsr_run.sources import read_image

TEXTS = ("ABC1234", "XYZ9Q87", "QQQ0A00")
PLATES = sorted((ROOT / "examples" / "plates").glob("*.jpg"))[:12]
GATE = ROOT / "examples" / "gate.mp4"


@pytest.fixture
def crops(tmp_path: Path) -> list[Path]:
    """Three crops, narrow and wide."""
    return [
        save_image(tmp_path / "plates" / f"{number}.png", paint(text, width))
        for number, (text, width) in enumerate(zip(TEXTS, (40, 120, 60), strict=True))
    ]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two plates after each other in the same place."""
    return save_video(tmp_path / "street.mp4", [scene(text) for text in TEXTS[:2] for _ in range(8)])


def without_detector(toys: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in toys.items() if name != "detector"}


def test_crops(reader: lpsr.Reader, toys: dict[str, Any], crops: list[Path], reads_of: Any) -> None:
    plates = reader.read_crops(crops)
    agree(plates, reads_of("--crops", crops[0].parent, **without_detector(toys)))
    assert [plate.frame for plate in plates] == [0, 1, 2]
    assert [plate.sr_image is None for plate in plates] == [False, True, False]
    assert all(plate.corners is None and plate.track is None and plate.first is None for plate in plates)


def test_a_photograph(reader: lpsr.Reader, toys: dict[str, Any], tmp_path: Path, reads_of: Any) -> None:
    path = save_image(tmp_path / "photo.png", scene("ABC1234"))
    plates = reader.read(path)
    agree(plates, reads_of("--video", path, **toys))
    (plate,) = plates
    assert np.abs(np.array(plate.corners) - [(100, 60), (220, 60), (220, 100), (100, 100)]).max() < 1
    assert plate.track is None
    assert plate.first is None


def test_a_video(reader: lpsr.Reader, toys: dict[str, Any], video: Path, reads_of: Any) -> None:
    plates = list(reader.stream(video, stride=2))
    reads = reads_of("--video", video, stride=2, **toys)
    agree(plates, reads)
    assert [plate.text for plate in plates] == list(TEXTS[:2])
    assert [(plate.track, plate.frame) for plate in plates] == [(read["track"], read["frame"]) for read in reads]
    assert [time for plate in plates for time in (plate.first, plate.last)] == pytest.approx([0, 600, 800, 1400])
    assert all(plate.time is None for plate in plates)


def test_a_folder_of_photographs(reader: lpsr.Reader, toys: dict[str, Any], tmp_path: Path, reads_of: Any) -> None:
    for text in TEXTS:
        save_image(tmp_path / "photos" / f"{text}.png", scene(text))
    plates = list(reader.stream(tmp_path / "photos"))
    agree(plates, reads_of("--video", tmp_path / "photos", **toys))
    assert sorted(plate.text for plate in plates) == sorted(TEXTS)


def test_released_networks_on_crops(released: lpsr.Reader, tmp_path: Path, reads_of: Any) -> None:
    reads = reads_of("--crops", ROOT / "examples" / "plates" / "[A-B]*.jpg", threads=1)
    assert [Path(read["source"]).name for read in reads][: len(PLATES)] == [path.name for path in PLATES]
    agree(released.read_crops(PLATES), reads[: len(PLATES)])


def test_released_networks_on_a_video(released: lpsr.Reader, reads_of: Any) -> None:
    agree(list(released.stream(GATE, stride=8)), reads_of("--video", GATE, stride=8, threads=1))


def test_fused_crops_are_summed_as_a_track_is(released: lpsr.Reader) -> None:
    calibration = load_verified(ROOT / "engines" / "models" / "lite-reader.onnx").calibration
    assert calibration is not None
    assert calibration.power != TrackSettings().power, "or a wrong power would not be seen"
    sharp = read_image(Path(PLATES[0]))
    crops = [sharp, *(cv2.GaussianBlur(sharp, (0, 0), width) for width in (1.5, 3.0))]
    plates = released.read_crops(crops)
    log_probs = released._tools.reader.read([plate.lr_image for plate in plates]).log_probs
    fused = released.fuse(crops)
    expected = log_probs.astype(np.float64).sum(axis=0) / 3**calibration.power
    assert fused.text == decode(expected).text
    assert fused.confidence == pytest.approx(decode(expected).confidence)
    assert fused.probabilities == pytest.approx(decode(expected).probabilities)
    assert [one.text for one in fused.alternatives] == [one.text for one in alternatives(expected)]
    assert fused.frames == 3
    assert fused.agreeing == sum(plate.text == fused.text for plate in plates)


def test_one_crop_fused_is_that_crop(released: lpsr.Reader) -> None:
    (alone,) = released.read_crops(PLATES[:1])
    assert released.fuse(PLATES[:1]) == alone


def test_fused_crops_name_the_one_that_agrees(reader: lpsr.Reader) -> None:
    one, other = paint("ABC1234"), paint("ABC1239")
    plate = reader.fuse([other, one, np.zeros((3, 5, 3), np.uint8), one])
    assert (plate.text, plate.frames, plate.agreeing) == ("ABC1234", 3, 2)
    assert plate.source == f"image {plate.frame}"
    np.testing.assert_array_equal(plate.lr_image, one)


def test_fuse_needs_a_crop(reader: lpsr.Reader) -> None:
    with pytest.raises(lpsr.LpsrError, match="no crop to read"):
        reader.fuse([np.zeros((3, 5, 3), np.uint8)])
    with pytest.raises(lpsr.UsageError, match=r"^fuse takes at least one image"):
        reader.fuse([])


def test_crops_of_different_plates_are_not_fused(reader: lpsr.Reader) -> None:
    with pytest.raises(lpsr.LpsrError, match=r"^fuse: the crops show different plates, and no plate is shown by most"):
        reader.fuse([paint("ABC1234"), paint("XYZ9876")])


def test_what_shows_no_plate_is_left_out_with_a_warning(reader: lpsr.Reader, caplog: pytest.LogCaptureFixture) -> None:
    digits, tiny = paint("1234567"), np.zeros((3, 5, 3), np.uint8)
    plates = reader.read_crops([digits, paint(TEXTS[0]), tiny, paint(TEXTS[1])])
    assert [(plate.frame, plate.text) for plate in plates] == [(1, TEXTS[0]), (3, TEXTS[1])]
    told = [record.message for record in caplog.records if record.name == "lpsr"]
    assert sorted(line.split(":")[0] for line in told) == ["image 0", "image 2"]


def test_every_crop_is_read_without_a_least_score(toys: dict[str, Any]) -> None:
    (plate,) = lpsr.Reader(**toys, min_plate=0.0).read_crops([paint("1234567")])
    assert plate.plate_score < 0.01


def test_a_photograph_without_plates(released: lpsr.Reader) -> None:
    assert released.read(np.full((240, 320, 3), 127, np.uint8)) == []


def test_unsure_characters_are_question_marks(toys: dict[str, Any]) -> None:
    either = paint("ABC1234") // 2 + paint("ABC1235") // 2
    (plate,) = lpsr.Reader(**toys, certain=0.9, views="one").read_crops([either])
    assert plate.certain == "ABC123?"
    assert plate.probabilities[-1] < 0.9 < min(plate.probabilities[:-1])
    (plate,) = lpsr.Reader(**toys, certain=0.1).read_crops([either])
    assert plate.certain == plate.text


def test_layouts(toys: dict[str, Any]) -> None:
    argentinian = paint("AB123CD")
    for layouts in ("brazilian, LLDDDLL", ["brazilian", "LLDDDLL"]):
        (plate,) = lpsr.Reader(**toys, layouts=layouts).read_crops([argentinian])
        assert (plate.text, plate.layout) == ("AB123CD", "LLDDDLL")


def test_closing_the_iterator_closes_the_source(reader: lpsr.Reader, video: Path) -> None:
    def reading() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("source")]

    long = save_video(video.with_name("long.mp4"), [scene(TEXTS[0])] * 8 + [scene(TEXTS[1])] * 120)
    with closing(reader.stream(long)) as plates:
        assert next(plates).text == TEXTS[0]
        assert reading() == ["source 0"]
    assert reading() == []
    with pytest.raises(StopIteration):
        next(plates)


def test_two_streams_of_one_reader_do_not_mix(reader: lpsr.Reader, video: Path, tmp_path: Path) -> None:
    other = save_video(tmp_path / "other.mp4", [scene("QQQ0A00")] * 8)
    one, two = reader.stream(video), reader.stream(other)
    assert [next(one).text, next(two).text, next(one).text] == [TEXTS[0], "QQQ0A00", TEXTS[1]]
    assert [*one, *two] == []


def test_several_sources_and_one_that_fails(reader: lpsr.Reader, video: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = video.with_name("broken.mp4")
    broken.write_bytes(b"no video")
    plates = list(reader.stream(video, broken))
    assert [plate.text for plate in plates] == list(TEXTS[:2])
    assert {plate.source for plate in plates} == {str(video)}
    assert "broken.mp4" in caplog.text
    with pytest.raises(lpsr.LpsrError, match=r"broken\.mp4"):
        list(reader.stream(broken))


def test_why_a_track_is_left_out_is_logged(toys: dict[str, Any], video: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lpsr")
    assert list(lpsr.Reader(**toys, min_plate=1.0).stream(video)) == []
    assert caplog.text.count("left out") == 2
    assert "min_plate 1)" in caplog.text
    assert "--" not in caplog.text

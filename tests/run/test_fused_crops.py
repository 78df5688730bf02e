"""Several crops of one plate are read as one; what shows no plate, or another one, is told and left out."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Command, paint, save_image

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH, encode
from lpsr_core.decode import decode
from lpsr_run.pipeline.fusion import DIFFERENT, fuse
from lpsr_run.pipeline.plate_reader import PlateBatch
from lpsr_run.sources.base import Frame


class Said:
    """Stands for a plate reader that gives known log-probabilities."""

    def __init__(self, log_probs: list[np.ndarray]) -> None:
        from lpsr_run.pipeline.clock import StageClock

        self._log_probs, self.clock = np.stack(log_probs).astype(np.float32), StageClock()

    def read(self, crops: list[np.ndarray]) -> PlateBatch:
        return PlateBatch(self._log_probs, (None,) * len(crops))


def says(text: str, probability: float) -> np.ndarray:
    """Log-probabilities that give each character of a text a probability, and the rest to all others."""
    values = np.full((PLATE_LENGTH, CLASSES), (1 - probability) / (CLASSES - 1))
    values[np.arange(PLATE_LENGTH), encode(text)] = probability
    return np.log(values)


def fused(log_probs: list[np.ndarray], power: float = 0.5, min_plate: float = 0.3):  # type: ignore[no-untyped-def]
    told: list[str] = []
    crops = [np.full((20, 60 + at, 3), 90, np.uint8) for at in range(len(log_probs))]
    frames = [Frame(f"crop {at}", 0, 0.0, crop, still=True) for at, crop in enumerate(crops)]
    found = fuse(frames, Said(log_probs), told.append, power=power, min_plate=min_plate)  # type: ignore[arg-type]
    return found, told


def test_log_probabilities_are_added_and_tempered() -> None:
    said = [says("ABC1234", 0.9), says("ABC1284", 0.6), says("ABC1234", 0.7)]
    found, told = fused(said, power=0.8, min_plate=0.0)
    assert not told
    expected = np.sum([each.astype(np.float32) for each in said], axis=0, dtype=np.float64) / 3**0.8
    np.testing.assert_allclose(found.log_probs, expected)
    assert found.event.read.reading.text == "ABC1234"
    assert found.event.read.reading.confidence == pytest.approx(decode(expected).confidence)
    assert (found.event.read.frames, found.event.read.agreeing) == (3, 2)
    assert [each.reading.text for each in found.contributions] == ["ABC1234", "ABC1284", "ABC1234"]
    assert all(each.agreement > 0 for each in found.contributions)
    likelihoods = [each.log_likelihood for each in found.contributions]
    assert likelihoods[0] == pytest.approx(np.log(0.9), abs=1e-5)
    assert likelihoods[1] < likelihoods[2]


def test_another_plate_is_told_and_left_out_wherever_it_stands() -> None:
    for place in range(4):
        said = [says("ABC1234", 0.95)] * 3
        said.insert(place, says("XYZ9876", 0.95))
        found, told = fused(said)
        assert told == [f"crop {place}: shows another plate: XYZ9876, the others ABC1234; left out"]
        assert found.event.read.frames == 3
        assert [each.left_out is None for each in found.contributions] == [at != place for at in range(4)]


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_fused_where_no_plate_is_shown_by_most(count: int) -> None:
    said = [says(text, 0.95) for text in ("ABC1234", "XYZ9876") for _ in range(count)]
    found, told = fused([*said, np.full((PLATE_LENGTH, CLASSES), -np.log(CLASSES))])
    assert (found.event, found.log_probs, found.different) == (None, None, True)
    assert [line.partition(" (")[0] for line in told] == [
        f"crop {2 * count}: shows no plate that can be read",
        DIFFERENT,
    ]
    assert [each.reading.text for each in found.contributions[:-1]] == ["ABC1234"] * count + ["XYZ9876"] * count
    assert all(each.left_out is not None for each in found.contributions)


def test_one_crop_more_than_half_is_a_majority() -> None:
    found, told = fused([says(text, 0.95) for text in ("ABC1234", "XYZ9876", "ABC1234", "QRS5678", "ABC1234")])
    assert (found.event.read.reading.text, found.event.read.frames, found.different) == ("ABC1234", 3, False)
    assert len(told) == 2


def test_the_command_fuses_no_different_plates(here: Command, options: list[str], tmp_path: Path) -> None:
    for name, text in (("a", "ABC1D34"), ("b", "XYZ4321")):
        save_image(tmp_path / "crops" / f"{name}.png", paint(text))
    done = here("--fuse", tmp_path / "crops", "--out", tmp_path / "out", *options)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"skipped: {DIFFERENT}", "error: nothing was fused"]
    assert "ABC1D34" in done.stdout
    assert "XYZ4321" in done.stdout
    lines = [json.loads(line) for line in (tmp_path / "out" / "contributions.jsonl").read_text().splitlines()]
    assert [(line["text"], line["fused"]) for line in lines] == [("ABC1D34", False), ("XYZ4321", False)]
    assert not (tmp_path / "out" / "reads.jsonl").read_text()


def test_what_shows_no_plate_is_told_and_left_out() -> None:
    digits, nothing = says("1234567", 0.95), np.full((PLATE_LENGTH, CLASSES), -np.log(CLASSES))
    found, told = fused([digits, says("ABC1234", 0.95), nothing, says("ABC1234", 0.9)])
    assert [line.partition(" (")[0] for line in told] == [
        "crop 0: shows no plate that can be read",
        "crop 2: shows no plate that can be read",
    ]
    assert found.event.read.frames == 2
    assert found.event.read.reading.text == "ABC1234"


def test_unclear_frames_of_one_plate_stay_together() -> None:
    found, told = fused([says("ABC1234", p) for p in (0.3, 0.25, 0.4, 0.35)], min_plate=0.0)
    assert not told
    assert found.event.read.frames == 4


def test_nothing_to_read() -> None:
    found, told = fused([says("1234567", 0.95)])
    assert found.event is None
    assert found.log_probs is None
    assert len(told) == 1
    assert found.contributions[0].left_out is not None


def test_the_command_writes_one_read_and_what_each_crop_contributes(
    here: Command, options: list[str], tmp_path: Path
) -> None:
    clear = paint("ABC1D34")
    for at, blur in enumerate((0.5, 1.0, 1.5)):
        save_image(tmp_path / "crops" / f"{at}.png", cv2.GaussianBlur(clear, (0, 0), blur))
    save_image(tmp_path / "other.png", paint("XYZ4321"))
    save_image(tmp_path / "tiny.png", clear[:3, :6])
    given = [word for name in ("crops", "other.png", "tiny.png") for word in ("--fuse", tmp_path / name)]
    done = here(*given, "--out", tmp_path / "out", *options)
    assert done.returncode == 1, done.stderr
    assert "other.png: shows another plate: XYZ4321, the others ABC1D34; left out" in done.stderr
    assert "tiny.png: 6x3 pixels are too few for a plate" in done.stderr
    (read,) = (json.loads(line) for line in (tmp_path / "out" / "reads.jsonl").read_text().splitlines())
    assert (read["text"], read["frames"], read["agreeing"]) == ("ABC1D34", 3, 3)
    lines = [json.loads(line) for line in (tmp_path / "out" / "contributions.jsonl").read_text().splitlines()]
    assert [(Path(line["source"]).name, line["text"], line["fused"]) for line in lines] == [
        ("0.png", "ABC1D34", True),
        ("1.png", "ABC1D34", True),
        ("2.png", "ABC1D34", True),
        ("other.png", "XYZ4321", False),
    ]
    assert lines[3]["agreement"] < -2 < lines[0]["agreement"]
    assert "text alone" in done.stdout
    assert "ABC1D34" in done.stdout


def test_it_is_what_the_python_interface_fuses(here: Command, options: list[str], models: Path, tmp_path: Path) -> None:
    import lpsr

    crops = [save_image(tmp_path / f"{at}.png", paint("ABC1D34", width)) for at, width in enumerate((96, 70, 84))]
    assert here("--fuse", f"{tmp_path}/*.png", "--out", tmp_path / "out", "--quiet", *options).returncode == 0
    read = json.loads((tmp_path / "out" / "reads.jsonl").read_text())
    reader = lpsr.Reader(
        generator=f"{models}/generator.onnx", reader=f"{models}/reader.onnx", backend="onnxruntime", threads=1
    )
    plate = reader.fuse(crops)
    assert (read["text"], read["frames"], read["source"]) == (plate.text, plate.frames, plate.source)
    assert read["confidence"] == pytest.approx(plate.confidence, abs=1e-4)


def test_wrong_usage(here: Command, options: list[str], tmp_path: Path) -> None:
    crop = save_image(tmp_path / "a.png", paint("ABC1D34"))
    for given in (
        ("--fuse", crop, "--crops", crop),
        ("--fuse", tmp_path / "none.png"),
        ("--fuse", crop, "--region", "0,0,1,1"),
    ):
        done = here(*given, "--out", tmp_path / "out", *options)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1


def test_no_plate_at_all_is_a_failure_without_a_read(here: Command, options: list[str], tmp_path: Path) -> None:
    crop = save_image(tmp_path / "a.png", paint("1234567"))
    done = here("--fuse", crop, "--out", tmp_path / "out", *options)
    assert done.returncode == 1
    assert "shows no plate that can be read" in done.stderr
    assert not (tmp_path / "out" / "reads.jsonl").read_text()

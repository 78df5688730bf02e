"""What is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_models import paint, save_image

from lpsr_bench import samples
from lpsr_core.labelled import Labelled


def test_samples_have_the_networks_sizes_and_a_seed() -> None:
    plate = Labelled(paint("ABC1234", 120), "ABC1234", Path("ABC1234.png"))
    first, again, other = (samples.make_sample(plate, "camera", seed, 0) for seed in (1, 1, 2))
    assert (first.lr.shape, first.bicubic.shape, first.hr.shape) == ((16, 48, 3), (32, 96, 3), (32, 96, 3))
    assert np.array_equal(first.lr, again.lr)
    assert not np.array_equal(first.lr, other.lr)


def test_the_painted_frame_shows_the_crops() -> None:
    crops = samples.stand_in_crops(0)
    frame = samples.paint_frame(crops, 0)
    assert frame.shape == (720, 1280, 3)
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, samples.paint_frame(crops, 0))


def test_the_packaged_plates_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "__file__", str(tmp_path / "lpsr_bench" / "samples.py"))
    assert samples.plates_folder() is None
    checkout, packaged = tmp_path / "examples" / "plates", tmp_path / "lpsr_bench" / "plates"
    save_image(checkout / "ABC1234.png", paint("ABC1234"))
    assert samples.plates_folder() == checkout
    save_image(packaged / "ABC1234.png", paint("ABC1234"))
    assert samples.plates_folder() == packaged


def test_incomplete_plates_are_left_out_and_named(tmp_path: Path) -> None:
    save_image(tmp_path / "ABC1234.png", paint("ABC1234", 120))
    save_image(tmp_path / "XYZ1234.jpg", paint("XYZ1234", 120))
    whole = (tmp_path / "XYZ1234.jpg").read_bytes()
    (tmp_path / "XYZ1234.jpg").write_bytes(whole[: len(whole) // 2])
    told: list[str] = []
    (plate,) = samples.load_plates(tmp_path, 0, told.append)
    assert plate.text == "ABC1234"
    assert len(told) == 1
    assert "XYZ1234.jpg: only the beginning" in told[0]

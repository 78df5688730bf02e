from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import paint

from lpsr_core.decode import decode, log_softmax
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import to_hr, to_tensor, with_margin
from lpsr_run.backends import open_engine
from lpsr_run.clock import StageClock
from lpsr_run.plate_reader import MARGIN, PlateReader, SuperResolve

TEXTS = ["ABC1234", "XYZ9Q87", "QQQ0A00", "KLM5555", "ZZZ9Z99", "AAA0000", "RST1B23", "BCD2E46", "FGH8I90"]
WIDTHS = [120, 40, 96, 95, 200, 48, 33, 300, 60]


def make(models: Path, super_resolve: SuperResolve = "auto", batch: int = 4) -> PlateReader:
    engines = [open_engine(models / f"{role}.onnx", "onnxruntime", 1) for role in ("reader", "generator")]
    return PlateReader(engines[0], engines[1], super_resolve, batch)


@pytest.mark.parametrize("batch", [1, 2, 4, 100])
def test_crops_of_any_size_keep_their_order(models: Path, batch: int) -> None:
    crops = [paint(text, width) for text, width in zip(TEXTS, WIDTHS, strict=True)]
    result = make(models, batch=batch).read(crops)
    assert [decode(row).text for row in result.log_probs] == TEXTS
    assert result.super_resolved.tolist() == [width < 96 for width in WIDTHS]
    for width, seen, sr in zip(WIDTHS, result.inputs, result.sr, strict=True):
        assert seen.shape == ((16, 48, 3) if width < 96 else (32, 96, 3))
        assert (sr is None) == (width >= 96)
        assert sr is None or (sr.shape == (32, 96, 3) and sr.dtype == np.uint8)


def test_the_batch_does_not_change_the_result(models: Path) -> None:
    crops = [paint(text, width) for text, width in zip(TEXTS, WIDTHS, strict=True)]
    one, many = make(models, batch=1).read(crops), make(models, batch=64).read(crops)
    np.testing.assert_allclose(one.log_probs, many.log_probs, atol=1e-3)


def test_wide_crops_are_read_in_two_views(models: Path) -> None:
    crop = np.random.default_rng(3).integers(0, 256, (66, 200, 3)).astype(np.uint8)
    reader = open_engine(models / "reader.onnx", "onnxruntime", 1)
    tight, loose = (
        reader.run({"image": to_tensor([to_hr(view)])})["log_probs"][0] for view in (crop, with_margin(crop, MARGIN))
    )
    found = make(models).read([crop]).log_probs[0]
    assert not np.allclose(tight, loose, atol=1e-4)
    np.testing.assert_allclose(found, log_softmax((tight + loose) / 2), atol=1e-5)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, atol=1e-5)


def test_super_resolution_can_be_forced_and_forbidden(models: Path) -> None:
    crops = [paint("ABC1234", 200), paint("ABC1234", 40)]
    assert make(models, "always").read(crops).super_resolved.all()
    assert not make(models, "never").read(crops).super_resolved.any()


def test_no_crops_are_an_empty_batch(models: Path) -> None:
    result = make(models).read([])
    assert len(result) == 0
    assert result.log_probs.shape == (0, 7, 36)


def test_a_crop_of_one_pixel_does_not_crash(models: Path) -> None:
    assert len(make(models).read([np.zeros((1, 1, 3), np.uint8), np.zeros((1, 500, 3), np.uint8)])) == 2


def test_a_generator_is_needed_unless_forbidden(models: Path) -> None:
    reader = open_engine(models / "reader.onnx")
    with pytest.raises(LpsrError, match="needs a generator"):
        PlateReader(reader)
    assert len(PlateReader(reader, super_resolve="never").read([paint("ABC1234", 20)])) == 1
    with pytest.raises(LpsrError, match="not a reader"):
        PlateReader(open_engine(models / "generator.onnx"), super_resolve="never")


def test_the_clock_counts_stages(models: Path) -> None:
    clock = StageClock()
    reader = PlateReader(
        open_engine(models / "reader.onnx"), open_engine(models / "generator.onnx"), "always", clock=clock
    )
    reader.read([paint("ABC1234")])
    assert all(clock.seconds[stage] > 0 for stage in ("preprocess", "generate", "read"))
    assert clock.seconds["locate"] == 0
    clock.reset()
    assert not any(clock.seconds.values())

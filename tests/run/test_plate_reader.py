from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import paint
from numpy.typing import NDArray

from lpsr_core.cards import Calibration
from lpsr_core.decode import decode, log_softmax
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import DIRECT_WIDTH, HR_SIZE, READ_SIZE, plate_width, to_tensor
from lpsr_core.layouts import DEFAULT_LAYOUTS, MERCOSUR, Layout
from lpsr_core.views import DIRECT, SUPER_RESOLVED, SuperResolve, View, Views
from lpsr_run.engines.backends import open_engine
from lpsr_run.engines.base import Engine, Passed, Pending, TensorSpec
from lpsr_run.engines.onnx_chain import OnnxChain
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine
from lpsr_run.pipeline.crops import read_crops
from lpsr_run.pipeline.plate_reader import PlateReader
from lpsr_run.sources import Frame

TEXTS = ["ABC1234", "XYZ9Q87", "QQQ0A00", "KLM5555", "ZZZ9Z99", "AAA0000", "RST1B23", "BCD2E46", "FGH8I90"]
WIDTHS = [120, 40, 96, 95, 200, 48, 33, 300, 60]


class Counting:
    """An engine that counts the rows that it is given."""

    def __init__(self, engine: Engine) -> None:
        self.name, self.inputs, self.outputs = engine.name, engine.inputs, engine.outputs
        self._engine = engine
        self.passes: list[int] = []

    def run(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.passes.append(len(next(iter(batch.values()))))
        return self._engine.run(batch)


def engines_of(models: Path) -> tuple[Engine, Engine]:
    reader, generator = (open_engine(models / f"{role}.onnx", "onnxruntime", 1) for role in ("reader", "generator"))
    return reader, generator


def make(
    models: Path,
    super_resolve: SuperResolve = "auto",
    batch: int = 4,
    layouts: tuple[Layout, ...] = DEFAULT_LAYOUTS,
    views: Views = "auto",
) -> PlateReader:
    return PlateReader(*engines_of(models), super_resolve, batch, layouts=layouts, views=views)


def unreadable(width: int = 200, height: int = 66) -> np.ndarray:
    """Halfway between two texts, with noise."""
    mixed = (paint("ABC1234", width, height).astype(int) + paint("BCD2345", width, height)) // 2
    return (mixed + np.random.default_rng(3).integers(0, 9, mixed.shape)).astype(np.uint8)


def mean_of(models: Path, crop: np.ndarray, views: list[View], temperature: float = 1.0) -> np.ndarray:
    """float32[7, 36], of the views' mean."""
    reader, generator = engines_of(models)
    found = []
    for view in views:
        tensor = to_tensor([view.of(crop, HR_SIZE)])
        sr = generator.run({"lr": tensor})["sr"] if view.super_resolved else tensor
        found.append(log_softmax(reader.run({"image": sr})["log_probs"][0] / temperature))
    return log_softmax(np.mean(found, axis=0))


@pytest.mark.parametrize("batch", [1, 2, 4, 100])
def test_crops_of_any_size_keep_their_order(models: Path, batch: int) -> None:
    crops = [paint(text, width) for text, width in zip(TEXTS, WIDTHS, strict=True)]
    result = make(models, batch=batch).read(crops)
    assert [decode(row).text for row in result.log_probs] == TEXTS
    for width, sr in zip(WIDTHS, result.sr, strict=True):
        assert (sr is None) == (width >= DIRECT_WIDTH)
        assert sr is None or (sr.shape == (32, 96, 3) and sr.dtype == np.uint8)


def test_the_batch_does_not_change_the_result(models: Path) -> None:
    crops = [paint(text, width) for text, width in zip(TEXTS, WIDTHS, strict=True)]
    one, many = make(models, batch=1).read(crops), make(models, batch=64).read(crops)
    np.testing.assert_allclose(one.log_probs, many.log_probs, atol=1e-3)


@pytest.mark.parametrize(
    ("super_resolve", "expected"),
    [("auto", [*DIRECT, *SUPER_RESOLVED]), ("always", [*SUPER_RESOLVED]), ("never", [*DIRECT])],
)
@pytest.mark.parametrize("width", [60, 200])
def test_crops_whose_first_look_is_not_sure_are_read_in_every_view(
    models: Path, super_resolve: SuperResolve, expected: list[View], width: int
) -> None:
    crop = unreadable(width)
    if super_resolve == "auto" and plate_width(crop) < DIRECT_WIDTH:  # narrow crops are not read directly
        expected = [*SUPER_RESOLVED]
    batch = make(models, super_resolve).read([paint("ABC1234", 120), crop, paint("XYZ1A23", 60)])
    np.testing.assert_allclose(batch.log_probs[1], mean_of(models, crop, expected), atol=1e-4)
    np.testing.assert_allclose(np.exp(batch.log_probs).sum(axis=2), 1, atol=1e-5)
    assert [decode(batch.log_probs[index]).text for index in (0, 2)] == ["ABC1234", "XYZ1A23"]
    assert (batch.sr[1] is None) == (super_resolve == "never")


@pytest.mark.parametrize("view", [*DIRECT, *SUPER_RESOLVED])
def test_a_view_may_show_the_negative(view: View) -> None:
    crop = paint("ABC1234", 120)
    shown, plain = view.of(crop, HR_SIZE), replace(view, inverted=False).of(crop, HR_SIZE)
    assert (shown == (255 - plain if view.inverted else plain)).all()
    assert shown.dtype == np.uint8


def test_the_picture_is_that_of_the_crop_as_it_is(models: Path) -> None:
    crop = unreadable()
    (expected,), (found,) = (make(models, way).read([crop]).sr for way in ("always", "auto"))
    assert found is not None
    assert (found == expected).all()


def test_sure_crops_are_looked_at_once_and_all_others_in_one_more_pass(models: Path) -> None:
    reader, generator = map(Counting, engines_of(models))
    plates = PlateReader(reader, generator, "always", batch=16)
    plates.read([paint("ABC1234", 60)] * 5)
    assert (reader.passes, generator.passes) == ([5], [5])
    plates.read([paint("ABC1234", 60), unreadable(60, 20), unreadable(61, 20)])
    further = 2 * (len(SUPER_RESOLVED) - 1)
    assert (reader.passes, generator.passes) == ([5, 3, further], [5, 3, further])


def test_a_mean_over_views_has_a_temperature_of_its_own(models: Path) -> None:
    crop, (reader, generator) = unreadable(200), engines_of(models)
    calibration = Calibration(temperature=0.9, views=1.7)
    found = PlateReader(reader, generator, "never", calibration=calibration).read([crop]).log_probs[0]
    plain = mean_of(models, crop, list(DIRECT), 0.9)
    np.testing.assert_allclose(found, log_softmax(plain / 1.7), atol=1e-4)


def test_crops_of_pixels_that_are_not_square_are_read_both_ways(models: Path) -> None:
    squeezed = unreadable(200)[:, ::4]
    assert squeezed.shape[1] < DIRECT_WIDTH <= plate_width(squeezed)
    found = make(models, "auto").read([squeezed]).log_probs[0]
    np.testing.assert_allclose(found, mean_of(models, squeezed, [*DIRECT, *SUPER_RESOLVED]), atol=1e-4)


def test_one_look_is_enough_where_it_is_asked_for(models: Path) -> None:
    crop = unreadable()
    found = make(models, views="one").read([crop]).log_probs[0]
    np.testing.assert_allclose(found, mean_of(models, crop, [View(False)]), atol=1e-5)


def test_a_look_is_sure_of_a_text_of_the_known_layouts(models: Path) -> None:
    """A fifth character that may be a letter or a digit is sure where the layout says which."""
    crop = (paint("ABC1A23", 210).astype(int) + paint("ABC1923", 210)) // 2
    for layouts, passes in ((DEFAULT_LAYOUTS, [1, 2]), ((MERCOSUR,), [1])):
        reader, generator = map(Counting, engines_of(models))
        PlateReader(reader, generator, "never", layouts=layouts).read([crop.astype(np.uint8)])
        assert reader.passes == passes


def test_super_resolution_can_be_forced_and_forbidden(models: Path) -> None:
    crops = [paint("ABC1234", 200), paint("ABC1234", 40)]
    assert all(sr is not None for sr in make(models, "always").read(crops).sr)
    assert make(models, "never").read(crops).sr == (None, None)


def test_no_crops_are_an_empty_batch(models: Path) -> None:
    result = make(models).read([])
    assert result.sr == ()
    assert result.log_probs.shape == (0, 7, 36)


def test_a_crop_of_one_pixel_does_not_crash(models: Path) -> None:
    assert len(make(models).read([np.zeros((1, 1, 3), np.uint8), np.zeros((1, 500, 3), np.uint8)]).sr) == 2


def test_a_generator_is_needed_unless_forbidden(models: Path) -> None:
    reader = open_engine(models / "reader.onnx")
    with pytest.raises(LpsrError, match="needs a generator"):
        PlateReader(reader)
    assert len(PlateReader(reader, super_resolve="never").read([paint("ABC1234", 20)]).sr) == 1
    with pytest.raises(LpsrError, match="not a reader"):
        PlateReader(open_engine(models / "generator.onnx"), super_resolve="never")


def test_the_clock_counts_stages(models: Path) -> None:
    reader = make(models, "always")
    reader.read([paint("ABC1234")])
    clock = reader.clock
    assert all(clock.seconds[stage] > 0 for stage in ("preprocess", "generate", "read"))
    assert clock.seconds["locate"] == 0
    clock.reset()
    assert not any(clock.seconds.values())


def test_crops_of_single_crop_batches_are_under_way_together(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small a batch, every core has one."""
    paths = [models / f"{role}.onnx" for role in ("reader", "generator")]
    reader, generator = (OnnxRuntimeEngine(path, "cpu", threads=2, rows=True) for path in paths)
    under_way, most = 0, 0
    start = OnnxChain.start

    def counted(self: OnnxChain, lr: np.ndarray) -> Pending:
        nonlocal under_way, most
        assert len(lr) == 1
        pending = start(self, lr)
        under_way += 1
        most = max(most, under_way)

        def land() -> Passed:
            nonlocal under_way
            under_way -= 1
            return pending()

        return land

    monkeypatch.setattr(OnnxChain, "start", counted)
    plates = PlateReader(reader, generator, "always", batch=1)
    frames = [Frame(f"{index}.png", 0, 0.0, paint(text, 48), still=True) for index, text in enumerate(TEXTS)]
    found = list(read_crops(frames, plates, pytest.fail))
    assert [event.read.reading.text for event in found] == TEXTS
    assert most == 3


class Listener:
    """A reader that takes pictures of any size, and notes which it was given."""

    name = "listener"
    inputs = (TensorSpec("image", (None, 3, None, None)),)
    outputs = (TensorSpec("log_probs", (None, 7, 36)),)

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def run(self, batch: Mapping[str, NDArray]) -> dict[str, NDArray]:
        self.sizes.append((batch["image"].shape[3], batch["image"].shape[2]))
        return {"log_probs": np.log(np.full((len(batch["image"]), 7, 36), 1 / 36, np.float32))}


def test_a_reader_of_larger_pictures_is_given_what_the_crop_holds(models: Path) -> None:
    reader, (_, generator) = Listener(), engines_of(models)
    PlateReader(reader, generator, views="one").read([paint(TEXTS[0], 40), paint(TEXTS[1], 150)])
    assert sorted(reader.sizes) == [HR_SIZE, READ_SIZE], "SR pictures as they are, wide crops at twice their size"

"""Degradation on tensors against `lpsr_core.degradation`, which works on one picture with OpenCV."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from torch import Tensor  # noqa: E402

from lpsr_core import degradation, geometry  # noqa: E402
from lpsr_core.degradation import Camera  # noqa: E402
from lpsr_core.metrics import ssim  # noqa: E402
from lpsr_train.data import pool as pools  # noqa: E402
from lpsr_train.data.pool import CROP_RECORD, Pool, render_pool  # noqa: E402
from lpsr_train.degradation import CropBatch, Faults, degrade, draw_faults, linear, methods  # noqa: E402  # noqa: E402
from lpsr_train.degradation.jpeg import jpeg  # noqa: E402
from lpsr_train.degradation.similarity import Similarity  # noqa: E402
from lpsr_train.plates.pairs import PlateSource, render_pair  # noqa: E402
from lpsr_train.training import batches  # noqa: E402
from lpsr_train.training import resident as residents  # noqa: E402
from lpsr_train.training.batches import to_batch, upload  # noqa: E402
from lpsr_train.training.resident import Resident, near  # noqa: E402

CPU = torch.device("cpu")
COUNT = 16
MANY = 120
"""Of which the mean is worth something: a single plate's contrast may be 5 % off."""
CROPS = [render_pair(PlateSource(), 31, index).crop for index in range(COUNT)]


def on_canvas(crops: list[NDArray[np.uint8]]) -> CropBatch:
    height, width = (max(crop.shape[axis] for crop in crops) + 7 for axis in (0, 1))
    pixels = torch.zeros(len(crops), 3, height, width)
    for index, crop in enumerate(crops):
        pixels[index, :, : crop.shape[0], : crop.shape[1]] = torch.from_numpy(crop).permute(2, 0, 1)
    sizes = torch.tensor([crop.shape[:2] for crop in crops])
    return CropBatch(pixels, sizes[:, 0], sizes[:, 1])


def picture(batch: CropBatch, index: int) -> NDArray[np.float32]:
    """One of them as [H, W, 3]; what lies beside it must be zero."""
    height, width = int(batch.heights[index]), int(batch.widths[index])
    rest = batch.pixels[index].clone()
    rest[:, :height, :width] = 0
    assert not rest.any()
    return batch.pixels[index, :, :height, :width].permute(1, 2, 0).numpy()


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_gaussians_are_opencvs() -> None:
    sigmas = torch.linspace(0.4, 12, COUNT)
    found = on_canvas(CROPS).blurred(sigmas)
    for index, crop in enumerate(CROPS):
        expected = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), float(sigmas[index]))
        assert np.abs(picture(found, index) - expected).max() < 0.05


def test_averaging_and_interpolating_are_opencvs() -> None:
    batch = on_canvas(CROPS)
    heights, widths = batch.heights // 3 + 1, batch.widths // 4 + 2
    small = batch.resized(linear.area, heights, widths, (80, 140))
    large = small.resized(linear.cubic, batch.heights, batch.widths, (190, 460))
    for index, crop in enumerate(CROPS):
        size = (int(widths[index]), int(heights[index]))
        expected = cv2.resize(crop.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        assert np.abs(picture(small, index) - expected).max() < 0.05
        back = cv2.resize(expected, (crop.shape[1], crop.shape[0]), interpolation=cv2.INTER_CUBIC)
        assert np.abs(picture(large, index) - back).max() < 0.05


def test_matrices_of_a_side_sum_to_one_where_pixels_are() -> None:
    sizes, wanted = torch.tensor([40, 7]), torch.tensor([12, 5])
    for matrix in (linear.area(sizes, wanted, 44, 16), linear.cubic(sizes, wanted, 44, 16)):
        sums = matrix.sum(dim=2)
        assert torch.allclose(sums[0, :12], torch.ones(12), atol=1e-5)
        assert torch.allclose(sums[1, :5], torch.ones(5), atol=1e-5)
        assert not sums[0, 12:].any()
        assert not matrix[1, :, 7:].any()


@pytest.mark.parametrize("shape", [(20, 60), (11, 33), (9, 56), (30, 40), (40, 250), (100, 220), (8, 20)])
def test_the_generator_is_given_what_it_is_given_in_use(shape: tuple[int, int]) -> None:
    """Resizing of crops of every ratio and size."""
    crop = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = on_canvas([crop]).to_lr()[0].permute(1, 2, 0).numpy()
    assert np.abs(found.astype(int) - geometry.to_lr(crop)).max() <= 1


def test_similarity_is_that_of_the_metrics() -> None:
    batch = on_canvas(CROPS)
    soft = batch.blurred(torch.full((COUNT,), 2.5))
    found = Similarity(batch.luma).to(soft.luma)
    expected = np.array([ssim(picture(soft, index), crop, 1.0) for index, crop in enumerate(CROPS)])
    apart = np.abs(found.numpy() - expected)
    assert np.median(apart) < 2e-4
    assert apart.max() < 0.02, "the metrics' single precision shows where pictures are flat"


@pytest.mark.parametrize("target", [0.1, 0.25, 0.6])
def test_blur_stops_at_its_target(target: float) -> None:
    curves = torch.from_numpy(np.stack([degradation.blur_curve(crop) for crop in CROPS]))
    found = methods.blur(on_canvas(CROPS), curves, torch.full((COUNT,), target))
    apart = []
    for index, crop in enumerate(CROPS):
        alike = degradation.blur_fast(crop, target)
        # The target is met before rounding, which changes the SSIM of flat and dark pictures.
        reached, there = (ssim(blurred, crop, 1.0) for blurred in (picture(found, index), alike))
        apart.append(reached - there)
        assert np.abs(picture(found, index) - alike).mean() < 8
    # `blur_fast` stops within 6 % of the narrowest Gaussian that is wide enough.
    assert 0 <= np.median(apart) < 0.02
    assert np.abs(apart).max() < 0.05


def test_crops_that_were_made_smaller_are_blurred_as_much() -> None:
    """By the curve of the crop at its own resolution, whose SSIM sees other detail."""
    crops = (render_pair(PlateSource(), 31, index).crop for index in range(MANY))
    large = [crop for crop in crops if crop.shape[1] > 300]
    assert len(large) > 30
    small = on_canvas([geometry.within(crop, pools.CROP_SIZE) for crop in large])
    curves = torch.from_numpy(np.stack([degradation.blur_curve(crop) for crop in large]))
    faults = Faults(("blur",) * len(large), np.full(len(large), 0.1, np.float32), ())
    found = degrade(small, curves, faults, generator()).permute(0, 2, 3, 1).numpy()
    expected = np.stack([geometry.to_lr(degradation.blur_fast(crop)) for crop in large])
    assert np.abs(found.astype(int) - expected).mean() < 3
    shape = tuple(part.std(axis=(1, 2, 3)).mean() for part in (found.astype(float), expected.astype(float)))
    assert shape[0] == pytest.approx(shape[1], rel=0.03), "neither sharper nor softer"


def test_curves_fall_and_reach_the_evaluations_target() -> None:
    for crop in CROPS:
        curve = degradation.blur_curve(crop)
        assert (np.diff(curve) <= 0).all()
        assert curve[0] > 0.75
        assert curve[-1] < 0.1


def test_noise_goes_on_until_its_target() -> None:
    crops = CROPS[:4]  # each takes a second
    found = methods.noise(on_canvas(crops), torch.full((len(crops),), 0.1), generator())
    reached = [ssim(picture(found, index), crop, 1.0) for index, crop in enumerate(crops)]
    others = [
        ssim(degradation.noise(crop, np.random.default_rng(index), 0.1), crop, 1.0) for index, crop in enumerate(crops)
    ]
    assert max(reached) < 0.105
    assert np.mean(reached) == pytest.approx(np.mean(others), abs=0.03)


def test_cameras_without_noise_deliver_the_same_pictures() -> None:
    """To within some grey levels; OpenCV's wide blurs are approximate at the edges, so those are left out."""
    rng = np.random.default_rng(2)
    cameras = [
        replace(Camera.random(rng), noise=0.0, quality=0, motion=0.05 * (index % 2), optics=0.008)
        for index in range(COUNT)
    ]
    assert any(each.sharpening for each in cameras)
    assert any(each.contrast != 1 for each in cameras)
    found = methods.camera(on_canvas(CROPS), cameras, generator())
    for index, crop in enumerate(CROPS):
        apart = np.abs(picture(found, index) - degradation.camera(crop, cameras[index], rng))
        assert apart[3:-3, 3:-3].max() <= 4
        assert apart.mean() < 1


def test_noise_of_cameras_is_as_strong_and_as_coloured() -> None:
    flat = [np.full((60, 180, 3), 120, np.uint8)] * 200
    camera = Camera(width=40, optics=0.01, noise=6, chroma_noise=0.3, quality=0)
    found = methods.camera(on_canvas(flat), [camera] * len(flat), generator())
    rng = np.random.default_rng(3)
    expected = np.stack([degradation.camera(crop, camera, rng) for crop in flat]).astype(np.float32) - 120
    drawn = np.stack([picture(found, index) for index in range(len(flat))]) - 120
    assert drawn.std() == pytest.approx(expected.std(), rel=0.03)
    for values in (drawn, expected):
        together = np.corrcoef(values[..., 0].ravel(), values[..., 2].ravel())[0, 1]
        assert together == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("quality", [20, 35, 50, 75, 95])
def test_jpeg_loses_what_the_library_loses(quality: int) -> None:
    rng = np.random.default_rng(4)
    cameras = [replace(Camera.random(rng), quality=0) for _ in CROPS]
    small = [degradation.camera(crop, camera, rng) for crop, camera in zip(CROPS, cameras, strict=True)]
    batch = on_canvas(small)
    canvas = [-(-int(sizes.max()) // 16) * 16 for sizes in (batch.heights, batch.widths)]
    wide = replace(batch, pixels=torch.nn.functional.pad(batch.pixels, (0, 32, 0, 32)))
    found = jpeg(wide.repeated(*canvas), torch.full((COUNT,), quality))
    apart, losses = [], []
    for index, before in enumerate(small):
        height, width = before.shape[:2]
        after = degradation.jpeg(before, quality).astype(np.float32)
        mine = found[index, :, :height, :width].permute(1, 2, 0).numpy()
        apart.append(np.abs(mine - after).mean())
        losses.append(np.abs(after - before).mean())
        assert np.abs(mine - before).mean() == pytest.approx(losses[-1], rel=0.1, abs=0.1)
    assert np.mean(apart) < 1
    assert np.mean(apart) < 0.25 * np.mean(losses)


def test_faults_are_drawn_as_the_renderer_draws_them() -> None:
    source = PlateSource()
    faults = draw_faults(4000, np.random.default_rng(6), source.degradations, source.easy, source.target)
    counts = Counter(faults.methods)
    for method, weight in source.degradations.items():
        assert counts[method] / 4000 == pytest.approx(weight, abs=0.025)
    assert len(faults.cameras) == counts["camera"]
    assert (faults.targets > source.target).mean() == pytest.approx(source.easy, abs=0.03)
    assert faults.targets.min() == np.float32(source.target)
    assert faults.targets.max() <= 0.75


def test_each_crop_gets_its_own_faults() -> None:
    """Whatever stands beside it in the batch."""
    batch = on_canvas(CROPS[:4])
    camera = Camera(width=33, optics=0.02, noise=0, quality=50)
    faults = Faults(("none", "camera", "blur", "camera"), np.full(4, 0.1, np.float32), (camera, camera))
    curves = torch.from_numpy(np.stack([degradation.blur_curve(crop) for crop in CROPS[:4]]))
    together = degrade(batch, curves, faults, generator())
    for index in range(4):
        cameras = (camera,) if faults.methods[index] == "camera" else ()
        alone = Faults((faults.methods[index],), faults.targets[[index]], cameras)
        one = degrade(on_canvas([CROPS[index]]), curves[[index]], alone, generator())
        assert (together[index].int() - one[0].int()).abs().max() <= 1
    assert np.abs(together[0].permute(1, 2, 0).numpy().astype(int) - geometry.to_lr(CROPS[0])).max() <= 1


@pytest.fixture
def crop_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pool:
    monkeypatch.setattr(pools, "SHARD", 64)  # a fourth of it
    assert list(render_pool(tmp_path / "pool", PlateSource(), 9, 24, 1, CROP_RECORD)) == [0, 16, 32]
    return Pool(tmp_path / "pool", record=CROP_RECORD)


def test_pools_of_crops_hold_the_plates_of_pairs(crop_pool: Pool) -> None:
    records = crop_pool.take(np.arange(32))
    for index in (0, 7, 31):
        pair, record = render_pair(PlateSource(), 9, index), records[index]
        assert np.array_equal(record["hr"], pair.hr)
        width, height = record["size"]
        crop = record["crop"][:height, :width]
        assert width / height == pytest.approx(pair.crop.shape[1] / pair.crop.shape[0], rel=0.05)
        assert np.abs(geometry.to_hr(crop).astype(int) - pair.hr).mean() < 6
        assert not record["crop"][height:].any()
        assert not record["crop"][:, width:].any()


def test_plates_are_degraded_anew_each_time_and_alike_for_a_seed(crop_pool: Pool) -> None:
    records = crop_pool.take(np.arange(12))
    first, again = (to_batch(records, CPU, np.random.default_rng(1)) for _ in range(2))
    assert torch.equal(first.lr, again.lr)
    assert first.lr.shape == (12, 3, 16, 48)
    assert 0 <= float(first.lr.min()) < float(first.lr.max()) <= 1
    # Without what augmentation does to every pair:
    fields = upload(records, CPU)
    poor, other = (batches._poor(fields, np.random.default_rng(seed), generator()).float() for seed in (1, 2))
    assert ((poor - other).abs().flatten(1).mean(dim=1) > 0.5).sum() >= 10


def test_lr_pictures_made_anew_are_those_of_the_plate(crop_pool: Pool) -> None:
    """They show what the HR picture shows: enlarged, they look more like it than like another plate's."""
    batch = to_batch(crop_pool.take(np.arange(16)), CPU)
    large = torch.nn.functional.interpolate(batch.lr, scale_factor=2, mode="bicubic")
    apart = (large.unsqueeze(1) - batch.hr.unsqueeze(0)).abs().mean(dim=(2, 3, 4))
    assert (apart.argmin(dim=1) == torch.arange(16)).sum() >= 12


@pytest.mark.parametrize("clahe", [False, True])
def test_records_on_a_device_make_the_same_batches(
    crop_pool: Pool, clahe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "_UPLOADED", 12)  # three parts, the last one smaller
    resident = Resident(crop_pool, CPU, clahe)
    assert len(resident) == len(crop_pool)
    there, here = (next(map(records.take, records.orders(8, 3, 5))) for records in (resident, crop_pool))
    made = to_batch(there, CPU, np.random.default_rng(1), clahe)
    expected = to_batch(here, CPU, np.random.default_rng(1), clahe)
    for name in ("lr", "hr", "target"):
        assert torch.equal(getattr(made, name), getattr(expected, name)), name


def test_records_stay_where_they_are_on_a_processor_or_where_they_do_not_fit(
    crop_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert near(crop_pool, CPU) is crop_pool
    needed = len(crop_pool) * CROP_RECORD.itemsize
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * needed - 2, 10 * needed))
    assert near(crop_pool, torch.device("cuda")) is crop_pool
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * needed, 10 * needed))
    monkeypatch.setattr(residents, "Resident", lambda *given: given)
    assert near(crop_pool, torch.device("cuda"), True) == (crop_pool, torch.device("cuda"), True)


def test_pairs_and_crops_are_not_mixed(crop_pool: Pool, tmp_path: Path) -> None:
    from lpsr_core.errors import LpsrError

    with pytest.raises(LpsrError, match="another form"):
        Pool(tmp_path / "pool")
    with pytest.raises(LpsrError, match="another source, seed or settings"):
        list(render_pool(tmp_path / "pool", PlateSource(), 9, 24, 1))


def test_a_batch_of_fields_is_that_of_its_records(crop_pool: Pool) -> None:
    records = crop_pool.take(np.arange(4))
    fields: dict[str, Tensor] = upload(records, CPU)
    assert set(fields) == {"hr", "crop", "size", "blurs", "text"}
    assert torch.equal(to_batch(fields, CPU).lr, to_batch(records, CPU).lr)


def test_a_run_on_fresh_pictures_goes_on_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As asked for at first, and as the run does when nobody says."""
    from lpsr_core.errors import LpsrError
    from lpsr_train.cli.fit import fit
    from lpsr_train.training.state import load

    monkeypatch.setattr(pools, "SHARD", 32)  # 8 crops
    small = tmp_path / "small.toml"
    small.write_text("validation = 2\nvalidate_every = 2\n")
    out, common = tmp_path / "run", {"config": small, "batch": 4, "pairs": 8, "workers": 1, "device": "cpu"}
    fit(out, steps=2, fresh=True, **common)
    assert load(out)["config"]["fresh"] is True
    assert Pool(out / "pool", record=CROP_RECORD).take(np.arange(1))["size"].all()
    fit(out, steps=4, **common)
    saved = load(out)
    assert (saved["step"], saved["config"]["fresh"]) == (4, True)
    assert all(np.isfinite(list(entry["losses"].values())).all() for entry in saved["history"])
    with pytest.raises(LpsrError, match="another fresh"):
        fit(out, steps=6, fresh=False, pool=tmp_path / "pairs", **common)
    fit(tmp_path / "other", steps=2, pool=out / "pool", **common)
    assert load(tmp_path / "other")["config"]["fresh"] is True, "as its pool is"
    small.write_text(small.read_text() + "fresh = false\n")
    with pytest.raises(LpsrError, match="another source, seed or settings"):
        fit(tmp_path / "third", steps=2, pool=out / "pool", **common)  # the file says otherwise than the pool
    fit(tmp_path / "fourth", steps=2, **common)
    assert load(tmp_path / "fourth")["config"]["fresh"] is False

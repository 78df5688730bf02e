"""The locator's training: scenes, targets, loss, the loop, the graph."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from torch.nn import functional  # noqa: E402

from lpsr_core.errors import LpsrError  # noqa: E402
from lpsr_core.geometry import Box  # noqa: E402
from lpsr_core.grid import LOOK_WIDTH, LOOK_WINDOW, read_grid  # noqa: E402
from lpsr_train.locating import fit, pool  # noqa: E402
from lpsr_train.locating.config import LocatorTraining  # noqa: E402
from lpsr_train.locating.fit import LocatorTrainer, measure  # noqa: E402
from lpsr_train.locating.mining import FalsePlaces  # noqa: E402
from lpsr_train.locating.pool import ScenePool, Taken, render_scenes  # noqa: E402
from lpsr_train.locating.targets import loss, targets  # noqa: E402
from lpsr_train.locating.views import Batch, draw_views  # noqa: E402
from lpsr_train.networks.locator import LocatorNet  # noqa: E402
from lpsr_train.scenes.scene import MOST, Scene, SceneSource, render_scene  # noqa: E402
from lpsr_train.training import state  # noqa: E402

SOURCE = SceneSource(size=(96, 96), narrowest=24, widest=70)
TINY = LocatorTraining(steps=6, batch=2, window=64, scenes=8, validate_every=3, validation=2, warmup=1, looks=2)


def test_scenes_are_the_same_whoever_renders_them_and_hold_plates() -> None:
    scenes = [render_scene(SOURCE, 1, index) for index in range(30)]
    again = render_scene(SOURCE, 1, 7)
    assert np.array_equal(scenes[7].image, again.image)
    assert np.array_equal(scenes[7].quads, again.quads)
    assert not np.array_equal(scenes[7].image, render_scene(SOURCE, 2, 7).image)
    counts = [len(scene.quads) for scene in scenes]
    assert 0 in counts
    assert max(counts) > 1
    for scene in scenes:
        assert scene.image.shape == (96, 96, 3)
        for quad in scene.quads:
            right, down = quad[1] - quad[0], quad[3] - quad[0]
            assert right[0] > 0, "corners begin at the top left"
            assert down[1] > 0, "and go round clockwise"
            assert 10 < np.linalg.norm(right) < 90


def test_plates_are_seen_where_they_are_told() -> None:
    """Pictures differ where the plate is, and little elsewhere."""
    source = SceneSource(size=(160, 160), narrowest=50, widest=80, empty=0.0, bare=0.0, motorcycles=0.0)
    inside = []
    for index in range(30):
        scene = render_scene(source, 5, index)
        grey = scene.image.astype(float).mean(axis=2)
        edges = np.abs(np.diff(grey, axis=1))
        for quad in scene.quads:
            (left, top), (right, bottom) = quad.min(axis=0).astype(int), quad.max(axis=0).astype(int)
            if left >= 0 and top >= 0 and right < 159 and bottom < 159:
                inside.append(edges[top:bottom, left:right].mean() / max(edges.mean(), 1e-6))
    assert len(inside) > 10
    assert np.median(inside) > 1.5, "characters are edges"


QUADS = torch.tensor(
    [
        [[[20.0, 20], [62, 24], [61, 38], [19, 34]], [[90, 80], [114, 80], [114, 88], [90, 88]]],
        [[[-20.0, 60], [40, 60], [40, 80], [-20, 80]], [[0, 0], [1, 0], [1, 1], [0, 1]]],
    ]
)
PRESENT = torch.tensor([[True, True], [True, False]])


def perfect(wanted) -> torch.Tensor:
    """What the network would say of these targets if it knew."""
    logit = torch.where(wanted.heat == 1, 12.0, -12.0)
    scale = 8 * torch.exp(wanted.size)
    return torch.cat([logit[:, None], wanted.size[:, None], wanted.corners / scale[:, None]], dim=1)


def test_a_grid_of_the_targets_reads_as_the_plates() -> None:
    wanted = targets(QUADS, PRESENT, 128, 128)
    grid = LocatorNet.place(perfect(wanted)).numpy()
    corners, _ = read_grid(grid[0], 0.5)
    found = sorted(corners.tolist())
    assert np.allclose(found, sorted(QUADS[0].tolist()), atol=1e-3)
    assert len(read_grid(grid[1], 0.5)[1]) == 0, "a plate that the border cuts is not asked for"
    assert wanted.ignored[1].sum() > 0
    assert wanted.weight.sum() == pytest.approx(2.0), "each plate weighs one"


def test_the_loss_falls_to_nothing_and_has_gradients_everywhere() -> None:
    wanted = targets(QUADS, PRESENT, 128, 128)
    assert sum(value.item() for value in loss(perfect(wanted), wanted).values()) < 1e-3
    raw = torch.zeros(2, 10, 16, 16, requires_grad=True)
    terms = loss(raw, wanted)
    torch.stack(list(terms.values())).sum().backward()
    assert raw.grad is not None
    assert (raw.grad[:, 0] != 0).float().mean() > 0.9
    cells = wanted.weight[:, None] > 0
    assert (raw.grad[:, 2:] != 0)[cells.expand(-1, 8, -1, -1)].all()
    assert not (raw.grad[:, 2:] != 0)[~cells.expand(-1, 8, -1, -1)].any()
    moved = perfect(wanted)
    moved[:, 2:] += 0.1
    assert loss(moved, wanted)["corners"] > 0.05


def test_finds_are_counted() -> None:
    quad = np.array([[20, 20], [60, 20], [60, 33], [20, 33]], np.float32)
    cut = np.array([[80, 60], [120, 60], [120, 73], [80, 73]], np.float32)
    scene = Scene(np.zeros((96, 96, 3), np.uint8), np.stack([quad, cut]))

    class Told(torch.nn.Module):
        def __init__(self, *quads: np.ndarray) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))
            self.quads = quads

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            grid = torch.zeros(1, 9, 12, 12)
            grid[:, 0] = -9
            for each in self.quads:
                column, row = (int(value) for value in each.mean(axis=0) // 8)
                grid[0, 0, row, column] = 3
                middle = (np.array([column, row]) + 0.5) * 8
                grid[0, 1:, row, column] = torch.from_numpy((each - middle).reshape(-1).astype(np.float32))
            return grid

    assert (measure(Told(quad), [scene]).recall, measure(Told(quad), [scene]).precision) == (1.0, 1.0)
    shifted = measure(Told(quad + 2), [scene])
    assert (shifted.hits, shifted.false) == (1, 0)
    assert shifted.corner_error == pytest.approx(np.sqrt(8) / 40)
    wrong = measure(Told(quad + np.float32(30)), [scene])
    assert (wrong.plates, wrong.hits, wrong.false) == (1, 0, 1)
    assert measure(Told(), [scene]).recall == 0


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScenePool:
    monkeypatch.setattr(pool, "SHARD", 4)
    list(render_scenes(tmp_path / "pool", SOURCE, 1, 8, 1))
    return ScenePool(tmp_path / "pool", SOURCE, 8)


def test_views_depend_on_the_generator_alone_and_show_plates_where_they_are_told(scenes: ScenePool) -> None:
    assert len(scenes) == 8

    def views(seed: int) -> Batch:
        return draw_views(scenes.take, len(scenes), 8, (64, 64), torch.Generator().manual_seed(seed))

    first, again, other = views(1), views(1), views(2)
    assert first.pictures.shape == (8, 3, 64, 64)
    assert torch.equal(first.quads, again.quads)
    assert not torch.equal(first.quads, other.quads)
    there = first.quads[first.present]
    assert len(there) > 0
    assert ((there.amax(dim=1) > 0) & (there.amin(dim=1) < 64)).all()
    assert (first.present | ~first.asked).all(), "nothing is asked for that is not there"


def test_views_move_corners_as_they_move_pixels() -> None:
    """A white plate on black: the mean place of what is white is the middle of the corners."""
    quad = np.array([[40, 44], [72, 40], [74, 52], [42, 56]], np.float32)
    image = np.zeros((1, 96, 96, 3), np.uint8)
    cv2.fillPoly(image[0], [np.round(quad).astype(np.int32)], (255, 255, 255))
    quads = np.zeros((1, MOST, 4, 2), np.float32)
    quads[0, 0] = quad

    def take(indices: torch.Tensor) -> Taken:
        many = len(indices)
        told = torch.from_numpy(quads).repeat(many, 1, 1, 1)
        return Taken(torch.from_numpy(image).repeat(many, 1, 1, 1), told, torch.ones(many, dtype=torch.int64))

    batch = draw_views(take, 1, 40, (96, 96), torch.Generator().manual_seed(3))
    checked = 0
    for picture, places, asked in zip(batch.pictures, batch.quads, batch.asked, strict=True):
        inside = (places > 4).all(dim=2).all(dim=1) & (places < 92).all(dim=2).all(dim=1) & asked
        grey = picture.mean(dim=0).numpy()
        for place in places[inside].numpy():
            mask = np.zeros(grey.shape, np.uint8)
            cv2.fillPoly(mask, [np.round(place).astype(np.int32)], 1)
            ring = cv2.dilate(mask, np.ones((5, 5), np.uint8)) - cv2.dilate(mask, np.ones((3, 3), np.uint8))
            core = cv2.erode(mask, np.ones((3, 3), np.uint8))
            if core.sum() > 12 and grey.std() > 0.1:
                checked += 1
                assert grey[core > 0].mean() > grey[ring > 0].mean() + 0.08
    assert checked > 10


def test_false_plates_are_shown_again(scenes: ScenePool) -> None:
    """What is seen at a place of a view comes back as that place of its scene."""
    hard = FalsePlaces()
    assert [len(part) for part in hard.draw(3, torch.Generator())] == [0, 0]
    batch = draw_views(scenes.take, len(scenes), 8, (64, 64), torch.Generator().manual_seed(1))
    nothing = targets(batch.quads, torch.zeros_like(batch.present), 64, 64)
    logits = torch.full((8, 8, 8), -5.0)
    logits[:, 2, 5] = 1.0  # x 44, y 20
    hard.note(logits, nothing, batch.scenes, batch.matrix)
    plain = batch.scenes >= 0
    assert len(hard.places) == plain.sum() == 6, "views of several scenes are left out"
    back = (
        torch.linalg.inv(batch.matrix[plain])
        @ functional.pad(hard.places[:, 1:].float(), (0, 1), value=1.0)[:, :, None]
    )
    assert torch.allclose(back[:, :2, 0] / back[:, 2:, 0], torch.tensor([44.0, 20.0]), atol=0.05)
    again = draw_views(scenes.take, len(scenes), 50, (64, 64), torch.Generator().manual_seed(2), hard)
    told = {int(scene): hard.places[hard.places[:, 0] == scene, 1:] for scene in again.scenes[:6]}
    for scene, matrix in zip(again.scenes[:6], again.matrix[:6], strict=True):
        places = functional.pad(told[int(scene)].float(), (0, 1), value=1.0)[:, :, None]
        seen = (torch.linalg.inv(matrix) @ places)[:, :, 0]
        seen = seen[:, :2] / seen[:, 2:]
        assert ((seen > -8) & (seen < 72)).all(dim=1).any(), "it lies in the view"
    right = targets(QUADS, PRESENT, 128, 128)
    other = FalsePlaces()
    other.note(perfect(right)[:, 0], right, torch.tensor([0, 1]), torch.eye(3).repeat(2, 1, 1))
    assert len(other.places) == 0, "plates that are there are no false ones"


def test_second_looks_show_a_plate_in_the_middle_at_one_size(scenes: ScenePool) -> None:
    width, height = LOOK_WINDOW
    batch = draw_views(scenes.take, len(scenes), 60, LOOK_WINDOW, torch.Generator().manual_seed(4), looks=True)
    assert batch.pictures.shape == (60, 3, height, width)
    assert (batch.scenes >= 0).all(), "none is of four scenes"
    middles = batch.quads.mean(dim=2) / torch.tensor([width, height])
    wide = (batch.quads[:, :, 1] - batch.quads[:, :, 0]).norm(dim=-1) / LOOK_WIDTH
    central = ((middles - 0.5).abs() < 0.15).all(dim=2) & (wide > 0.4) & (wide < 2.2) & batch.present
    filled = torch.tensor([int(scenes.take(scene[None]).counts[0]) > 0 for scene in batch.scenes])
    assert central.any(dim=1)[filled].float().mean() > 0.9


def test_a_pool_takes_up_what_is_added(scenes: ScenePool, tmp_path: Path) -> None:
    list(render_scenes(tmp_path / "pool", SOURCE, 1, 16, 1))
    assert scenes.refresh() == 8, "no more than was asked for"
    more = ScenePool(tmp_path / "pool", SOURCE, 100)
    assert len(more) == 16
    taken = more.take(torch.tensor([0, 15]))
    last = render_scene(SOURCE, 1, 15)
    assert np.array_equal(taken.images[1].numpy(), last.image)
    assert np.array_equal(taken.quads[1, : len(last.quads)].numpy(), last.quads)
    assert taken.counts[1] == len(last.quads)


def weights(folder: Path) -> list[torch.Tensor]:
    return [value for value in fit.load_locator(folder)[0].state_dict().values() if value.is_floating_point()]


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(scenes: ScenePool, tmp_path: Path) -> None:
    samples = fit.validation_scenes(2, SOURCE)

    def train(folder: str, until: int) -> LocatorTrainer:
        (tmp_path / folder).mkdir(exist_ok=True)
        trainer = LocatorTrainer(TINY, tmp_path / folder, torch.device("cpu"))
        trainer.resume()
        trainer.run(scenes, samples, lambda step, losses: None, lambda: trainer.step >= until)
        return trainer

    whole = train("whole", 6)
    assert len(whole.history) == 2
    train("parts", 4)
    assert train("parts", 6).step == 6
    pairs = zip(weights(tmp_path / "whole"), weights(tmp_path / "parts"), strict=True)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)
    (tmp_path / "both").mkdir()
    state.save(tmp_path / "both", fit.mean_locator([tmp_path / "whole", tmp_path / "parts"]))
    pairs = zip(weights(tmp_path / "whole"), weights(tmp_path / "both"), strict=True)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in pairs), "the mean of two alike"
    other = LocatorTrainer(replace(TINY, rate=1.0), tmp_path / "whole", torch.device("cpu"))
    with pytest.raises(LpsrError, match="holds another run"):
        other.resume()


def test_the_network_learns_what_one_plate_looks_like() -> None:
    torch.manual_seed(0)
    source = replace(SOURCE, empty=0.0, bare=1.0, motorcycles=0.0)
    scenes = (render_scene(source, 3, index) for index in range(50))
    scene = next(each for each in scenes if len(each.quads) == 1 and each.quads.min() > 0 and each.quads.max() < 95)
    network = LocatorNet()
    picture = torch.from_numpy(scene.image).permute(2, 0, 1)[None].float() / 255
    quads = torch.from_numpy(scene.quads)[None]
    wanted = targets(quads, torch.ones(1, len(scene.quads), dtype=torch.bool), 96, 96)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(60):
        total = torch.stack(list(loss(network.raw(picture), wanted).values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    corners, scores = read_grid(network(picture).detach().numpy()[0], 0.5)
    assert len(scores) == 1
    (left, top), (right, bottom) = corners[0].min(axis=0), corners[0].max(axis=0)
    (x, y), (u, v) = scene.quads[0].min(axis=0), scene.quads[0].max(axis=0)
    assert Box(left, top, right - left, bottom - top).iou(Box(x, y, u - x, v - y)) > 0.7


def test_the_command_trains_and_the_graph_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript", reason="exporting needs onnxscript (the train extra)")
    pytest.importorskip("onnxruntime", reason="graphs are checked in ONNX Runtime")
    from lpsr_export.cli import app as export
    from lpsr_export.graph.graphs import load_graph
    from lpsr_export.weights import export_locator
    from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine
    from lpsr_run.locate.network import NetworkLocator
    from lpsr_train.cli import app

    monkeypatch.setattr(pool, "SHARD", 4)
    arguments = ["--steps", "2", "--batch", "2", "--scenes", "4", "--validation", "2", "--workers", "1"]
    run = tmp_path / "run"
    done = CliRunner().invoke(app, ["locator", "--out", str(run), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "recall" in done.output
    again = ["locator", "--out", str(tmp_path / "more"), "--init", str(run), "--pool", str(run / "pool"), *arguments]
    assert CliRunner().invoke(app, again, catch_exceptions=False).exit_code == 0
    sizes = {}
    for store in ("float32", "float16"):
        out = tmp_path / store
        made = ["locator", "--weights", str(run), "--out", str(out), "--name", "lite", "--scenes", "2"]
        done = CliRunner().invoke(export, [*made, "--store", store], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        card = json.loads((out / "lite-locator.json").read_text())
        assert card["role"] == "locator"
        assert card["parameters"] <= 2_000_000
        locator = NetworkLocator(OnnxRuntimeEngine(out / "lite-locator.onnx", "cpu"))
        assert isinstance(locator.locate(render_scene(SOURCE, 1, 1).image), list)
        sizes[store] = (out / "lite-locator.onnx").stat().st_size
        # Converting takes longer than all the rest, and is no different the second time.
        whole = load_graph(out / "lite-locator.onnx")
        monkeypatch.setattr(export_locator, "_graph", lambda _, whole=whole: whole)
    assert sizes["float16"] < 0.65 * sizes["float32"]


def test_spoiled_weights_are_not_written_over_good_ones(scenes: ScenePool, tmp_path: Path) -> None:
    """A loss is looked at now and then only; a run that is stopped or validated between must not save what it did."""
    trainer = LocatorTrainer(TINY, tmp_path, torch.device("cpu"))
    trainer.save()
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    with torch.no_grad():
        next(trainer.network.parameters()).fill_(float("nan"))
    with pytest.raises(LpsrError, match=f"not a number; the last good checkpoint is kept in {tmp_path}"):
        trainer.run(scenes, [], lambda step, losses: None, lambda: trainer.step >= 1)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept
    with pytest.raises(LpsrError, match="not a number"):
        trainer.save_weights()
    assert not (tmp_path / "weights").exists()


def test_a_run_that_is_killed_while_it_validates_has_lost_no_step(
    scenes: ScenePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    trainer = LocatorTrainer(TINY, tmp_path, torch.device("cpu"))
    monkeypatch.setattr(fit, "measure", killed)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(scenes, [], lambda step, losses: None, lambda: False)
    again = LocatorTrainer(TINY, tmp_path, torch.device("cpu"))
    assert again.resume()
    assert again.step == TINY.validate_every

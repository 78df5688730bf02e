"""An auxiliary reader's say in what the generator makes, and what such a reader and a judge are trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from typer.testing import CliRunner  # noqa: E402

from lpsr_core.errors import UsageError  # noqa: E402
from lpsr_core.geometry import to_images, to_tensor  # noqa: E402
from lpsr_train.cli import app  # noqa: E402
from lpsr_train.config import PRESETS, RENAMED, Schedule, TrainConfig, from_dict  # noqa: E402
from lpsr_train.plates.pairs import PlateSource, render_pair  # noqa: E402
from lpsr_train.training.batches import Batch  # noqa: E402
from lpsr_train.training.filters import smoothed  # noqa: E402
from lpsr_train.training.losses import lcofl, opinion  # noqa: E402
from lpsr_train.training.state import CHECKPOINT  # noqa: E402
from lpsr_train.training.tasks.reading import graded  # noqa: E402
from lpsr_train.training.trainer import Trainer, load_trained  # noqa: E402
from lpsr_train.validation.rates import Sample, enlarge  # noqa: E402

CPU = torch.device("cpu")
RUN = TrainConfig(steps=4, batch=8, warmup=1, guide_from=1, bf16=False, open_share=0.0)


@pytest.fixture(scope="module")
def batch() -> Batch:
    rng = np.random.default_rng(5)
    lr, hr = (torch.from_numpy(rng.random((8, 3, h, 3 * h), np.float32)) for h in (16, 32))
    return Batch(lr, hr, torch.from_numpy(rng.integers(0, 36, (8, 7))))


def trainer_with_auxiliary(folder: Path, fraction: float, schedule: Schedule) -> Trainer:
    other = Trainer(replace(RUN, task="reader-any", reader="multi-task", seed=3), folder / "other", CPU)
    other.folder.mkdir(parents=True, exist_ok=True)
    other.save()
    config = replace(RUN, auxiliary_run="other", auxiliary_reader="multi-task", auxiliary=fraction, schedule=schedule)
    trainer = Trainer(config, folder / "run", CPU)
    trainer.folder.mkdir(exist_ok=True)
    trainer.take(other.folder, "reader", "auxiliary")
    trainer.step = 5  # readers have their full say
    return trainer


def test_a_fraction_of_the_auxiliary_opinion_counts() -> None:
    rng = np.random.default_rng(0)
    own, others = (torch.from_numpy(rng.standard_normal((2, 7, 36))).log_softmax(2) for _ in range(2))
    target, weights = torch.from_numpy(rng.integers(0, 36, (2, 7))), torch.ones(36)
    picture = torch.rand(2, 3, 32, 96)
    terms = lcofl(RUN.losses, own, target, weights, picture, picture)
    theirs = opinion(RUN.losses, others, target, weights)
    mixed = terms.heard(theirs, 0.25)
    assert float(mixed.classification) == pytest.approx(0.75 * float(terms.classification) + 0.25 * float(theirs[0]))
    assert float(mixed.layout) == pytest.approx(0.75 * float(terms.layout) + 0.25 * float(theirs[1]))
    assert mixed.pixel is terms.pixel


@pytest.mark.parametrize("schedule", ["together", "alternate"])
def test_the_generator_learns_through_an_auxiliary_reader_that_stays_as_it_is(
    batch: Batch, tmp_path: Path, schedule: Schedule
) -> None:
    made = {}
    for fraction in (0.0, 1.0):
        trainer = trainer_with_auxiliary(tmp_path / str(fraction), fraction, schedule)
        auxiliary = trainer.networks["auxiliary"]
        before = {name: tensor.clone() for name, tensor in auxiliary.state_dict().items()}
        assert trainer.train_step(batch)["classification"] > 0
        assert all(torch.equal(tensor, before[name]) for name, tensor in auxiliary.state_dict().items())
        made[fraction] = trainer.networks["generator"].exit.weight.detach().clone()
    assert not torch.equal(made[0.0], made[1.0])  # the same first weights and batch: only the opinion differs


def test_a_run_with_an_auxiliary_reader_is_resumed_and_loaded(batch: Batch, tmp_path: Path) -> None:
    trainer = trainer_with_auxiliary(tmp_path, 0.5, "together")
    trainer.train_step(batch)
    trainer.save()
    again = Trainer(trainer.config, trainer.folder, CPU)
    assert again.resume()
    assert not any(parameter.requires_grad for parameter in again.networks["auxiliary"].parameters())
    assert trainer.train_step(batch) == again.train_step(batch)
    assert load_trained(trainer.folder).reader.config == trainer.networks["reader"].config


def test_runs_with_the_earlier_names_are_resumed(batch: Batch, tmp_path: Path) -> None:
    trainer = trainer_with_auxiliary(tmp_path, 0.5, "together")
    trainer.train_step(batch)
    trainer.save()
    path = trainer.folder / CHECKPOINT
    saved = torch.load(path, weights_only=True)
    earlier = {new: old for old, new in RENAMED.items()}
    saved["config"] = {earlier.get(key, key): value for key, value in saved["config"].items()}
    saved["networks"]["second"] = saved["networks"].pop("auxiliary")
    assert {"second", "second_run", "second_reader", "focus"} <= saved["config"].keys()
    torch.save(saved, path)
    again = Trainer(trainer.config, trainer.folder, CPU)
    assert again.resume()
    assert trainer.train_step(batch) == again.train_step(batch)


def test_earlier_names_of_options_are_taken() -> None:
    assert from_dict({"focus": True, "second": 0.25}) == replace(TrainConfig(), hard_sampling=True, auxiliary=0.25)
    with pytest.raises(UsageError, match="twice"):
        from_dict({"focus": True, "hard_sampling": False})
    assert PRESETS["second"] == PRESETS["auxiliary"]


def test_pictures_of_every_grade_lie_between_poor_and_sharp() -> None:
    rng = np.random.default_rng(1)
    poor, sharp = (torch.from_numpy(rng.random((16, 3, 32, 96), np.float32)) for _ in range(2))
    images = graded(poor, sharp)
    for place in (0, 2, 8, 10):
        assert torch.equal(images[place], sharp[place])
    assert torch.allclose(images[7], poor[7])
    near = [float((image - good).abs().mean()) for image, good in zip(images, sharp, strict=True)]
    assert near[4] < near[5] < near[6] < near[7]
    assert 0 < near[1] < near[3]
    assert torch.equal(graded(poor[:3], sharp[:3]), images[:3])


def test_smoothing_leaves_no_checkers_and_keeps_what_is_even() -> None:
    rows, columns = np.indices((32, 96))
    checkers = torch.from_numpy(np.stack([(rows + columns) % 2, rows % 2, columns % 2]).astype(np.float32))[None]
    found = smoothed(checkers)
    assert torch.allclose(found[..., 1:-1, 1:-1], torch.full((1, 3, 30, 94), 0.5))
    even = torch.full((2, 3, 32, 96), 0.3)
    assert torch.allclose(smoothed(even, (1, 4, 6, 4, 1)), even)
    point = torch.zeros(1, 1, 5, 5)
    point[..., 2, 2] = 1
    assert torch.equal(smoothed(point)[0, 0, 1:4, 1:4] * 16, torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]))


def trainer_with_shown(folder: Path, share: float) -> Trainer:
    other = Trainer(replace(RUN, seed=4), folder / "lite", CPU)
    other.folder.mkdir(parents=True, exist_ok=True)
    other.save()
    config = replace(RUN, task="reader-any", shown_run="lite", shown_generator="lite", shown=share)
    trainer = Trainer(config, folder / "run", CPU)
    trainer.folder.mkdir(exist_ok=True)
    trainer.take(other.folder, "generator", "shown")
    return trainer


def test_a_reader_is_shown_a_share_of_super_resolved_pictures(
    batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_with_shown(tmp_path, 0.25)
    seen = []
    reader = trainer.networks["reader"]
    monkeypatch.setattr(reader, "forward", lambda images, read=reader.forward: seen.append(images) or read(images))
    generator = trainer.networks["shown"]
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    trainer.train_step(batch)
    made = generator(batch.lr[:2]).clamp(0, 1)
    assert torch.allclose(seen[0][:2], made, atol=1e-6)
    assert torch.equal(seen[0][2:], graded(enlarge(batch.lr[2:]), batch.hr[2:]))
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())
    assert not trainer.task.learning.count("shown")


def test_a_reader_of_shown_pictures_is_judged_by_them_resumed_and_loaded(batch: Batch, tmp_path: Path) -> None:
    trainer = trainer_with_shown(tmp_path, 0.5)
    trainer.train_step(batch)
    trainer.save()
    again = Trainer(trainer.config, trainer.folder, CPU)
    assert again.resume()
    assert trainer.train_step(batch) == again.train_step(batch)
    assert load_trained(trainer.folder).generator is None  # what it was shown is not what it trained
    pairs = render_pair(PlateSource(), 1, 0)
    found = trainer.validate({"blur": [Sample(pairs.lr, pairs.hr, pairs.text)] * 2})
    with torch.no_grad():
        made = trainer.networks["shown"].eval()(torch.from_numpy(to_tensor([pairs.lr])))
    assert np.array_equal(found["blur"].sr[0], to_images(made.numpy())[0])
    assert set(trainer.history[-1]["rates"]) == {"sr, blur", "hr"}


def test_other_runs_pictures_come_from_a_generators_run(tmp_path: Path) -> None:
    other = Trainer(replace(RUN, task="reader-any", reader="multi-task"), tmp_path / "judge", CPU)
    other.folder.mkdir()
    other.save()
    command = ["fit", "--preset", "judge", "--out", str(tmp_path / "run"), "--shown", str(other.folder)]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, UsageError)
    assert "name one that trained a generator" in str(done.exception)
    assert not (tmp_path / "run").exists()

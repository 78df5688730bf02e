"""Plates that are misread come more often than those that are read."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError  # noqa: E402
from lpsr_train.config import Schedule, TrainConfig  # noqa: E402
from lpsr_train.data import pool as pools  # noqa: E402
from lpsr_train.data.pool import Pool, render_pool  # noqa: E402
from lpsr_train.plates.pairs import PlateSource  # noqa: E402
from lpsr_train.training.batches import Batch, to_batch  # noqa: E402
from lpsr_train.training.hard_sampling import HardSampling  # noqa: E402
from lpsr_train.training.tasks import Moment  # noqa: E402
from lpsr_train.training.trainer import Trainer  # noqa: E402

CPU = torch.device("cpu")
SMALL = TrainConfig(
    steps=5, batch=8, warmup=2, guide_from=1, validate_every=5, pairs=32, validation=6, bf16=False, hard_sampling=True
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("pool")
    patch = pytest.MonkeyPatch()
    patch.setattr(pools, "SHARD", 16)
    list(render_pool(folder, PlateSource(), 1, 32, 1))
    yield Pool(folder)
    patch.undo()


def test_plates_come_as_often_as_they_are_misread() -> None:
    sampling = HardSampling(np.ones(1000, np.float32))
    sampling.note(np.arange(500), np.full(500, np.log(0.9)))
    orders = list(islice(sampling.orders(50, seed=4), 200))
    assert all(len(np.unique(order)) == 50 for order in orders), "no plate twice in a batch"
    read = np.mean([np.mean(order < 500) for order in orders])
    assert 0.07 < read < 0.14, "a tenth as likely to be misread, and little more"
    assert len(np.unique(np.concatenate(orders))) > 900, "none is given up"


def test_batches_depend_on_what_was_noted_seed_and_step_alone() -> None:
    misread = np.linspace(0, 1, 100, dtype=np.float32)
    whole = list(islice(HardSampling(misread).orders(10, seed=4), 6))
    later = list(islice(HardSampling(misread).orders(10, seed=4, start=4), 2))
    assert np.array_equal(whole[4:], later)
    assert not np.array_equal(whole[0], next(HardSampling(misread).orders(10, seed=5)))


def test_a_text_that_is_certain_is_not_less_than_never_misread() -> None:
    sampling = HardSampling(np.ones(3, np.float32))
    sampling.note(np.array([2, 0]), np.array([1e-3, -50.0]))
    assert sampling.misread.tolist() == [1.0, 1.0, 0.0]


def test_a_pool_smaller_than_a_batch_is_one_line() -> None:
    with pytest.raises(LpsrError, match="more than the pool"):
        next(HardSampling(np.ones(5, np.float32)).orders(6, 1))


def test_a_run_notes_how_its_super_resolved_plates_were_read(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(replace(SMALL, steps=1), tmp_path, CPU)
    read = torch.log(torch.arange(1, 7) / 10)

    def reads(_: Batch, moment: Moment) -> dict[str, float]:
        moment.read(read)
        return {"reader": 0.5}

    monkeypatch.setattr(trainer.task, "train_step", reads)
    trainer.run(pool)
    order = next(HardSampling(np.ones(len(pool), np.float32)).orders(SMALL.batch, SMALL.seed))
    assert trainer.hard_sampling is not None
    assert np.allclose(trainer.hard_sampling.misread[order[:6]], 1 - np.arange(1, 7) / 10, atol=1e-6)
    others = np.setdiff1d(np.arange(len(pool)), order[:6])
    assert (trainer.hard_sampling.misread[others] == 1).all()


@pytest.mark.parametrize("schedule", ["alternate", "together"])
def test_the_task_tells_how_likely_each_text_was(pool: Pool, tmp_path: Path, schedule: Schedule) -> None:
    """By the reader, of the three quarters of the batch that are super-resolved."""
    trainer = Trainer(replace(SMALL, schedule=schedule), tmp_path, CPU)
    batch = to_batch(pool.take(np.arange(8)), CPU)
    reader, generator = trainer.networks["reader"], trainer.networks["generator"]
    reader.train(schedule == "together")
    told: list[torch.Tensor] = []
    with torch.no_grad():
        pictures = generator.train()(batch.lr[:6])
        if schedule == "together":
            pictures = torch.cat([pictures.clamp(0, 1), batch.hr[6:]])
        wanted = reader(pictures)[:6].gather(2, batch.target[:6].unsqueeze(2)).sum(dim=(1, 2))
    trainer.task.train_step(batch, replace(trainer.moment(), read=told.append))
    assert torch.allclose(told[0], wanted, atol=1e-3)
    assert told[0].std() > 1e-3


def test_a_stopped_run_goes_on_as_if_it_had_not_been(pool: Pool, tmp_path: Path) -> None:
    known = np.linspace(0.1, 0.9, len(pool), dtype=np.float32)
    whole, first = (Trainer(SMALL, tmp_path / name, CPU) for name in ("whole", "parts"))
    for trainer in (whole, first):
        trainer.folder.mkdir()
        trainer.hard_sampling = HardSampling(known.copy())
    whole.run(pool)
    first.run(pool, stop=lambda: first.step == 3)
    second = Trainer(SMALL, first.folder, CPU)
    assert second.resume()
    second.run(pool)
    assert second.hard_sampling is not None
    assert whole.hard_sampling is not None
    assert (second.hard_sampling.misread == 1).sum() > 12, "an untrained reader misreads what it sees"
    assert np.allclose(second.hard_sampling.misread, whole.hard_sampling.misread, atol=1e-6)


def test_a_run_does_not_go_on_with_another_pool(pool: Pool, tmp_path: Path) -> None:
    trainer = Trainer(replace(SMALL, steps=1), tmp_path, CPU)
    trainer.run(pool)
    resumed = Trainer(replace(SMALL, steps=2), tmp_path, CPU)
    assert resumed.resume()
    assert resumed.hard_sampling is not None
    resumed.hard_sampling = HardSampling(np.ones(8, np.float32))
    with pytest.raises(LpsrError, match="read 8 pairs before, and now there are 32"):
        resumed.run(pool)

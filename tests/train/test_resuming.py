"""What is resumed, what begins with what, and what is said where that cannot be."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError  # noqa: E402
from lpsr_train.cli import app  # noqa: E402
from lpsr_train.config import TrainConfig  # noqa: E402
from lpsr_train.data.pool import RECORD  # noqa: E402
from lpsr_train.data.records import PairPool  # noqa: E402
from lpsr_train.locating.config import LocatorTraining  # noqa: E402
from lpsr_train.locating.fit import LocatorTrainer  # noqa: E402
from lpsr_train.training import state  # noqa: E402
from lpsr_train.training.batches import to_batch  # noqa: E402
from lpsr_train.training.fitting import train  # noqa: E402
from lpsr_train.training.trainer import Trainer, load_trained  # noqa: E402
from lpsr_train.validation.rates import Sample  # noqa: E402

CPU = torch.device("cpu")
SMALL = TrainConfig(steps=2, batch=4, warmup=1, validate_every=2, pairs=4, validation=2, open_share=0.0, bf16=False)
NOISE = np.random.default_rng(1)


@pytest.fixture
def pool() -> PairPool:
    records = np.zeros(8, RECORD)
    for name in ("hr", "lr"):
        records[name] = NOISE.integers(0, 256, records[name].shape)
    return PairPool(records)


@pytest.fixture
def samples(pool: PairPool) -> dict[str, list[Sample]]:
    records = pool.take(np.arange(2))
    return {"validation": [Sample(record["lr"], record["hr"], "AAAAAAA") for record in records]}


def test_a_finished_run_that_was_killed_before_its_last_validation_is_validated(
    pool: PairPool, samples: dict[str, list[Sample]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for config, folder in ((SMALL, tmp_path / "steps"), (replace(SMALL, steps=9, seconds=1e-6), tmp_path / "time")):
        folder.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "validate", killed)
            with pytest.raises(KeyboardInterrupt):
                Trainer(config, folder, CPU).run(pool, samples=samples)
        trainer = Trainer(config, folder, CPU)
        assert trainer.resume()
        assert trainer.done == 1
        trainer.run(pool, samples=samples)
        assert [entry["step"] for entry in state.load(folder)["history"]] == [trainer.step]
        assert (folder / "samples.png").is_file()
        trainer.run(pool, samples=samples)
        assert len(trainer.history) == 1, "once is enough"


def test_a_lost_run_without_a_checkpoint_does_not_speak_of_one(pool: PairPool, tmp_path: Path) -> None:
    trainer = Trainer(SMALL, tmp_path, CPU)
    with torch.no_grad():
        next(trainer.networks["reader"].parameters()).fill_(float("nan"))
    batch = to_batch(pool.take(np.arange(4)), CPU)
    with pytest.raises(LpsrError, match="holds no checkpoint yet; begin again"):
        trainer.train_step(batch)
    Trainer(SMALL, tmp_path, CPU).save()
    with pytest.raises(LpsrError, match=f"--init {tmp_path}"):
        trainer.train_step(batch)


def test_a_run_is_not_resumed_as_if_it_had_begun_with_another_one(tmp_path: Path) -> None:
    first, second, plain, begun = (tmp_path / name for name in ("first run", "second", "plain", "begun"))
    for folder in (first, second, plain, begun):
        folder.mkdir()
    Trainer(SMALL, first, CPU).save()
    Trainer(replace(SMALL, seed=5), second, CPU).save()
    Trainer(SMALL, plain, CPU).save()
    with pytest.raises(LpsrError, match="began with no other run's weights; choose another --out"):
        Trainer(SMALL, plain, CPU).resume(first)
    trainer = Trainer(SMALL, begun, CPU)
    trainer.start_from(first)
    trainer.save()
    with pytest.raises(LpsrError, match="began with the weights of first run; choose another --out"):
        Trainer(SMALL, begun, CPU).resume(second)
    assert Trainer(SMALL, begun, CPU).resume(first)
    assert Trainer(SMALL, begun, CPU).resume()
    first.rename(tmp_path / "renamed")
    assert Trainer(SMALL, begun, CPU).resume(tmp_path / "renamed"), "the same weights"
    earlier = state.load(plain)
    del earlier["begun_from"]
    state.save(plain, earlier)
    assert Trainer(SMALL, plain, CPU).resume(second), "a run of an earlier version, which did not note it"


def test_checkpoints_are_named_by_their_file_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    Trainer(SMALL, folder, CPU).save()
    assert state.identify(folder / state.CHECKPOINT) == state.identify(folder)


def test_a_locators_run_is_none_of_plates(tmp_path: Path) -> None:
    folder, other = tmp_path / "locator", tmp_path / "other"
    folder.mkdir()
    LocatorTrainer(LocatorTraining(), folder, CPU).save()
    words = "a run of lpsr-train locator; name one of lpsr-train fit"
    with pytest.raises(LpsrError, match=words):
        load_trained(folder)
    trainer = Trainer(SMALL, other, CPU)
    with pytest.raises(LpsrError, match=words):
        trainer.start_from(folder)
    with pytest.raises(LpsrError, match=words):
        trainer.take(folder, "reader", "reader")
    with pytest.raises(LpsrError, match=words):
        Trainer(SMALL, folder, CPU).resume()
    done = CliRunner().invoke(app, ["fit", "--out", str(folder), "--device", "cpu"])
    assert words in str(done.exception)


def test_weights_alone_are_not_resumed(tmp_path: Path) -> None:
    trainer = Trainer(SMALL, tmp_path, CPU)
    trainer.save_weights()
    with pytest.raises(LpsrError, match="weights alone; choose another --out"):
        Trainer(SMALL, tmp_path / "weights", CPU).resume()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no SIGHUP")
@pytest.mark.parametrize("nohup", [False, True])
def test_a_run_that_loses_its_terminal_keeps_its_checkpoint_and_goes_on_under_nohup(
    pool: PairPool, samples: dict[str, list[Sample]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nohup: bool
) -> None:
    trainer = Trainer(replace(SMALL, steps=3, validate_every=9), tmp_path, CPU)
    step = trainer.train_step

    def hang_up(batch: object) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGHUP)
        return step(batch)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "train_step", hang_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    try:
        stopped = train(trainer, pool, samples)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert stopped == (0 if nohup else signal.SIGHUP)
    assert state.load(tmp_path)["step"] == (3 if nohup else 1)

"""Training: it learns, stops, goes on where it was, and refuses what does not fit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError, UsageError  # noqa: E402
from lpsr_core.tomlfile import read_toml  # noqa: E402
from lpsr_train.config import PRESETS, Schedule, TrainConfig, from_dict  # noqa: E402
from lpsr_train.data import pool as pools  # noqa: E402
from lpsr_train.data.pool import RECORD, Pool, render_pool  # noqa: E402
from lpsr_train.networks import presets  # noqa: E402
from lpsr_train.networks.contrast import standardised  # noqa: E402
from lpsr_train.networks.generator import Generator  # noqa: E402
from lpsr_train.plates.pairs import PlateSource  # noqa: E402
from lpsr_train.training import batches, state  # noqa: E402
from lpsr_train.training.batches import Batch, to_batch  # noqa: E402
from lpsr_train.training.losses import lcofl, reading_loss  # noqa: E402
from lpsr_train.training.tasks import SuperResolution  # noqa: E402
from lpsr_train.training.trainer import Plateau, Trainer, load_trained, validation_samples  # noqa: E402
from lpsr_train.validation.rates import evaluate  # noqa: E402

CPU = torch.device("cpu")
SMALL = TrainConfig(
    steps=4, batch=8, warmup=2, guide_from=1, validate_every=2, pairs=32, validation=6, open_share=0.0, bf16=False
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("pool")
    patch = pytest.MonkeyPatch()
    patch.setattr(pools, "SHARD", 16)
    list(render_pool(folder, PlateSource(), 1, 32, 1))
    yield Pool(folder)
    patch.undo()


def weights(trainer: Trainer) -> np.ndarray:
    parts = [p.detach().numpy().ravel() for network in trainer.networks.values() for p in network.parameters()]
    return np.concatenate(parts)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(pool: Pool, tmp_path: Path) -> None:
    whole = Trainer(SMALL, tmp_path / "whole", CPU)
    whole.folder.mkdir()
    whole.run(pool)

    folder = tmp_path / "parts"
    folder.mkdir()
    first = Trainer(SMALL, folder, CPU)

    first.run(pool, stop=lambda: first.step == 3)
    second = Trainer(SMALL, folder, CPU)
    assert second.resume()
    assert second.step == 3
    second.run(pool)
    assert np.abs(weights(second) - weights(whole)).max() < 1e-6
    begun = Trainer(SMALL, tmp_path, CPU)
    assert np.abs(weights(second) - weights(begun)).max() > 1e-4, "it has learned something"
    for name, average in second.averages.items():
        followed = list(average.network.parameters())
        others = whole.averages[name].network, begun.networks[name], second.networks[name]
        same, first, last = (
            max(float((a - b).detach().abs().max()) for a, b in zip(followed, network.parameters(), strict=True))
            for network in others
        )
        assert same < 1e-6
        assert min(first, last) > 1e-6, "the average has left the beginning, and is not the end"
    for name in ("checkpoint.pt", "curves.png", "samples.png"):
        assert (folder / name).stat().st_size > 1000


@pytest.mark.parametrize("schedule", ["alternate", "together"])
def test_the_reader_and_the_generator_both_learn(pool: Pool, tmp_path: Path, schedule: Schedule) -> None:
    """On one batch, again and again, both losses fall."""
    config = replace(SMALL, steps=1000, warmup=1, generator_rate=5e-4, schedule=schedule)
    trainer = Trainer(config, tmp_path, CPU)
    batch = to_batch(pool.take(np.arange(8)), CPU)
    losses = [trainer.train_step(batch) for _ in range(30)]
    assert losses[-1]["reader"] < losses[0]["reader"] - 0.4
    terms = ("classification", "layout", "dissimilarity", "pixel")
    first, last = (sum(entry[term] for term in terms) for entry in (losses[0], losses[-1]))
    assert last < first - 0.2, "the generator's own loss, Eq. (5)"


def test_the_generator_step_leaves_the_reader_alone(pool: Pool, tmp_path: Path) -> None:
    trainer = Trainer(SMALL, tmp_path, CPU)
    before = [p.detach().clone() for p in trainer.networks["reader"].parameters()]
    task = trainer.task
    assert isinstance(task, SuperResolution)
    task.generator_step(to_batch(pool.take(np.arange(4)), CPU), trainer.moment())
    after = list(trainer.networks["reader"].parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.requires_grad for p in after)


def test_a_joint_step_gives_each_network_the_gradient_of_the_sum(pool: Pool, tmp_path: Path) -> None:
    """LCOFL of the super-resolved share, and the reader's cross-entropy of all pictures, those in 0..1."""
    config = replace(SMALL, clip=1e9, guide_from=1, real=0.5)
    trainer = Trainer(config, tmp_path, CPU)
    trainer.step = 10  # past the ramp
    batch = to_batch(pool.take(np.arange(8)), CPU)
    poor = Batch(batch.lr[:4], batch.hr[:4], batch.target[:4])
    generator, reader = trainer.networks["generator"].train(), trainer.networks["reader"].train()
    for network in (generator, reader):
        network.requires_grad_(True)
    sr = generator(poor.lr)
    clamped = sr + (sr.clamp(0, 1) - sr).detach()
    log_probs = reader(torch.cat([clamped, batch.hr[4:]]))
    _, mean, contrast = standardised(poor.lr)  # pictures differ by what is left when the LR picture's light is out
    made, real = (0.5 + (picture - mean) / contrast.clamp(min=0.15) for picture in (sr, poor.hr))
    expected = lcofl(config.losses, log_probs[:4], poor.target, torch.ones(36), made, real).total()
    expected = expected + reading_loss(log_probs, batch.target, config.smoothing)
    parameters = [*generator.parameters(), *reader.parameters()]
    wanted = torch.autograd.grad(expected, parameters, allow_unused=True)
    for optimiser in trainer.optimisers.values():
        optimiser.step = lambda *_: None  # type: ignore[method-assign]
    task = trainer.task
    assert isinstance(task, SuperResolution)
    task.joint_step(poor, batch.hr[4:], batch.target, trainer.moment())
    for parameter, gradient in zip(parameters, wanted, strict=True):
        if gradient is not None:
            assert parameter.grad is not None
            assert torch.allclose(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_checkpoint(pool: Pool, tmp_path: Path) -> None:
    trainer = Trainer(SMALL, tmp_path, CPU)
    trainer.save()
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    with torch.no_grad():
        next(trainer.networks["reader"].parameters()).fill_(float("nan"))
    with pytest.raises(LpsrError, match="not a number"):
        trainer.train_step(to_batch(pool.take(np.arange(4)), CPU))
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


def test_a_run_of_another_configuration_is_not_resumed(tmp_path: Path) -> None:
    Trainer(SMALL, tmp_path, CPU).save()
    with pytest.raises(LpsrError, match="batch"):
        Trainer(replace(SMALL, batch=6), tmp_path, CPU).resume()
    assert Trainer(replace(SMALL, steps=9), tmp_path, CPU).resume(), "a longer run is the same run"


def test_a_broken_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(LpsrError) as error:
        load_trained(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(LpsrError, match="no checkpoint"):
        load_trained(tmp_path / "nowhere")


def test_trained_networks_come_back_as_they_were(tmp_path: Path) -> None:
    trainer = Trainer(SMALL, tmp_path, CPU)
    trainer.save()
    trained = load_trained(tmp_path)
    image = torch.rand(1, 3, 32, 96)
    # The same weights; another memory layout rounds a little differently.
    assert torch.allclose(trained.reader(image), trainer.averages["reader"].network(image), atol=1e-4)
    assert trained.generator is not None
    assert trained.config == SMALL


def test_the_lr_reader_trains_alone_and_starts_from_another_run(pool: Pool, tmp_path: Path) -> None:
    Trainer(SMALL, tmp_path, CPU).save()
    alone = Trainer(replace(SMALL, task="reader-lr"), tmp_path / "lr", CPU)
    alone.start_from(tmp_path)
    assert set(alone.networks) == {"reader"}
    saved = load_trained(tmp_path).reader.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in alone.networks["reader"].state_dict().items())
    assert alone.lineage == [{"config": SMALL.as_dict(), "steps": 0}]
    assert set(alone.train_step(to_batch(pool.take(np.arange(4)), CPU))) == {"reader"}


def test_a_run_may_begin_with_one_that_lacks_layers_which_change_nothing(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = presets.READERS["lite"]
    monkeypatch.setitem(presets.READERS, "lite", replace(grown, character_layers=0, context=()))
    before = Trainer(SMALL, tmp_path, CPU)
    before.save()
    monkeypatch.setitem(presets.READERS, "lite", grown)
    after = Trainer(replace(SMALL, task="reader-any"), tmp_path / "grown", CPU)
    after.start_from(tmp_path)
    image = torch.rand(2, 3, 32, 96)
    for network in (after.networks["reader"], after.averages["reader"].network):
        expected = before.averages["reader"].network(image)
        assert torch.allclose(network.eval()(image), expected, atol=1e-4)
    monkeypatch.setitem(presets.READERS, "lite", replace(grown, inner=96))
    with pytest.raises(LpsrError, match="of another size"):
        Trainer(replace(SMALL, task="reader-any"), tmp_path / "other", CPU).start_from(tmp_path)


def test_a_shared_module_is_stored_once(tmp_path: Path) -> None:
    config = replace(presets.GENERATORS["lite"], residual_layers=3)
    shared, own = (Generator(replace(config, shared_attention=share)) for share in (True, False))
    for network in (shared, own):
        network.to(memory_format=torch.channels_last)
    stored = {network: state.cpu_state(network) for network in (shared, own)}
    weight = "attention.entry.0.0.weight"
    twin = next(name for name in stored[shared] if name.startswith("residual.") and name.endswith(".entry.0.0.weight"))
    assert stored[shared][twin].data_ptr() == stored[shared][weight].data_ptr()
    assert stored[own][twin].data_ptr() != stored[own][weight].data_ptr()
    other = Generator(config)
    other.load_state_dict(stored[shared])
    x = torch.rand(1, 3, 16, 48)
    assert torch.allclose(other.eval()(x), shared.eval()(x), atol=1e-5)


def test_a_resumed_run_averages_its_losses_over_the_whole_interval(pool: Pool, tmp_path: Path) -> None:
    first = Trainer(SMALL, tmp_path, CPU)
    found = [first.train_step(to_batch(pool.take(np.arange(4)), CPU)) for _ in range(2)]
    first.save()
    second = Trainer(SMALL, tmp_path, CPU)
    second.resume()
    found.append(second.train_step(to_batch(pool.take(np.arange(4)), CPU)))
    second.validate({"blur": validation_samples("camera", 2)})
    mean = np.mean([losses["reader"] for losses in found])
    assert second.history[-1]["losses"]["reader"] == pytest.approx(mean)


def test_shifts_move_both_pictures_together(pool: Pool) -> None:
    records = pool.take(np.arange(32))
    pictures = (torch.from_numpy(records[name]).permute(0, 3, 1, 2) for name in ("lr", "hr"))
    lr, hr = (part.permute(0, 2, 3, 1).numpy() for part in batches._moved(*pictures, np.random.default_rng(3)))
    found = set()
    for before, *moved in zip(records, lr, hr, strict=True):
        after = dict(zip(("lr", "hr"), moved, strict=True))
        fits = [
            (x, y)
            for x in range(-2, 3)
            for y in range(-1, 2)
            if np.array_equal(after["lr"][2:-2, 3:-3], before["lr"][2 + y : 14 + y, 3 + x : 45 + x])
            and np.array_equal(after["hr"][4:-4, 6:-6], before["hr"][4 + 2 * y : 28 + 2 * y, 6 + 2 * x : 90 + 2 * x])
        ]
        assert fits
        found.update(fits[:1])
    assert len(found) > 6


def test_a_fixed_guide_stays_as_it_is(pool: Pool, tmp_path: Path) -> None:
    """The loss of PLNET: pixels and the answers of an OCR that was trained before."""
    judge = Trainer(replace(SMALL, task="reader-any", reader="multi-task"), tmp_path / "judge", CPU)
    judge.folder.mkdir()
    batch = to_batch(pool.take(np.arange(8)), CPU)
    assert set(judge.train_step(batch)) == {"reader"}
    judge.save()
    for loss in ("logits", "lcofl"):
        run = replace(SMALL, guide="fixed", loss=loss, reader="multi-task")
        trainer = Trainer(run, tmp_path / loss, CPU)
        trainer.folder.mkdir()
        trainer.take(judge.folder, "reader", "reader")
        guide = load_trained(judge.folder).reader.state_dict()
        before = trainer.networks["generator"].exit.weight.detach().clone()
        losses = [trainer.train_step(batch) for _ in range(3)]
        assert losses[-1]["pixel"] < 1
        assert losses[-1]["classification"] > 0
        assert not torch.equal(before, trainer.networks["generator"].exit.weight)
        kept = trainer.networks["reader"].state_dict()
        assert all(torch.equal(value, kept[name]) for name, value in guide.items())
        trainer.save()
        assert Trainer(run, trainer.folder, CPU).resume()
        again = load_trained(trainer.folder).reader.state_dict()
        assert all(torch.equal(value, again[name]) for name, value in guide.items())


def test_the_rate_falls_after_five_validations_without_a_gain() -> None:
    plateau = Plateau()
    for rate in (10, 20, 15, 15, 15, 15):
        plateau = plateau.after(rate)
        assert plateau.factor == 1
    plateau = plateau.after(20)
    assert plateau.factor == pytest.approx(0.9)
    assert plateau.after(21).best == 21


def test_evaluation_counts_what_it_reads(tmp_path: Path) -> None:
    samples = validation_samples("camera", 5)
    trainer = Trainer(SMALL, tmp_path, CPU)
    found = evaluate(samples, trainer.averages["reader"].network, trainer.averages["generator"].network, batch=2)
    assert set(found.rates) == {"hr", "bicubic", "sr"}
    assert found.sr.shape == (5, 32, 96, 3)
    assert found.confusion.sum() == 5 * 7
    assert all(rate.all.total == 5 for rate in found.rates.values())


def test_pools_resume_and_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SHARD", 4)
    source = PlateSource()
    assert list(render_pool(tmp_path, source, 1, 8, 1)) == [0, 4, 8]
    shard = tmp_path / "shard-00001.npy"
    before = shard.read_bytes()
    shard.unlink()
    (tmp_path / "shard-00001.part").write_bytes(b"half")
    assert list(render_pool(tmp_path, source, 1, 8, 1)) == [4, 8]
    assert shard.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(LpsrError, match="another source, seed or settings"):
        list(render_pool(tmp_path, source, 2, 8, 1))


def test_batches_depend_on_seed_and_step_alone(pool: Pool) -> None:
    def texts(start: int, count: int) -> list[bytes]:
        batches = map(pool.take, pool.orders(8, seed=3, start=start))
        return [next(batches)["text"].tobytes() for _ in range(count)]

    assert texts(0, 10)[6:] == texts(6, 4)
    one_pass = np.concatenate([batch for batch, _ in zip(map(pool.take, pool.orders(8, 3)), range(4), strict=False)])
    assert one_pass.dtype == RECORD
    assert len({record["hr"].tobytes() for record in one_pass}) == 32, "a pass shows every plate once"


def test_every_place_of_a_batch_draws_from_the_whole_pool(pool: Pool) -> None:
    """The first plates of a batch are super-resolved and the last are shown as they are."""
    batches = map(pool.take, pool.orders(8, seed=3))
    texts = [next(batches)["text"] for _ in range(40)]
    first = {row[0].tobytes() for row in texts}
    last = {row[-1].tobytes() for row in texts}
    everything = {row.tobytes() for row in pool.take(np.arange(32))["text"]}
    assert len(first & everything) > 18
    assert len(last & everything) > 18
    assert len(first & last) > 8


def test_augmentation_changes_pictures_and_not_texts(pool: Pool) -> None:
    records = pool.take(np.arange(32))
    plain, changed = to_batch(records, CPU), to_batch(records, CPU, np.random.default_rng(1))
    assert torch.equal(plain.target, changed.target)
    assert not torch.equal(plain.lr, changed.lr)
    assert 0 <= float(changed.lr.min()) <= float(changed.lr.max()) <= 1


def test_configurations_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("steps = 7\ngenerator_rate = 1\n[losses]\nbeta = 0.25\n")
    config = from_dict(read_toml(path), PRESETS["lite"])
    assert (config.steps, config.generator_rate, config.losses.beta) == (7, 1.0, 0.25)
    assert config.losses.pixel == PRESETS["lite"].losses.pixel
    assert from_dict(config.as_dict()) == config
    for text in (
        "losses = 3",
        "[losses]\nbeta = 'x'",
        "stepz = 1",
        "steps = 'many'",
        "[losses]\ngamma = 1",
        "nonsense",
    ):
        path.write_text(text)
        with pytest.raises(UsageError):
            from_dict(read_toml(path), PRESETS["lite"])


@pytest.mark.parametrize(
    "change",
    [
        {"task": "foo"},
        {"batch": 1},
        {"validate_every": 0},
        {"seed": 7_000_001},
        {"schedule": "x"},
        {"real": 0.0},
        {"auxiliary": 1.5},
        {"auxiliary_run": "x", "task": "reader-lr"},
        {"shown_run": "x", "task": "sr"},
        {"hard_sampling": True, "task": "reader-any"},
    ],
)
def test_impossible_runs_are_refused(change: dict) -> None:
    with pytest.raises(UsageError):
        replace(SMALL, **change).check()


def test_a_pool_smaller_than_a_batch_is_one_line(pool: Pool) -> None:
    with pytest.raises(LpsrError, match="more than the pool"):
        next(map(pool.take, pool.orders(1000, 1)))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fit", "--out", "x", "--preset", "huge"], 2, "unknown preset 'huge'"),
        (["evaluate", "--weights", "nowhere"], 1, "no checkpoint"),
        (["evaluate", "--weights", "x", "--degradation", "rain"], 2, "unknown degradation"),
        (["fit", "--out", "x", "--config", "nowhere.toml"], 2, "cannot be read"),
    ],
)
def test_bad_calls_are_one_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    command = [sys.executable, "-m", "lpsr_train", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.strip().count("\n") == 0


def test_preview_draws_a_sheet(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lpsr_train", "preview", "--out", "deep/sheet.png", "--count", "3"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    assert (tmp_path / "deep" / "sheet.png").stat().st_size > 10_000

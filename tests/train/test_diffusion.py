"""SR3: the noise, the ways back from it, and that it learns, goes on and gives the same pictures again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError, UsageError  # noqa: E402
from lpsr_train.config import PRESETS, TrainConfig  # noqa: E402
from lpsr_train.data import pool as pools  # noqa: E402
from lpsr_train.data.pool import Pool, render_pool  # noqa: E402
from lpsr_train.networks import presets  # noqa: E402
from lpsr_train.networks.diffusion import (  # noqa: E402
    NoiseSchedule,
    PlateNoise,
    add_noise,
    sample_all_steps,
    sample_few_steps,
)
from lpsr_train.networks.presets import SR3S, Sr3Config  # noqa: E402
from lpsr_train.networks.sr3 import Sr3  # noqa: E402
from lpsr_train.plates.pairs import PlateSource  # noqa: E402
from lpsr_train.training.batches import to_batch  # noqa: E402
from lpsr_train.training.trainer import Trainer, load_trained, validation_samples  # noqa: E402
from lpsr_train.validation.rates import evaluate  # noqa: E402

CPU = torch.device("cpu")
TINY = Sr3Config(channels=8, multipliers=(1, 2), blocks=1, groups=4, dropout=0.1, steps=6, last_beta=0.8)
RUN = TrainConfig(
    task="sr3",
    generator="tiny",
    sampling_steps=2,
    steps=4,
    batch=4,
    warmup=1,
    validate_every=2,
    pairs=16,
    validation=2,
    open_share=0.0,
    bf16=False,
)
SCHEDULES = (NoiseSchedule.linear(2000, 1e-6, 1e-2), NoiseSchedule.linear(12, 1e-3, 0.5))


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presets.SR3S, "tiny", TINY)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("pool")
    patch = pytest.MonkeyPatch()
    patch.setattr(pools, "SHARD", 16)
    list(render_pool(folder, PlateSource(), 1, 16, 1))
    yield Pool(folder)
    patch.undo()


def unsilenced(network: torch.nn.Module) -> torch.nn.Module:
    """With weights where it begins with zeros, so that what it is given matters."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_noise_grows_from_none_to_nearly_all(schedule: NoiseSchedule) -> None:
    gammas = schedule.gammas
    assert gammas[0] == 1
    assert (np.diff(gammas) < 0).all()
    assert 0 < gammas[-1] < 0.05
    rng = np.random.default_rng(3)
    drawn = schedule.draw(rng, 5000)
    assert ((drawn > gammas[-1]) & (drawn < 1)).all()
    share = np.searchsorted(-gammas, -drawn) / schedule.steps
    assert share.mean() == pytest.approx(0.5, abs=0.05), "every step is drawn as often"
    few = schedule.shortened(5)
    assert (few[0], few[-1], len(few)) == (gammas[-1], 1, 6)
    assert np.array_equal(schedule.shortened(schedule.steps), gammas[::-1])


def test_noisy_pictures_have_the_variance_of_their_level() -> None:
    noise = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    gamma = torch.tensor([0.99, 0.5, 0.01])
    noisy = add_noise(torch.full_like(noise, 0.8), gamma, noise)
    for index in range(3):
        assert float(noisy[index].mean()) == pytest.approx(0.8 * float(gamma[index]) ** 0.5, abs=0.04)
        assert float(noisy[index].var()) == pytest.approx(1 - float(gamma[index]), rel=0.05)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_who_knows_the_noise_finds_the_picture(schedule: NoiseSchedule) -> None:
    picture = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(4)) * 2 - 1
    levels: list[float] = []

    def oracle(noisy: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        levels.append(float(level[0]))
        root = level.double().view(-1, 1, 1, 1)
        return ((noisy.double() - root * picture) / (1 - root**2).sqrt()).float()

    noise = PlateNoise(torch.rand(2, 3, 4, 4), (3, 8, 8))
    for steps in (1, 5):
        levels.clear()
        # One step from gamma = 2e-9 magnifies the rounding of single precision 20,000 times.
        assert torch.allclose(sample_few_steps(oracle, schedule, noise, steps), picture, atol=1e-2)
        assert len(levels) == steps
        assert levels == sorted(levels)
    levels.clear()
    assert torch.allclose(sample_all_steps(oracle, schedule, noise), picture, atol=1e-3)
    assert len(levels) == schedule.steps


def test_the_full_way_is_the_papers_step_where_nothing_is_limited() -> None:
    """Algorithm 2, written as it stands there."""
    schedule = NoiseSchedule.linear(6, 1e-3, 0.3)
    lr, picture = torch.rand(2, 1, 3, 4, 4, generator=torch.Generator().manual_seed(6)).unbind()

    def predict(noisy: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        root = level.view(-1, 1, 1, 1)
        return (noisy - 0.5 * root * picture) / (1 - root**2).sqrt() + 0.05 * noisy

    found = sample_all_steps(predict, schedule, PlateNoise(lr, (3, 4, 4)))
    noise = PlateNoise(lr, (3, 4, 4))
    current = noise.draw()
    for step in range(6, 0, -1):
        gamma = schedule.gammas[step]
        alpha = gamma / schedule.gammas[step - 1]
        guess = predict(current, torch.tensor([gamma**0.5], dtype=torch.float32))
        assert float(((current - (1 - gamma) ** 0.5 * guess) / gamma**0.5).abs().max()) < 1, "not limited here"
        current = (current - (1 - alpha) / (1 - gamma) ** 0.5 * guess) / alpha**0.5
        if step > 1:
            current = current + (1 - alpha) ** 0.5 * noise.draw()
    assert torch.allclose(found, current.float(), atol=1e-4)


@pytest.mark.parametrize("steps", [2, 0])
def test_a_plate_has_the_same_picture_in_any_batch(steps: int) -> None:
    torch.manual_seed(0)
    generator = unsilenced(Sr3(TINY, steps))
    lr = torch.randint(0, 256, (2, 3, 16, 48), generator=torch.Generator().manual_seed(5)).float() / 255
    together = generator(lr)
    assert together.shape == (2, 3, 32, 96)
    assert 0 <= float(together.min()) <= float(together.max()) <= 1
    assert torch.equal(generator(lr), together)
    assert torch.allclose(generator(lr.flip(0)).flip(0), together, atol=1e-4)
    assert torch.allclose(generator(lr[1:2]), together[1:2], atol=1e-4)
    other = generator(1 - lr[1:2])
    assert float((other - together[1:2]).abs().mean()) > 0.01


def test_the_level_and_the_lr_picture_matter() -> None:
    torch.manual_seed(0)
    denoiser = unsilenced(Sr3(TINY, 1).denoiser)
    noisy, condition = torch.randn(2, 1, 3, 32, 96).unbind()
    with torch.no_grad():
        found = denoiser(noisy, condition, torch.tensor([0.5]))
        assert float((denoiser(noisy, condition, torch.tensor([0.9])) - found).abs().max()) > 1e-4
        assert float((denoiser(noisy, -condition, torch.tensor([0.5])) - found).abs().max()) > 1e-4


def test_presets_have_the_sizes_they_are_meant_to_have() -> None:
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in Sr3(config, 1).parameters()) for name, config in SR3S.items()}
    assert 8e7 < sizes["sr3"] < 1.2e8
    assert 8e5 < sizes["sr3-lite"] < 1.5e6


def test_it_learns_one_batch(pool: Pool, tmp_path: Path) -> None:
    trainer = Trainer(replace(RUN, steps=1000, generator_rate=5e-3), tmp_path, CPU)
    batch = to_batch(pool.take(np.arange(2)), CPU)
    losses = [trainer.train_step(batch)["noise"] for _ in range(30)]
    assert losses[0] == pytest.approx((2 / np.pi) ** 0.5, abs=0.05), "it begins by finding no noise"
    assert np.mean(losses[-8:]) < 0.75 * losses[0]


def test_a_stopped_run_goes_on_as_if_it_had_not_been(pool: Pool, tmp_path: Path) -> None:
    def trainer(name: str, config: TrainConfig = RUN) -> Trainer:
        (tmp_path / name).mkdir(exist_ok=True)
        return Trainer(config, tmp_path / name, CPU)

    def weights(of: Trainer) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in of.networks["generator"].parameters()])

    whole = trainer("whole")
    whole.run(pool)
    first = trainer("parts")
    first.run(pool, stop=lambda: first.step == 3)
    second = trainer("parts", replace(RUN, sampling_steps=3))
    assert second.resume(), "how pictures are sampled is no part of what was learned"
    second.run(pool)
    assert float((weights(second) - weights(whole)).abs().max()) < 1e-6
    assert set(whole.history[-1]["rates"]) == {"ssim, blur", "ssim, camera"}
    for name in ("checkpoint.pt", "curves.png", "samples.png"):
        assert (tmp_path / "parts" / name).stat().st_size > 1000


def test_a_run_without_a_reader_is_judged_by_another(tmp_path: Path) -> None:
    (tmp_path / "sr3").mkdir()
    (tmp_path / "sr").mkdir()
    Trainer(RUN, tmp_path / "sr3", CPU).save()
    Trainer(replace(RUN, task="sr", generator="lite"), tmp_path / "sr", CPU).save()
    trained = load_trained(tmp_path / "sr3")
    assert trained.generator is not None
    with pytest.raises(LpsrError, match="name a run that has one with --reader"):
        _ = trained.reader
    samples = validation_samples("blur", 2)
    found = evaluate(samples, load_trained(tmp_path / "sr").reader, trained.generator)
    assert set(found.rates) == {"hr", "bicubic", "sr"}
    alone = evaluate(samples, None, trained.generator)
    assert alone.rates == {}
    assert np.array_equal(alone.sr, found.sr)
    with pytest.raises(LpsrError, match="has no reader"):
        Trainer(replace(RUN, task="sr", generator="lite", guide="fixed"), tmp_path, CPU).take(
            tmp_path / "sr3", "reader", "reader"
        )


def test_a_run_is_not_exported(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from lpsr_export.weights.export import export_run

    Trainer(RUN, tmp_path, CPU).save()
    with pytest.raises(LpsrError, match="only networks of one pass") as error:
        export_run(tmp_path, tmp_path / "models", "sr3", 0)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"guide": "fixed"}, "not for sr3"), ({"sampling_steps": -1}, "at least 0")],
)
def test_impossible_runs_are_refused(change: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(PRESETS["sr3-lite"], **change).check()


@pytest.mark.parametrize(
    ("change", "words"), [({"generator": "huge"}, "unknown SR3 preset"), ({"sampling_steps": 7}, "0 \\(all\\) to 6")]
)
def test_networks_that_cannot_be_made_are_refused(change: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        Trainer(replace(RUN, **change), tmp_path, CPU)

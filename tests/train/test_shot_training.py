"""Training on shots: what the networks are told, and runs that end by the clock."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")

from lpsr_core.alphabet import IS_DIGIT, encode  # noqa: E402
from lpsr_core.errors import LpsrError, UsageError  # noqa: E402
from lpsr_train.cameras.shots import GROUP, ShotSource, draw_shots  # noqa: E402
from lpsr_train.config import PRESETS  # noqa: E402
from lpsr_train.data.pool import Records  # noqa: E402
from lpsr_train.data.samples import WIDTHS, shot_samples  # noqa: E402
from lpsr_train.networks.contrast import standardised  # noqa: E402
from lpsr_train.networks.generator import Generator  # noqa: E402
from lpsr_train.networks.presets import generator_config  # noqa: E402
from lpsr_train.networks.readers import make_reader  # noqa: E402
from lpsr_train.training.batches import to_batch  # noqa: E402
from lpsr_train.training.losses import reading_loss, soft_targets  # noqa: E402
from lpsr_train.training.trainer import Trainer  # noqa: E402

RUN = replace(PRESETS["cameras"], steps=2, batch=8, validation=2, validate_every=2, pairs=GROUP)


class Shots(Records):
    def __init__(self, count: int = GROUP) -> None:
        self.records = draw_shots(ShotSource(), 9, count, 0)

    def __len__(self) -> int:
        return len(self.records)

    def take(self, indices):
        return self.records[indices]


@pytest.fixture(scope="module")
def shots() -> Shots:
    return Shots()


@pytest.fixture(scope="module")
def samples():
    return shot_samples(2, 7_000_001)


def test_a_hidden_character_is_flat_over_its_kind_and_nothing_over_all():
    target = torch.tensor([encode("ABC1D23")] * 2)
    known = torch.tensor([[1.0, 0.0, 1, 1, 1, 0.5, 1]] * 2)
    wanted = soft_targets(target, known, torch.tensor([True, False]))
    assert wanted.sum(dim=2) == pytest.approx(torch.ones(2, 7))
    letters = torch.tensor(~np.asarray(IS_DIGIT))
    assert wanted[0, 1][letters].tolist() == pytest.approx([1 / 26] * 26)
    assert float(wanted[0, 1][~letters].sum()) == 0
    assert float(wanted[0, 5, target[0, 5]]) == pytest.approx(0.55)
    assert wanted[1].flatten().tolist() == pytest.approx([1 / 36] * 252)
    certain = torch.nn.functional.one_hot(target, 36).float()
    scores = torch.randn(2, 7, 36).log_softmax(-1)
    assert float(reading_loss(scores, certain, 0.05)) == pytest.approx(float(reading_loss(scores, target, 0.05)))


def test_narrow_shots_come_first_and_keep_what_belongs_to_them(shots):
    batch = to_batch(shots.records[:16], torch.device("cpu"))
    order = np.argsort(shots.records["width"][:16], kind="stable")
    widths = shots.records["width"][:16][order]
    assert (np.diff(widths.astype(int)) >= 0).all()
    for place, index in enumerate(torch.tensor(shots.records["width"][:16].astype(np.int64)).float().log().argsort()):
        assert batch.target[place].tolist() == shots.records["text"][int(index)].tolist()
        assert torch.equal(
            (batch.hr[place] * 255).round().byte().permute(1, 2, 0), torch.from_numpy(shots.records["hr"][int(index)])
        )
    again = to_batch(shots.records[:16], torch.device("cpu"), np.random.default_rng(4))
    same = to_batch(shots.records[:16], torch.device("cpu"), np.random.default_rng(4))
    assert torch.equal(again.lr, same.lr)
    assert not torch.equal(again.lr, batch.lr)
    assert float(again.seen.min()) >= 0
    assert float(again.seen.max()) <= 1
    part = batch[:5]
    assert len(part.target) == len(part.known) == len(part.seen) == 5


def test_light_does_not_change_what_is_read():
    torch.manual_seed(0)
    picture = torch.rand(2, 3, 32, 96)
    dim = 0.3 * picture + torch.tensor([0.2, 0.4, 0.1]).view(1, 3, 1, 1)
    reader = make_reader("lite").eval()
    with torch.no_grad():
        assert torch.allclose(reader(picture), reader(dim), atol=2e-2)
        generator = Generator(generator_config("lite", True)).eval()
        torch.nn.init.normal_(generator.exit.weight, std=0.05)
        lr = 0.25 + 0.5 * torch.rand(2, 3, 16, 48)
        bright, dark = generator(lr), generator(0.4 * lr + 0.1)
    assert torch.allclose(0.4 * bright + 0.1, dark, atol=2e-2)


def test_standardised_pictures_can_be_put_together_again():
    image = torch.rand(3, 3, 8, 24)
    picture, mean, contrast = standardised(image)
    assert torch.allclose(mean + contrast * picture, image, atol=1e-6)
    assert picture.mean(dim=(2, 3)).abs().max() < 1e-5


def test_a_run_learns_from_shots_and_says_what_it_reads(tmp_path: Path, shots, samples):
    trainer = Trainer(RUN, tmp_path, torch.device("cpu"))
    trainer.run(shots, samples=samples)
    assert trainer.step == 2
    rates, likelihoods = trainer.history[-1]["rates"], trainer.history[-1]["likelihoods"]
    assert set(rates) == {f"{way}, {width}" for way in ("sr", "direct") for width in WIDTHS}
    assert likelihoods["seen, wide"] < 0
    assert (tmp_path / "samples.png").is_file()


def test_a_run_ends_by_the_clock_and_its_rate_follows_it(tmp_path: Path, shots, samples):
    run = replace(RUN, steps=1000, seconds=0.5, validate_every=1000)
    trainer = Trainer(run, tmp_path, torch.device("cpu"))
    trainer.run(shots, samples=samples)
    assert 0 < trainer.step < 1000
    assert trainer.elapsed >= 0.5
    assert trainer.done == 1
    assert trainer.history[-1]["step"] == trainer.step
    again = Trainer(replace(run, seconds=1.0, pairs=2 * GROUP), tmp_path, torch.device("cpu"))
    assert again.resume()
    assert 0.5 <= again.done < 1


def test_what_does_not_go_with_shots_is_refused(tmp_path: Path):
    for other in ({"fresh": True}, {"hard_sampling": True}, {"data": "list"}):
        with pytest.raises(UsageError, match="shots"):
            replace(RUN, **other).check()
    with pytest.raises(UsageError, match="seconds"):
        replace(RUN, seconds=-1.0).check()
    trainer = Trainer(RUN, tmp_path, torch.device("cpu"))
    trainer.save()
    with pytest.raises(LpsrError, match="another batch"):
        Trainer(replace(RUN, batch=16), tmp_path, torch.device("cpu")).resume()

"""Whether a crop shows a plate: what is drawn to learn it, the branch that tells, and its training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
pytest.importorskip("av")

from lpsr_core.alphabet import ALPHABET  # noqa: E402
from lpsr_core.decode import MIN_PLATE, plate_score  # noqa: E402
from lpsr_core.errors import UsageError  # noqa: E402
from lpsr_core.layouts import layout_of  # noqa: E402
from lpsr_train.cameras.lettering import draw_words, random_text  # noqa: E402
from lpsr_train.cameras.shots import GROUP, ShotSource, Shown, draw_shots, render_shots  # noqa: E402
from lpsr_train.cli import app  # noqa: E402
from lpsr_train.config import PRESETS  # noqa: E402
from lpsr_train.data import pool as pools  # noqa: E402
from lpsr_train.data.records import PairPool  # noqa: E402
from lpsr_train.data.samples import shot_samples  # noqa: E402
from lpsr_train.networks.presence import EVEN, discounted  # noqa: E402
from lpsr_train.networks.reader import Reader  # noqa: E402
from lpsr_train.networks.readers import make_reader  # noqa: E402
from lpsr_train.training.batches import to_batch  # noqa: E402
from lpsr_train.training.fitting import rendered_pool  # noqa: E402
from lpsr_train.training.trainer import Trainer  # noqa: E402

CPU = torch.device("cpu")
RUN = replace(PRESETS["presence"], steps=2, batch=8, validation=2, validate_every=2, pairs=GROUP)


def lite() -> Reader:
    reader = make_reader("lite").eval()
    assert isinstance(reader, Reader)
    return reader


def test_words_follow_no_layout() -> None:
    rng = np.random.default_rng(5)
    texts = [random_text(rng) for _ in range(3000)]
    plain = ["".join(sign for sign in text.upper() if sign in ALPHABET) for text in texts]
    assert not [text for text in plain if len(text) == 7 and layout_of(text)]
    assert sum(len(text) == 7 for text in plain) > 50, "a plate's number of characters is no way to tell"


def test_words_differ_from_their_ground() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        ground = np.full((80, 240, 3), float(rng.random()), np.float32)
        picture = ground.copy()
        draw_words(picture, rng, ())
        assert picture.min() >= 0
        assert picture.max() <= 1
        assert np.abs(picture - ground).mean() > 0.005


def test_plates_of_the_world_are_plates_without_a_text() -> None:
    source = ShotSource(absent=0.0, foreign=1.0)
    shots = render_shots(source, 4, 0, count=8)
    assert {shot.shown for shot in shots} == {Shown.FOREIGN}
    assert not any(shot.plate or shot.known.any() for shot in shots)
    records = draw_shots(replace(source, absent=0.5), 4, GROUP, 0)
    batch = to_batch(records, torch.device("cpu"))
    assert batch.plate is not None
    assert batch.present is not None
    simple = (records["plate"] == Shown.PLATE).sum()
    assert batch.plate.sum() == simple
    assert batch.present.sum() == simple + (records["plate"] == Shown.FOREIGN).sum()
    foreign = batch.present & ~batch.plate
    assert batch.wanted[foreign].flatten().tolist() == pytest.approx([1 / 36] * int(foreign.sum()) * 252)


def test_a_new_branch_takes_a_plate_for_granted() -> None:
    torch.manual_seed(1)
    reader, picture = lite(), torch.rand(3, 3, 64, 192)
    with torch.no_grad():
        log_probs, present = reader.parts(picture)
        assert present is not None
        assert present.tolist() == [16.0] * 3
        assert torch.allclose(reader(picture), log_probs, atol=1e-4)


@pytest.mark.parametrize("odds", [-16.0, 0.0, 1.0, EVEN, 3.0, 16.0])
def test_what_is_no_plate_has_no_text(odds: float) -> None:
    sure = torch.full((1, 7, 36), -90.0)
    sure[0, torch.arange(7), torch.tensor([ALPHABET.index(sign) for sign in "ABC1D23"])] = 0.0
    said = discounted(sure, torch.tensor([odds]))
    assert torch.isfinite(said).all()
    assert said.exp().sum(dim=2)[0].tolist() == pytest.approx([1.0] * 7, abs=1e-5)
    assert (plate_score(said[0].numpy()) >= MIN_PLATE) == (odds > EVEN)
    if odds == EVEN:
        assert float(said.exp().max()) == pytest.approx(0.5 + 0.5 / 36, abs=1e-5)


def test_only_the_branch_learns(tmp_path: Path) -> None:
    records = PairPool(draw_shots(ShotSource(absent=0.5), 9, GROUP, 0))
    (tmp_path / "a").mkdir()
    first = Trainer(replace(PRESETS["cameras"], steps=1, batch=8, validation=2, validate_every=1), tmp_path / "a", CPU)
    first.run(records, samples=shot_samples(2, 7_000_001))
    (tmp_path / "b").mkdir()
    trainer = Trainer(RUN, tmp_path / "b", CPU)
    trainer.start_from(tmp_path / "a")
    taken = first.averages["generator"].network.state_dict()
    assert all(torch.equal(value, taken[key]) for key, value in trainer.networks["generator"].state_dict().items())
    before = {name: {k: v.clone() for k, v in n.state_dict().items()} for name, n in trainer.networks.items()}
    told: list[dict[str, float]] = []
    trainer.run(records, lambda step, losses: told.append(losses), samples=shot_samples(2, 7_000_001))
    assert {"presence", "lost", "passed"} == set(told[0])
    for name, network in trainer.networks.items():
        changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[name][key])}
        assert all(key.startswith("presence.") for key in changed)
        assert bool(changed) == (name == "reader")


def test_other_readers_do_not_tell(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose lite"):
        Trainer(replace(RUN, reader="gp_lpr"), tmp_path, CPU)
    with pytest.raises(UsageError, match="shots alone"):
        replace(RUN, shots=False).check()


def test_a_preset_finds_the_pool_that_is_rendered_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SHARD", 4 * GROUP)  # a shot is as large as four pairs
    made = ["render", "--preset", "presence", "--pairs", "1", "--workers", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, made, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    pool, _ = rendered_pool(replace(PRESETS["presence"], pairs=1), tmp_path, 1)
    shown = set(pool.take(np.arange(GROUP))["plate"].tolist())
    assert shown == {Shown.NOTHING, Shown.PLATE, Shown.FOREIGN}
    other = CliRunner().invoke(app, [*made, "--foreign", "0.7"])
    assert other.exit_code == 1
    assert "another source" in str(other.exception)

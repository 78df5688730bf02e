"""A reader that learns alone on shots: directly, through another run's generator, and whether there is a plate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")

from lpsr_train.cameras.shots import GROUP, ShotSource, Shown, draw_shots  # noqa: E402
from lpsr_train.config import PRESETS  # noqa: E402
from lpsr_train.data.records import PairPool  # noqa: E402
from lpsr_train.data.samples import shot_samples  # noqa: E402
from lpsr_train.training.batches import to_batch  # noqa: E402
from lpsr_train.training.trainer import Trainer, load_trained  # noqa: E402

CPU = torch.device("cpu")
PAIR = replace(PRESETS["cameras"], steps=1, batch=8, validation=2, validate_every=1)
RUN = replace(
    PRESETS["auxiliary"],
    shots=True,
    shown_run="pair",
    shown_generator="lite",
    steps=2,
    batch=8,
    validation=2,
    validate_every=2,
)


@pytest.fixture(scope="module")
def records():
    return draw_shots(ShotSource(absent=0.4, foreign=0.5), 9, GROUP, 0)


def test_what_is_written_on_plates_of_the_world_is_not_known(records) -> None:
    batch = to_batch(records, CPU)
    shown = torch.from_numpy(np.sort(records["plate"]))
    assert batch.legible is not None
    assert 0 < int(batch.legible.sum()) < len(records)
    assert int(batch.legible.sum()) == int((shown != Shown.FOREIGN).sum())
    assert to_batch(records, CPU).direct.shape[2:] == (64, 192)


def test_a_reader_learns_directly_and_through_a_generator_that_stays(records, tmp_path: Path) -> None:
    (tmp_path / "pair").mkdir()
    pair = Trainer(PAIR, tmp_path / "pair", CPU)
    pair.run(PairPool(records), samples=shot_samples(2, 7_000_001))
    (tmp_path / "reader").mkdir()
    trainer = Trainer(RUN, tmp_path / "reader", CPU)
    trainer.start_from(tmp_path / "pair")
    trainer.take(tmp_path / "pair", "generator", "shown")
    before = {name: {k: v.clone() for k, v in n.state_dict().items()} for name, n in trainer.networks.items()}
    told: list[dict[str, float]] = []
    seen: list[torch.Tensor] = []
    trainer.networks["reader"].encoder.register_forward_hook(lambda _, given, made: seen.append(given[0]))
    trainer.run(PairPool(records), lambda step, losses: told.append(losses), samples=shot_samples(2, 7_000_001))
    assert {"reader", "presence"} == set(told[0])
    assert seen[0].shape == (8, 3, 64, 192)
    halves = seen[0][:, :, ::2, ::2], seen[0][:, :, 1::2, 1::2]
    enlarged = [bool(torch.equal(one, other)) for one, other in zip(*halves, strict=True)]
    assert enlarged == [True] * 4 + [False] * 4, "half of the batch is the generator's 32 x 96 pixels"
    changed = {
        name: any(not torch.equal(value, before[name][key]) for key, value in network.state_dict().items())
        for name, network in trainer.networks.items()
    }
    assert changed == {"reader": True, "shown": False}
    presence = trainer.networks["reader"].presence
    assert any(not torch.equal(v, before["reader"][f"presence.{k}"]) for k, v in presence.state_dict().items())
    assert load_trained(tmp_path / "reader").generator is None

"""`lpsr-train average`: the mean of runs, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError  # noqa: E402
from lpsr_train.cli import app  # noqa: E402
from lpsr_train.config import TrainConfig  # noqa: E402
from lpsr_train.training import state  # noqa: E402
from lpsr_train.training.trainer import Trainer, load_trained  # noqa: E402

RUN = TrainConfig(task="reader-any", reader="multi-task", steps=1, bf16=False)


def run(folder: Path, config: TrainConfig = RUN) -> Path:
    folder.mkdir()
    Trainer(config, folder, torch.device("cpu")).save()
    return folder


def test_the_mean_lies_between(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one"), run(tmp_path / "other", replace(RUN, seed=7))
    out = tmp_path / "mean"
    done = CliRunner().invoke(app, ["average", str(one), str(other), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    weights = [load_trained(folder).reader.state_dict() for folder in (one, other, out)]
    for name, mean in weights[2].items():
        if mean.is_floating_point():
            assert torch.allclose(mean, (weights[0][name] + weights[1][name]) / 2)
    assert not torch.equal(weights[0]["classify"], weights[2]["classify"])
    assert [entry["config"]["seed"] for entry in load_trained(out).lineage] == [RUN.seed, 7]


def test_what_cannot_be_averaged_is_one_line(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one"), run(tmp_path / "other", replace(RUN, reader="lite"))
    with pytest.raises(LpsrError, match="its reader is of another size"):
        state.mean([one, other])
    with pytest.raises(LpsrError, match="no checkpoint"):
        state.mean([one, tmp_path / "nowhere"])
    for arguments, words in (([one], "two runs or more"), ([one, one], "holds a run")):
        done = CliRunner().invoke(app, ["average", *map(str, arguments), "--out", str(other)])
        assert isinstance(done.exception, LpsrError)
        assert words in str(done.exception)


def test_fixed_networks_are_the_last_ones(tmp_path: Path) -> None:
    """One run may have been shown a generator's pictures, and the one that it began with not."""
    one = run(tmp_path / "one")
    other = run(tmp_path / "other", replace(RUN, seed=7, shown_run="x", shown_generator="lite"))
    made, last = state.mean([one, other]), state.load(other)
    assert set(made["averages"]) == {"reader", "shown"}
    assert all(torch.equal(value, last["averages"]["shown"][key]) for key, value in made["averages"]["shown"].items())
    assert not torch.equal(made["averages"]["reader"]["classify"], last["averages"]["reader"]["classify"])


def test_files_of_weights_alone_are_averaged_too(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one"), run(tmp_path / "other", replace(RUN, seed=7))
    saved = state.load(other)
    state.save(other, {key: value for key, value in saved.items() if key != "optimisers"})
    made = state.mean([one, other])["averages"]["reader"]["classify"]
    halves = [state.load(folder)["averages"]["reader"]["classify"] for folder in (one, other)]
    assert torch.allclose(made, (halves[0] + halves[1]) / 2)

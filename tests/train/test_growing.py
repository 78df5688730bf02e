"""Pools that another process renders: taken up as they grow, compared with the run, and waited for aloud."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")
import torch

from lpsr_core.errors import LpsrError
from lpsr_train.cameras.shots import SHOT_RECORD
from lpsr_train.config import PRESETS, TrainConfig
from lpsr_train.data import pool as pools
from lpsr_train.data.growing import GrowingPool
from lpsr_train.data.pool import shard_size
from lpsr_train.data.shards import NOTE, shard_path
from lpsr_train.training.fitting import growing_pool, rendered_pool, train
from lpsr_train.training.resident import Resident

RUN = replace(PRESETS["cameras"], pairs=1024, batch=4, open_share=0.0)


def fill(folder: Path, number: int) -> None:
    shard = np.zeros(shard_size(SHOT_RECORD), SHOT_RECORD)
    shard["width"] = number
    np.save(shard_path(folder, number), shard)


def test_a_growing_pool_is_taken_up_in_the_order_in_which_it_came(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    size = shard_size(SHOT_RECORD)
    pool = GrowingPool(tmp_path, SHOT_RECORD, 3 * size - 10)
    near = Resident(pool, torch.device("cpu"))
    orders = pool.orders(size, seed=1)
    assert len(next(orders)) == len(near) == size
    fill(tmp_path, 1)
    fill(tmp_path, 5)
    assert max(next(orders)) >= size, "a new pass draws from what has come"
    near.refresh()
    assert len(pool) == 3 * size
    assert len(near) == 3 * size - 10
    widths = near.take(np.arange(0, 3 * size - 10, size))["width"]
    assert widths.tolist() == [3, 1, 5], "records keep their places"


def test_waiting_for_a_pool_ends_when_asked_to(tmp_path: Path) -> None:
    told: list[int] = []
    pool = GrowingPool(tmp_path, SHOT_RECORD, 10)
    pool.wait(10, lambda: bool(told), told.append)
    assert told == [0]


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool of the run, of shards that hold nothing."""
    monkeypatch.setattr(pools, "draw_shots", blank)
    rendered_pool(RUN, tmp_path, 1)
    return tmp_path


def blank(source: object, seed: int, size: int, number: int) -> np.ndarray:
    return np.zeros(size, SHOT_RECORD)


@pytest.mark.parametrize(
    "other",
    [{"layouts": "LLLDDDD"}, {"without": "codec"}, {"absent": 0.5}, {"seed": 5}],
    ids=["patterns", "steps", "absent", "seed"],
)
def test_a_pool_of_other_settings_is_refused_whether_it_grows_or_not(rendered: Path, other: dict[str, object]) -> None:
    messages = []
    for begin in (lambda run: growing_pool(run, rendered), lambda run: rendered_pool(run, rendered, 1)):
        with pytest.raises(LpsrError, match="another source, seed or settings") as error:
            begin(replace(RUN, **other))
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_a_growing_pool_of_another_drawing_is_refused(rendered: Path) -> None:
    note = json.loads((rendered / NOTE).read_text())
    (rendered / NOTE).write_text(json.dumps({**note, "drawing": note["drawing"] - 1}))
    with pytest.raises(LpsrError, match="another source, seed or settings"):
        growing_pool(RUN, rendered)


def test_of_a_pool_without_a_note_nothing_is_known(rendered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(growing_pool(RUN, rendered)[0]) == 1024
    assert capsys.readouterr().err == ""
    (rendered / NOTE).unlink()
    growing_pool(RUN, rendered)
    line = f"note: {rendered} has no pool.json, so nothing is known of what it was rendered from\n"
    assert capsys.readouterr().err == line


def test_a_log_shows_the_end_of_waiting_and_the_beginning_of_training(
    rendered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    growing_pool(RUN, rendered)
    first, last = capsys.readouterr().out.splitlines()
    assert first == "wait for the pool: 128 of 128"
    assert "128/128" in last
    seen: list[str] = []

    class Slow(SimpleNamespace):
        def run(self, *_: object) -> None:
            seen.append(capsys.readouterr().out)

    train(Slow(config=TrainConfig(steps=70), step=3, device=torch.device("cpu")), rendered)  # type: ignore[arg-type]
    assert seen == ["step 3/70\n"], "before the first step, and before validation plates are rendered"


def test_the_same_typefaces_elsewhere_are_the_same_pool(
    tmp_path: Path, rendered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lpsr_train.training import fitting

    note = json.loads((rendered / NOTE).read_text())
    note["source"]["sign_typefaces"] = ["/there/a/Sans.ttf", "/there/b/Serif.otf"]
    (rendered / NOTE).write_text(json.dumps(note))
    monkeypatch.setattr(fitting, "sign_typefaces", lambda: ("/here/a/Sans.ttf", "/here/b/Serif.otf"))
    pool, _ = growing_pool(RUN, rendered)
    assert len(pool) == 1024
    rendered_pool(RUN, rendered, 1)
    monkeypatch.setattr(fitting, "sign_typefaces", lambda: ("/here/b/Serif.otf", "/here/a/Sans.ttf"))
    with pytest.raises(LpsrError, match="another source"):
        growing_pool(RUN, rendered)

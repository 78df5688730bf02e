"""The eight rows of Table II: what they differ in, and that a stopped table goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError
from lpsr_core.paper import ABLATION
from lpsr_train.data import pool as pools
from lpsr_train.data.pool import render_pool
from lpsr_train.evaluation.ablation import ROWS, Budget, Result, ablate, table
from lpsr_train.networks.presets import generator_config
from lpsr_train.plates.pairs import PlateSource
from lpsr_train.training.trainer import load_trained, validation_samples

BUDGET = Budget(
    "lite",
    steps=1,
    batch=3,
    reader_steps=1,
    seeds=(5,),
    pairs=8,
    plates=2,
    validations=1,
    validation=2,
    reader_batch=4,
)


def test_rows_differ_in_their_components_alone() -> None:
    assert len(ROWS) == 8
    assert [ABLATION[row.archmod, row.gan, row.lcofl] for row in ROWS] == sorted(ABLATION.values())
    assert ROWS[0].name == "Proposed (w/o ArchMod, GAN-style, LCOFL)"
    assert ROWS[-1].name == "Proposed"
    budget = replace(BUDGET, batch=48)
    for row in ROWS:
        config = row.config(budget, 1)
        config.check()
        shown = config.batch - (round(config.real * config.batch) if row.gan else 0)
        assert shown == 48, "every row learns from as many LR plates"
        made = generator_config(config.generator, config.archmod)
        assert made.shared_attention == made.deformable == row.archmod
        assert (config.guide == "gan") == row.gan
        assert (config.loss == "lcofl") == row.lcofl


def test_seeds_read_the_same_plates_and_do_not_count_as_more() -> None:
    """Two runs that agree on every plate leave the interval of one."""
    one = np.random.default_rng(1).random((1, 400)) < 0.5
    single = Result.of(ROWS[0], {}, one)
    twice = Result.of(ROWS[0], {}, np.repeat(one, 2, axis=0))
    assert twice.interval == single.interval
    assert single.interval[1] - single.interval[0] == pytest.approx(2 * 1.96 * 100 * np.sqrt(0.25 / 400), rel=0.1)
    assert single.spread is None
    assert twice.spread == 0
    apart = Result.of(ROWS[0], {}, np.array([[True] * 3 + [False], [True] + [False] * 3]))
    assert apart.percent == 50
    assert apart.spread == pytest.approx(np.std([75, 25], ddof=1))


def test_the_table_is_trained_stopped_and_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SHARD", 8)
    list(render_pool(tmp_path / "pool", PlateSource(), 1, 8, 1))
    records = pools.Pool(tmp_path / "pool", BUDGET.pairs)
    samples = validation_samples("blur", 2, 7_000_006)
    trained: list[str] = []

    def listen(name: str, step: int, total: int) -> None:
        trained.append(name)

    def run(stop=lambda: False):
        return list(ablate(tmp_path / "out", records, BUDGET, samples, listen, stop))

    begun = run(stop=lambda: len(trained) >= 4)
    assert len(begun) < 8
    before = list(trained)
    done = run()
    assert [result.row for result in done] == list(ROWS)
    assert len(trained) == 11, "two guides, judge and eight rows, none of them twice"
    assert len(before) == 4
    gan = load_trained(tmp_path / "out" / "rows" / "gan-5")
    begun = load_trained(tmp_path / "out" / "gp_lpr")
    assert gan.reader.config == begun.reader.config
    saved = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["row"] for row in saved["rows"]] == [row.name for row in ROWS]
    assert saved["rows"][0]["seeds"]["5"]["all"]["total"] == 2
    assert saved["rows"][0]["spread"] is None
    assert table(done).row_count == 8
    with pytest.raises(LpsrError, match="another source, seed or settings"):
        list(ablate(tmp_path / "out", records, replace(BUDGET, steps=2), samples, listen, lambda: False))

"""The paper's figures, and what is computed from them."""

from __future__ import annotations

import json

import pytest
from toy_models import ROOT

from lpsr_bench.reference import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS, TABLE_I
from lpsr_bench.suites.reference import ReferenceRun


def test_ratios_are_in_proportion_to_the_papers_plates() -> None:
    run = ReferenceRun("networks", 400, 3, 2.0, {}, None)
    assert run.seconds_for_paper == pytest.approx(20)
    assert run.times_faster == pytest.approx(114)
    assert run.times_faster_than_sr3 == pytest.approx(5940)


def test_the_recorded_figures_are_those_that_are_printed() -> None:
    paper = json.loads((ROOT / "benchmarks" / "paper.json").read_text(encoding="utf-8"))
    assert paper["time"]["plates"] == PAPER_PLATES
    assert paper["time"]["proposed_seconds"] == PAPER_SECONDS
    assert paper["time"]["sr3_seconds"] == SR3_SECONDS
    rows = [(row["images"], row["all"], row["six"], row["five"]) for row in paper["table_1"]["rows"]]
    assert rows == [(row.images, row.all, row.six, row.five) for row in TABLE_I]
    for table in ("table_1", "table_3"):
        for row in paper[table]["rows"]:
            assert row["all"] <= row["six"] <= row["five"] <= 100

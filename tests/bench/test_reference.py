"""The paper's figures, and what is computed from them."""

from __future__ import annotations

import pytest

from lpsr_bench.suites.reference import ReferenceRun
from lpsr_core.paper import ABLATION, PAPER_SECONDS, SR3_SECONDS, TABLES


def test_ratios_are_in_proportion_to_the_papers_plates() -> None:
    run = ReferenceRun("networks", 400, 3, 2.0, {}, None)
    assert run.seconds_for_paper == pytest.approx(20)
    told = run.as_dict()
    assert told["paper_seconds_divided_by_ours"] == pytest.approx(114)
    assert told["sr3_seconds_divided_by_ours"] == pytest.approx(5940)


def test_the_papers_rates_are_in_order() -> None:
    for name, rows in TABLES.items():
        assert all(row.all <= row.six <= row.five <= 100 for row in rows), name
    assert {row.seconds for row in TABLES["I"]} == {None, PAPER_SECONDS, SR3_SECONDS}
    (proposed,) = (row for row in TABLES["I"] if "proposed" in row.name)
    assert ABLATION[True, True, True] == max(ABLATION.values()) == proposed.all

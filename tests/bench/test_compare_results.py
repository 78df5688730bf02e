"""What changed between two results, and what chance would explain."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sample_result import sample

from lpsr_bench.comparison import Change, compare_results, rates_differ, rounds_apart, unlike
from lpsr_core.errors import UsageError


def found(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Change]:
    changes = compare_results(before, after)
    assert len({change.what for change in changes}) == len(changes), "each is named once"
    return {change.what: change for change in changes}


def test_the_same_result_twice() -> None:
    changes = found(sample(), sample())
    assert {change.percent for change in changes.values()} == {0}
    assert not [change for change in changes.values() if change.verdict.startswith("yes")]
    suites = {
        "crops/s, batch 8",
        "seconds for 4,000",
        "ms for 99 %",
        "ms a frame, locate",
        "J a crop",
        "crops/s, 4000 c",
    }
    for words in suites:
        assert any(what.startswith(words) for what in changes), words


def test_rates_by_fishers_test() -> None:
    before, after = sample(), sample()
    what = "% all seven, sr, blur < 0.1, all"
    after["suites"]["accuracy"][0]["rates"]["sr"]["all"] |= {"hits": 28, "percent": 70.0}
    assert found(before, after)[what].verdict == "no, p = 0.44"
    after["suites"]["accuracy"][0]["rates"]["sr"]["all"] |= {"hits": 20, "percent": 50.0}
    change = found(before, after)[what]
    assert change.verdict == "yes, p = 0.0093"
    assert (change.before, change.after, change.change) == (80.0, 50.0, "-30.0 points")
    assert rates_differ({"hits": 0, "total": 1}, {"hits": 1, "total": 1}) == (1.0, False)


def test_results_of_other_plates_or_machines_say_so() -> None:
    before = sample()
    assert unlike(before, sample()) == []
    after = sample(degradation="noise", seed=3)
    after["data"]["plates"] += 1
    after["hardware"] = "another machine"
    rates, speeds = unlike(before, after)
    count = before["data"]["plates"]
    assert rates == (
        f"rates are not of the same conditions: number of plates {count} and {count + 1}, "
        "degradation 'blur' and 'noise', seed 0 and 3"
    )
    assert speeds.startswith("speeds are not of the same conditions: hardware")


def test_speeds_by_their_rounds() -> None:
    assert not rounds_apart([100, 110], [105, 115]), "they overlap"
    assert not rounds_apart([100, 110], [112, 115]), "within the margin"
    assert rounds_apart([100, 110], [116, 120])
    assert rounds_apart([116, 120], [100, 110])
    before, after = sample(), sample()
    row = after["suites"]["throughput"][0]
    row["crops_per_second_by_round"] = [300.0, 310.0]
    row["crops_per_second"] = 305.0
    several = after["suites"]["throughput"][-1]
    several["crops_per_second_by_round"] = [900.0, 900.0]
    changes = found(before, after)
    assert changes["crops/s, batch 1, 1 streams, networks"].verdict == "yes, no rounds overlap"
    assert changes["crops/s, batch 1, 1 streams, crop to string"].verdict == "no, rounds overlap or lie close"
    assert changes["crops/s, batch 8, 2 streams, crop to string"].verdict == "not tested", "its rounds are the callers'"


def test_only_what_both_have() -> None:
    before, after = sample(), sample()
    before["suites"] = {"reference": before["suites"]["reference"]}
    assert [change.what for change in compare_results(before, after)] == [
        "seconds for 4,000 plates, networks",
        "seconds for 4,000 plates, crop to string",
    ]
    after["suites"] = {"kernel": after["suites"]["kernel"]}
    with pytest.raises(UsageError, match="no figure in common"):
        compare_results(before, after)


def test_from_nothing() -> None:
    assert Change("", 0.0, 0.0, "").percent == 0
    assert Change("", 0.0, 1.0, "").percent == float("inf")


def test_the_command(tmp_path: Path) -> None:
    def call(*names: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lpsr_bench.cli", "compare", *names]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    (tmp_path / "a.json").write_text(json.dumps(sample()))
    (tmp_path / "old.json").write_text(json.dumps({**sample(), "schema": 1}))
    (tmp_path / "none.json").write_text(json.dumps({**sample(), "suites": {}}))
    assert "beyond chance" in call("a.json", "a.json").stdout
    for other, code, words in (
        ("old.json", 1, "its schema is 1, this version reads 2"),
        ("none.json", 2, "no figure in common"),
        ("gone.json", 2, "no such file"),
    ):
        result = call("a.json", other)
        assert result.returncode == code
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1

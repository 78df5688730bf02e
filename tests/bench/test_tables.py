"""The tables that all forms share, and the forms without plots."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console
from sample_result import sample

from lpsr_bench.config import SUITES
from lpsr_bench.report.files import write_csv, write_markdown, write_text
from lpsr_bench.report.tables import Table, duration, number, rate, tables
from lpsr_bench.report.terminal import print_results
from lpsr_bench.report.words import notes
from lpsr_core.errors import LpsrError


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (float("nan"), ""),
        (0, "0"),
        (0.00002, "2.0e-05"),
        (0.0123456, "0.0123"),
        (1.5, "1.5"),
        (99.95, "100"),
        (1234.4, "1,234"),
    ],
)
def test_numbers(value: float | None, words: str) -> None:
    assert number(value) == words


def test_rates_and_durations() -> None:
    assert rate({"percent": 79.84, "interval": [77.91, 81.52]}) == "79.8 [77.9, 81.5]"
    assert rate(None) == ""
    assert [duration(seconds) for seconds in (1.26, 2280, 118800)] == ["1.3 s", "38 min", "33 h"]


def test_every_suite_has_its_tables() -> None:
    found = list(tables(sample()))
    assert list(dict.fromkeys(table.suite for table in found)) == list(SUITES)
    for table in found:
        assert all(len(row) == len(table.head) for row in table.rows), table.title
        assert table.rows
    by_title = {table.title: table for table in found}
    assert by_title["4,000 plates at batch 1"].rows[1] == ("here, crop to string", "22.8 s", "175", "100")
    assert [row[0] for row in by_title["accuracy by degradation; all seven right, % [95 %]"].rows] == ["0.5", "0.1"]
    assert [row[0] for row in by_title["accuracy by layout; all seven right, % [95 %]"].rows] == [
        "brazilian (40 plates)",
        "mercosur (40 plates)",
    ]


def test_tables_of_any_part_of_a_suite() -> None:
    document = sample()
    whole = document["suites"]
    for suite, rows in whole.items():
        for kept in (rows[:1], rows[-1:], []):
            document["suites"] = {suite: kept}
            assert bool(list(tables(document))) == bool(kept), suite
    runs = [row for row in whole["stages"] if row["kind"] == "run"]
    document["suites"] = {"stages": runs}
    assert [table.title for table in tables(document)] == ["stages of a run over a video; milliseconds a frame"]


def test_columns_of_numbers() -> None:
    table = Table("kernel", "", ("a", "b", "c", "d"), (("x", "1.5", "ceiling", ""), ("y", "2", "73 %", "")))
    assert [table.numeric(index) for index in range(4)] == [False, True, True, True]


def test_markdown(tmp_path: Path) -> None:
    document = sample(["a | b"])
    document["suites"]["peers"][1]["name"] = "x | y"
    found = write_markdown(document, tmp_path / "a.md").read_text(encoding="utf-8")
    assert "| x \\| y | crop to string |" in found
    assert found.index("## Throughput") < found.index("## Peers") < found.index("## Notes\n\n- a | b\n")
    rows = [line for line in found.splitlines() if line.startswith("|")]
    assert sum(line.startswith("| ---") for line in rows) == len(list(tables(document)))


def test_csv_holds_every_figure_and_no_picture(tmp_path: Path) -> None:
    found = list(csv.reader(io.StringIO(write_csv(sample(), tmp_path / "a.csv").read_text(encoding="utf-8"))))
    assert found[0] == ["suite", "row", "figure", "value"]
    assert ["reference", "1", "seconds_for_4000", "22.8"] in found
    assert ["accuracy", "0", "rates.sr.all.interval.0", "65.24"] in found
    assert {line[0] for line in found[1:]} == set(SUITES)
    assert not [line for line in found if "sheet" in line[2] or "confusion" in line[2]]
    assert max(len(line[3]) for line in found) < 60
    assert not [line for line in found if line[3] == "None"]


def test_terminal() -> None:
    out = io.StringIO()
    print_results(sample(["busy"]), Console(file=out, width=160, highlight=False, markup=False))
    assert "generator lite fp32; reader lite fp32; LR reader lite fp32" in out.getvalue()
    assert "note: busy\n" in out.getvalue()
    assert "arXiv" in out.getvalue()


def test_what_has_to_be_known_comes_first() -> None:
    document = sample(["busy"], seconds=0.1)
    assert notes(document)[-1] == "busy"
    assert "a trial: 0.1 s for each measurement" in notes(document)[0]
    document["complete"] = False
    assert "did not come to its end" in notes(document)[0]
    document["interrupted"] = True
    assert "was interrupted" in notes(document)[0]
    assert len(notes(document)) == 3
    assert notes(sample()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")
    assert write_text(tmp_path / "file", "after").read_text() == "after"
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "file" / "a.md"):
        with pytest.raises(LpsrError, match="cannot be written"):
            write_text(path, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]

"""A run over crops that was stopped, and the next one in its folder."""

from __future__ import annotations

import csv
import json
import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import Command, paint, save_image

import lpsr_run.pipeline.run as run_module
from lpsr_run.evidence.verify import verify
from lpsr_run.pipeline.crops import read_crops
from lpsr_run.pipeline.plate_reader import PlateBatch, PlateReader

COUNT = 7


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    (tmp_path / "crops").mkdir()
    for number in range(COUNT):
        save_image(tmp_path / "crops" / f"{number}.png", paint(f"ABC1D{number}3"))
    return tmp_path / "crops"


@pytest.fixture
def given(crops: Path, options: list[str], tmp_path: Path) -> list[str]:
    return ["--crops", str(crops), "--out", str(tmp_path / "out"), "--batch", "2", *options]


@pytest.fixture
def stopped(here: Command, given: list[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """A run that is interrupted while it reads its third and fourth crop."""
    read, batches = PlateReader.read, []

    def interrupted(self: PlateReader, crops: list[np.ndarray]) -> PlateBatch:
        batches.append(len(crops))
        if len(batches) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return read(self, crops)

    def run(*more: object) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(run_module, "read_crops", partial(read_crops, collect=2))
            patched.setattr(PlateReader, "read", interrupted)
            assert here(*given, *more).returncode == 130

    return run  # type: ignore[return-value]


def lines(out: Path) -> list[str]:
    return (out / "reads.jsonl").read_text().splitlines()


def sources(found: list[str]) -> list[str]:
    return [Path(json.loads(line)["source"]).name for line in found]


ALL = [f"{number}.png" for number in range(COUNT)]


def test_a_run_that_was_stopped_goes_on_behind_its_reads(
    here: Command, given: list[str], stopped: Command, tmp_path: Path
) -> None:
    out, table, evidence = tmp_path / "out", tmp_path / "reads.csv", tmp_path / "evidence"
    outputs = ["--csv", table, "--evidence", evidence]
    stopped(*outputs)
    first = lines(out)
    assert sources(first) == ALL[:4]

    done = here(*given, *outputs, "--threads", "2")  # which changes no read
    assert done.returncode == 0, done.stderr
    assert f"{out}: goes on behind the 4 reads of a run that was stopped" in done.stderr
    told = json.loads((out / "run.json").read_text())
    assert (told["frames"], told["reads"], told["read_before"]) == (3, 3, 4)
    assert sum(source["frames"] for source in told["sources"]) == 3
    whole = lines(out)
    assert whole[:4] == first
    assert sources(whole) == ALL
    assert [json.loads(line)["number"] for line in whole] == [1, 2, 3, 4, 5, 6, 7]
    assert not list(out.glob("earlier-*"))
    with table.open(newline="") as stream:
        assert [Path(row["source"]).name for row in csv.DictReader(stream)] == ALL
    verdict = verify(evidence)
    assert (verdict.folders, verdict.runs, verdict.findings) == (COUNT, 2, ())

    # That one read everything: one more begins anew, as ever.
    assert here(*given, *outputs).returncode == 0
    assert sources(lines(out)) == ALL
    assert (out / "earlier-1" / "reads.earlier.jsonl").read_text().splitlines() == whole


def test_a_line_that_was_torn_is_read_again(here: Command, given: list[str], stopped: Command, tmp_path: Path) -> None:
    stopped()
    journal = tmp_path / "out" / "reads.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert here(*given).returncode == 0
    assert sources(lines(tmp_path / "out")) == ALL


def test_reads_of_other_options_are_not_mixed(
    here: Command, given: list[str], stopped: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stopped()
    first = lines(out)
    done = here(*given, "--views", "one")
    begun = f"{out}: the run that was stopped is set aside, and this one begins anew: --views was 'auto' and is 'one'"
    assert begun in done.stderr.splitlines()
    assert sources(lines(out)) == ALL
    assert (out / "earlier-1" / "reads.earlier.jsonl").read_text().splitlines() == first


def test_reads_of_another_kind_of_run_are_not_mixed(
    here: Command, given: list[str], stopped: Command, crops: Path, tmp_path: Path
) -> None:
    stopped()
    for source in (["--fuse", crops / "0.png"], given[:2]):
        done = here(*source, *given[2:])
        assert "goes on" not in done.stderr
    assert sources(lines(tmp_path / "out")) == ALL


def test_a_run_whose_first_reads_are_gone_begins_anew(
    here: Command, given: list[str], stopped: Command, tmp_path: Path
) -> None:
    stopped("--keep-reads", "100")
    journal = tmp_path / "out" / "reads.jsonl"
    journal.write_text("".join(line + "\n" for line in lines(tmp_path / "out")[1:]))
    done = here(*given, "--keep-reads", "100")
    assert "begins anew: its first reads were deleted" in done.stderr
    assert sources(lines(tmp_path / "out")) == ALL

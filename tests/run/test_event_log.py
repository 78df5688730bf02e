"""The log of events: it does not grow for ever, and nobody who moves it away makes it lose a line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lpsr_run.monitor.event_log import KEPT, LARGEST, EventLog


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["number"] for line in path.read_text().splitlines()]


def older(path: Path) -> list[Path]:
    """All files of a log, the oldest lines first."""
    return [*sorted(path.parent.glob(f"{path.name}.*"), reverse=True), path]


def test_a_log_is_bounded_and_keeps_the_newest_events_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path, largest=4000, kept=2) as log:
        for number in range(1000):
            log({"event": "lost", "number": number, "why": "größer" * (number % 7)})
            assert path.stat().st_size <= 4000
    assert [file.name for file in older(path)] == ["log.jsonl.2", "log.jsonl.1", "log.jsonl"]
    assert sum(file.stat().st_size for file in older(path)) <= 3 * 4000
    told = [number for file in older(path) for number in numbers(file)]
    assert told == list(range(told[0], 1000)), "in order, without a gap, up to the last"
    assert len(told) > 40


def test_without_being_told_a_log_and_its_older_ones_take_forty_mebibytes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    event = {"event": "x" * (LARGEST // 8)}
    with EventLog(path) as log:
        for _ in range(7 * (KEPT + 2)):
            log(event)
    assert [file.name for file in older(path)] == ["log.3", "log.2", "log.1", "log"]
    assert 30 << 20 < sum(file.stat().st_size for file in older(path)) <= 40 << 20


def test_two_runs_may_share_a_log_that_either_moves_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with EventLog(path, largest=2000, kept=3) as one, EventLog(path, largest=2000, kept=3) as other, EventLog(path):
        one({"number": -1})
        for number in range(300):  # the other one is silent while the file moves on more often than files are kept
            one({"number": number})
        other({"number": 300})
        one({"number": 301})
    told = [number for file in older(path) for number in numbers(file)]
    assert told == list(range(told[0], 302))
    assert len(older(path)) == 4


def test_a_log_that_somebody_moves_away_or_deletes_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with EventLog(path) as log:
        log({"number": 1})
        path.rename(tmp_path / "tidied")
        log({"number": 2})
        assert numbers(path) == [2]
        path.unlink()
        log({"number": 3})
    assert numbers(path) == [3]
    assert numbers(tmp_path / "tidied") == [1]


def test_a_torn_line_of_an_earlier_run_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"number": 1}\n{"numb')
    with EventLog(path) as log:
        log({"number": 2})
    assert path.read_text().splitlines()[1] == '{"numb'
    assert json.loads(path.read_text().splitlines()[2])["number"] == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_log_may_be_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with EventLog(path, largest=10) as log:
        log({"number": 1})
        log({"number": 2, "name": "no \udcff text"})
    lines = os.read(reader, 1 << 16).decode().splitlines()
    os.close(reader)
    assert [json.loads(line)["number"] for line in lines] == [1, 2]
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]

"""One journal: what was recorded reaches every sink once, in order, whatever happened in between."""

from __future__ import annotations

import csv
import json
import os
import random
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from killing import killed
from test_stores import result

from lpsr_core.errors import LpsrError
from lpsr_run.evidence.sink import EvidenceSink
from lpsr_run.evidence.verify import verify
from lpsr_run.sinks import CsvSink, JsonLinesSink, SqliteSink, set_aside
from lpsr_run.sinks.base import DurableSink, NotNowError, Record, Result
from lpsr_run.sinks.outbox import DELIVERED, Outbox, catch_up

RUN = "01M8GGMR5XH0FS38QYSS9326G0"


def numbered(number: int, run: str = RUN) -> Result:
    one = result(f"ABC{number:04d}", frame=None, sr=None)
    return replace(one, read=replace(one.read, run=run, number=number))


class Listed(DurableSink):
    """Keeps reads in a list; busy or broken as long as it is told to be."""

    def __init__(self, name: str = "listed") -> None:
        self.name, self.taken, self.busy, self.broken = name, list[tuple[str, bool]](), False, False

    def close(self) -> None:
        pass

    def deliver(self, record: Record, again: bool = False) -> None:
        if self.busy:
            raise NotNowError("listed: is locked")
        if self.broken:
            raise LpsrError("listed: cannot be written")
        if not any(key == record.key for key, _ in self.taken):
            self.taken.append((record.key, again))


def box(out: Path, *sinks: DurableSink, **options: object) -> Outbox:
    return Outbox(JsonLinesSink(out / "reads.jsonl"), sinks, RUN, out, **options)  # type: ignore[arg-type]


def test_a_busy_sink_holds_up_no_other_and_catches_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_run.sinks.outbox._RETRY_SECONDS", 0.0)
    busy, other, notes = Listed("busy"), Listed("other"), list[str]()
    with box(tmp_path, busy, other, notice=notes.append) as outbox:
        busy.busy = True
        for number in range(1, 4):
            outbox.write(numbered(number))
        assert len(other.taken) == 3
        assert outbox.behind == {"busy": 3}
        busy.busy = False
        outbox.tick()
        assert outbox.behind == {}
    assert busy.taken == other.taken
    assert [note.partition(";")[0] for note in notes] == ["listed: is locked", "busy: takes reads again"]
    assert not (tmp_path / DELIVERED).exists()


def test_what_a_sink_did_not_take_until_the_end_the_next_run_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpsr_run.sinks.outbox._FAREWELL", 0.2)
    faults: list[str] = []
    one = Listed()
    with box(tmp_path, one, fault=faults.append) as outbox:
        outbox.write(numbered(1))
        one.busy = True
        outbox.write(numbered(2))
        outbox.write(numbered(3))
    assert faults == ["listed: did not take 2 reads; the next run in this folder brings them"]
    later, notes = Listed(), list[str]()
    for _ in range(2):
        catch_up(tmp_path, [Listed("another")], notes.append)
        set_aside(tmp_path)
        assert "2 reads of run" in notes[-1]
    catch_up(tmp_path, [later], notes.append)
    assert later.taken == [(f"{RUN}-0000000{number}", True) for number in (2, 3)]
    assert not list(tmp_path.rglob(DELIVERED))


def test_a_broken_sink_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    one = Listed()

    def end() -> None:
        with box(tmp_path, one) as outbox:
            outbox.write(numbered(1))
            one.broken = True
            outbox.write(numbered(2))

    with pytest.raises(LpsrError, match="cannot be written"):
        end()
    later = Listed()
    catch_up(tmp_path, [later], lambda line: None)
    assert [key[-1] for key, _ in later.taken] == ["2"]


def test_a_locked_store_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_run.sinks.outbox._RETRY_SECONDS", 0.0)
    path = tmp_path / "reads.sqlite"
    with SqliteSink(path) as store, box(tmp_path, store) as outbox:
        outbox.write(numbered(1))
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            outbox.write(numbered(2))
            outbox.write(numbered(3))
            assert len((tmp_path / "reads.jsonl").read_text().splitlines()) == 3
            other.execute("ROLLBACK")
        outbox.tick()
        with sqlite3.connect(path) as database:
            assert database.execute("SELECT number FROM reads ORDER BY id").fetchall() == [(1,), (2,), (3,)]


def remove(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name(f"moved-{path.name}"))


@pytest.mark.parametrize("how", [remove, move])
@pytest.mark.parametrize("name", ["reads.jsonl", "reads.csv", "reads.sqlite"])
def test_a_file_that_vanishes_is_made_anew_and_told(tmp_path: Path, name: str, how: Callable[[Path], None]) -> None:
    faults: list[str] = []
    path = tmp_path / name
    kinds: dict[str, Callable[[], CsvSink | SqliteSink | JsonLinesSink]] = {
        "reads.jsonl": lambda: JsonLinesSink(path, fault=faults.append),
        "reads.csv": lambda: CsvSink(path, faults.append),
        "reads.sqlite": lambda: SqliteSink(path, fault=faults.append),
    }
    with kinds[name]() as sink:
        sink.write(numbered(1))
        how(path)
        sink.write(numbered(2))
        sink.write(numbered(3))
    assert len(faults) == 1
    assert "was deleted or moved while the run wrote it" in faults[0]
    assert numbers(path) == [2, 3]


def numbers(path: Path) -> list[int]:
    """Of the reads that a file holds, in their order."""
    if path.suffix == ".csv":
        with path.open(newline="") as stream:
            return [int(row["number"]) for row in csv.DictReader(stream, strict=True)]
    if path.suffix == ".sqlite":
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return [number for (number,) in database.execute("SELECT number FROM reads ORDER BY id")]
    return [json.loads(line)["number"] for line in path.read_text().splitlines()]


_WRITE = """
import sys
from pathlib import Path
from test_outbox import RUN, numbered, opened
from lpsr_run.sinks import JsonLinesSink
from lpsr_run.sinks.outbox import Outbox

out = Path(sys.argv[1])
outbox = Outbox(JsonLinesSink(out / "reads.jsonl"), opened(out), RUN, out)
print("ready", flush=True)
for number in range(1, 100000):
    outbox.write(numbered(number))
    print(number, flush=True)
"""


def opened(out: Path) -> list[DurableSink]:
    return [CsvSink(out / "reads.csv"), SqliteSink(out / "reads.sqlite"), EvidenceSink(out / "evidence", {})]


def test_after_a_kill_and_a_rerun_all_sinks_agree(tmp_path: Path) -> None:
    rng = random.Random(5)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests/run"), str(ROOT / "tests"), *sys.path]),
    }
    for trial in range(12):
        out = tmp_path / str(trial)
        out.mkdir()
        acknowledged = killed(_WRITE, out, rng.uniform(0, 0.2), environment)
        sinks = opened(out)
        catch_up(out, sinks, lambda line: None)
        for sink in sinks:
            sink.__exit__(None, None, None)
        journal = numbers(out / "reads.jsonl")
        assert journal == list(range(1, len(journal) + 1))
        assert journal[: len(acknowledged)] == acknowledged
        assert len(journal) - len(acknowledged) <= 1
        assert numbers(out / "reads.csv") == journal
        assert numbers(out / "reads.sqlite") == journal
        if journal:
            verdict = verify(out / "evidence")
            assert verdict.sound, [str(finding) for finding in verdict.findings]
            assert verdict.folders == len(journal)

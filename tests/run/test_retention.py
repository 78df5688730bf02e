"""One rule for all that a run writes: what is too old or too much goes, and nothing else."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import sqlite3
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from test_stores import folders, put, result

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.alerts.alerts import Alerts
from lpsr_run.alerts.settings import AlertsFile, SinkSettings
from lpsr_run.alerts.sink import AlertSink
from lpsr_run.config import RunConfig
from lpsr_run.evidence.retention import sweep_evidence
from lpsr_run.evidence.signing import open_signer
from lpsr_run.evidence.sink import EvidenceSink
from lpsr_run.evidence.verify import verify
from lpsr_run.monitor.summary import Summary
from lpsr_run.pipeline.open_sinks import open_outbox
from lpsr_run.retention import sweeper
from lpsr_run.retention.policy import Entry, Retention, parse_bytes, run_time, superfluous
from lpsr_run.retention.sweeper import Sweeper
from lpsr_run.sinks import CsvSink, JsonLinesSink, PictureStore, Result, SpooledSink, SqliteSink, set_aside
from lpsr_run.sinks.base import Record
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.sinks.spool import NotTakenError
from lpsr_run.sinks.sweeps import sweep_pictures, sweep_reads

RUN = new_run_id()
DAY = 86400.0


def numbered(number: int, days: float = 0.0, run: str = RUN) -> Result:
    """A read that was made so many days ago."""
    one = result(f"ABC{number:04d}", frame=None, sr=None)
    made = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - DAY * days))
    return replace(one, read=replace(one.read, run=run, number=number, time=made))


def test_sizes_and_times() -> None:
    assert [parse_bytes(text, "--x") for text in ("0", "500M", "1.5 GB", "2k")] == [0, 500_000_000, 1_500_000_000, 2000]
    for wrong in ("", "many", "-1", "5X"):
        with pytest.raises(UsageError, match="--x takes a size"):
            parse_bytes(wrong, "--x")
    before = int(1000 * time.time()) / 1000
    assert before <= (run_time(new_run_id()) or 0) <= time.time()
    assert run_time("no run") is None


def test_the_rule() -> None:
    entries = [Entry(Path(f"{n}-{part}"), str(n), 100.0 * n, 10) for n in range(5) for part in "ab"]

    def gone(**rule: float) -> list[str]:
        return sorted({entry.key for entry in superfluous(entries, Retention(**rule), 400 + DAY)})  # type: ignore[arg-type]

    assert gone() == []
    assert gone(days=1) == ["0", "1", "2", "3"]
    assert gone(reads=2) == ["0", "1", "2"]
    assert gone(bytes=40) == ["0", "1", "2"]
    assert gone(reads=4, bytes=20) == ["0", "1", "2", "3"]


def test_lines_of_reads_and_tables(tmp_path: Path) -> None:
    journal, table = JsonLinesSink(tmp_path / "reads.jsonl"), CsvSink(tmp_path / "reads.csv")
    for number in range(1, 11):
        one = numbered(number, days=10 - number)
        journal.append(one.read.to_json(), number)
        table.deliver(Record.of(one.read))
    delivered = [10]
    sweep = sweep_reads(tmp_path, journal, lambda: delivered[0])
    now = time.time()

    def held() -> tuple[list[int], list[int]]:
        lines = [json.loads(line)["number"] for line in (tmp_path / "reads.jsonl").read_text().splitlines()]
        with (tmp_path / "reads.csv").open(newline="") as stream:
            return lines, [int(row["number"]) for row in csv.DictReader(stream, strict=True)]

    rule = Retention(days=6.5)
    assert (sweep(rule, now), table.sweep(rule, now)) == (3, 3)
    assert held() == (list(range(4, 11)),) * 2
    delivered[0] = 5
    rule = Retention(reads=3)
    assert sweep(rule, now) == 2, "what a sink still waits for stays"
    delivered[0] = 10
    assert (sweep(rule, now), table.sweep(rule, now)) == (2, 4)
    assert held() == (list(range(8, 11)),) * 2
    size = (tmp_path / "reads.jsonl").stat().st_size
    assert sweep(Retention(bytes=size - 1), now) == 1
    for number in (11, 12):
        one = numbered(number)
        journal.append(one.read.to_json(), number)
        table.deliver(Record.of(one.read))
        table.deliver(Record.of(one.read), again=True)
    assert held() == ([9, 10, 11, 12], [8, 9, 10, 11, 12]), "writing goes on behind what is left"


def test_what_earlier_runs_left(tmp_path: Path) -> None:
    for run in range(4):
        with JsonLinesSink(tmp_path / "reads.jsonl") as journal:
            for number in range(1, 6):
                journal.append(numbered(number, days=30 - 10 * run).read.to_json(), number)
        set_aside(tmp_path)
    journal = JsonLinesSink(tmp_path / "reads.jsonl")
    sweep = sweep_reads(tmp_path, journal, lambda: 0)
    assert sweep(Retention(days=25), time.time()) == 5
    assert sorted(path.name for path in tmp_path.glob("earlier-*")) == ["earlier-2", "earlier-3", "earlier-4"]
    assert sweep(Retention(reads=7), time.time()) == 8
    assert sorted(path.name for path in tmp_path.glob("earlier-*")) == ["earlier-3", "earlier-4"]
    assert len((tmp_path / "earlier-3" / "reads.earlier.jsonl").read_text().splitlines()) == 2


def test_pictures(tmp_path: Path) -> None:
    one = result()
    store = PictureStore(tmp_path / "pictures", tmp_path)
    for number in range(1, 6):
        names = store.save(f"{RUN}-{number:08d}", "v.mp4", one.crop, one.sr)
        for name in names:
            os.utime(tmp_path / str(name), (0, time.time() - DAY * (5 - number)))
    (tmp_path / "pictures" / "mine.png").write_bytes(b"not of a read")
    sweep = sweep_pictures(tmp_path)
    assert sweep(Retention(days=2.5), time.time()) == 2
    assert sweep(Retention(reads=1), time.time()) == 2
    assert sorted(path.name[27:35] for path in (tmp_path / "pictures").glob(f"{RUN}*")) == ["00000005"] * 2
    assert (tmp_path / "pictures" / "mine.png").exists()


def test_what_cannot_be_deleted_holds_back_nothing_else(tmp_path: Path) -> None:
    for run in ("earlier-1", "earlier-2"):
        (tmp_path / run / "pictures").mkdir(parents=True)
    stuck = tmp_path / "earlier-1" / "pictures" / f"{RUN}-00000001-v-lr.png"
    stuck.mkdir()  # as if it lay in a folder of another user
    for number in (2, 3):
        (tmp_path / "earlier-2" / "pictures" / f"{RUN}-{number:08d}-v-lr.png").touch()
    faults: list[str] = []
    sweep, later = sweep_pictures(tmp_path), time.time() + 2 * DAY
    Sweeper(Retention(days=1), {"pictures": lambda rule, now: sweep(rule, later)}, faults.append).sweep()
    assert list(tmp_path.rglob("*.png")) == [stuck]
    (fault,) = faults
    assert fault.startswith("pictures: what is too old or too much cannot be deleted: ")
    assert fault.endswith(f": {stuck}; let this user write there; it is tried again every minute")


def test_an_earlier_run_that_cannot_be_deleted_holds_back_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with JsonLinesSink(tmp_path / "reads.jsonl") as journal:
            journal.append(numbered(1, days=30).read.to_json(), 1)
        set_aside(tmp_path)
    rmtree = shutil.rmtree

    def refusing(folder: Path) -> None:
        if folder.name == "earlier-2":  # the first that is looked at
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        rmtree(folder)

    monkeypatch.setattr("lpsr_run.sinks.sweeps.shutil.rmtree", refusing)
    with JsonLinesSink(tmp_path / "reads.jsonl") as journal, pytest.raises(PermissionError):
        sweep_reads(tmp_path, journal, lambda: 0)(Retention(days=25), time.time())
    assert [path.name for path in tmp_path.glob("earlier-*")] == ["earlier-2"]


@pytest.mark.parametrize("signed", [False, True])
def test_evidence_that_was_deleted_is_told_from_evidence_that_was_taken(tmp_path: Path, signed: bool) -> None:
    if signed:
        pytest.importorskip("cryptography", reason="signing needs cryptography (the evidence extra)")
    signer = open_signer(tmp_path / "key") if signed else None
    public = tmp_path / "key.pub" if signed else None
    path = tmp_path / "evidence"
    with EvidenceSink(path, {}, signer=signer) as sink:
        for number in range(1, 5):
            put(sink, numbered(number))
    for number, folder in enumerate(folders(path)):
        os.utime(folder / "evidence.json", (0, time.time() - DAY * (4 - number)))
    assert sweep_evidence(path, signer)(Retention(days=2.5), time.time()) == 2
    assert len(folders(path)) == 2
    verdict = verify(path, public)
    assert verdict.sound, [str(finding) for finding in verdict.findings]
    assert sum("retention" in finding.what for finding in verdict.findings) == 2
    (note,) = path.glob("*.deleted.jsonl")
    if signed:  # whoever has not the key cannot say that the run itself deleted it
        taken = folders(path)[0]
        line = json.loads(note.read_text().splitlines()[0])
        with note.open("a") as stream:
            stream.write(json.dumps({**line, "folder": taken.name}) + "\n")
        for file in taken.iterdir():
            file.unlink()
        taken.rmdir()
        assert not verify(path, public).sound


def test_spools_and_stores(tmp_path: Path) -> None:
    def never(body: bytes, key: str) -> None:
        raise NotTakenError("is down")

    with SpooledSink(never, "hook", tmp_path / "spool") as sink:
        for number in range(1, 6):
            sink.deliver(Record.of(numbered(number).read))
        assert sink.sweep(Retention(reads=2), time.time()) == 3
        assert (sink.waiting, sink.state()["expired"]) == (2, 3)
        assert sink.sweep(Retention(days=1), time.time() + 2 * DAY) == 2
    with SqliteSink(tmp_path / "s.sqlite") as store:
        for number in range(1, 400):
            store.deliver(Record.of(numbered(number).read))
        store.sweep(Retention(bytes=200_000), time.time())
    with sqlite3.connect(tmp_path / "s.sqlite") as database:
        count, first, last = database.execute("SELECT count(*), min(number), max(number) FROM reads").fetchone()
    assert 20 < count < 399
    assert (first, last) == (400 - count, 399), "the oldest went"


def test_spools_of_alert_sinks_and_of_outputs_that_are_gone_are_swept(tmp_path: Path) -> None:
    spools = [tmp_path / "spool-hook", tmp_path / "spool-gone", tmp_path / "spool-gone" / "refused"]
    for spool in spools:
        (spool / "refused").mkdir(parents=True, exist_ok=True)
        for days in (0.5, 1.5):
            name = f"{time.time_ns() - int(DAY * 1e9 * days):020d}-{RUN}-00000001.json"
            (spool / name).write_text(json.dumps(numbered(1).read.as_dict()))
    alien = tmp_path / "spool-of-thread"
    alien.mkdir()
    (alien / "1-blue.json").touch()
    sinks = (SinkSettings("hook", "webhook", "http://127.0.0.1:9/"),)
    with ExitStack() as stack:
        config = RunConfig(out=str(tmp_path), keep_days=1, keep_reads=1)
        alerts = Alerts(AlertsFile(tmp_path / "alerts.toml", (), sinks))
        outbox = open_outbox(config, Summary(), lambda line: None, pytest.fail, stack, alerts)
        assert [type(lane.sink) for lane in outbox.lanes] == [AlertSink]
    assert [len(list(spool.glob("*.json"))) for spool in spools] == [1, 1, 1]
    assert (alien / "1-blue.json").exists(), "no spool of ours"


def test_an_output_that_hangs_while_it_is_swept_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.1)
    begun, free, ended = threading.Event(), threading.Event(), threading.Event()

    def hangs(rule: Retention, now: float) -> int:
        begun.set()
        free.wait(60)
        ended.set()
        return 0

    with Sweeper(Retention(days=1), {"hung": hangs}, pytest.fail):
        assert begun.wait(60)
    assert not ended.is_set()
    free.set()


def test_what_cannot_be_deleted_is_told_once_and_stops_nothing() -> None:
    calls, faults = list[float](), list[str]()

    def broken(rule: Retention, now: float) -> int:
        raise LpsrError("no way")

    sweeps = {"broken": broken, "fine": lambda rule, now: calls.append(now) or 1}
    with Sweeper(Retention(days=1), sweeps, faults.append) as sweeper:
        sweeper.sweep()
    assert len(calls) >= 2
    assert len(faults) == 1
    calls.clear()
    with Sweeper(Retention(), sweeps, faults.append):
        pass
    assert not calls

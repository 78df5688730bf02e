"""One journal: what was recorded reaches every sink once, in order, whatever happened in between."""

from __future__ import annotations

import csv
import errno
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_stores import result, until

from lpsr_core.errors import LpsrError
from lpsr_run.sinks import CsvSink, JsonLinesSink, SqliteSink, set_aside
from lpsr_run.sinks.base import DurableSink, NotNowError, Record, Result
from lpsr_run.sinks.catch_up import catch_up
from lpsr_run.sinks.folder import _MOVED, DELIVERED, MOVING
from lpsr_run.sinks.outbox import Outbox

RUN, OTHER = "01M8GGMR5XH0FS38QYSS9326G0", "01M8GGMR5XH0FS38QYSS9326G1"


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
    monkeypatch.setattr("lpsr_run.sinks.lane.RETRY_SECONDS", 0.01)
    busy, other, notes = Listed("busy"), Listed("other"), list[str]()
    with box(tmp_path, busy, other, notice=notes.append) as outbox:
        busy.busy = True
        for number in range(1, 4):
            outbox.write(numbered(number))
        until(lambda: len(other.taken) == 3)
        assert outbox.behind == {"busy": 3}
        busy.busy = False
        assert outbox.settle()
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
        assert outbox.settle()
        one.busy = True
        outbox.write(numbered(2))
        outbox.write(numbered(3))
    why = "listed: is locked"
    assert faults == [f"listed: did not take 2 reads; the next run in this folder delivers the rest: {why}"]
    later, notes = Listed(), list[str]()
    for _ in range(2):
        catch_up(tmp_path, [Listed("another")], notes.append)
        set_aside(tmp_path)
        assert "2 reads of run" in notes[-1]
    catch_up(tmp_path, [later], notes.append)
    assert later.taken == [(f"{RUN}-0000000{number}", True) for number in (2, 3)]
    assert not list(tmp_path.rglob(DELIVERED))


def test_a_broken_sink_costs_itself_and_the_next_run_brings_what_it_lacks(tmp_path: Path) -> None:
    one, other, faults = Listed(), Listed("other"), list[str]()
    with box(tmp_path, one, other, fault=faults.append) as outbox:
        outbox.write(numbered(1))
        assert outbox.settle()
        one.broken = True
        outbox.write(numbered(2))
        until(lambda: len(other.taken) == 2)
    assert faults == [
        "listed: did not take 1 read; the next run in this folder delivers the rest: listed: cannot be written"
    ]
    later = Listed()
    catch_up(tmp_path, [later], lambda line: None)
    assert [key[-1] for key, _ in later.taken] == ["2"]


def test_what_a_sink_cannot_take_at_the_start_goes_before_new_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpsr_run.sinks.outbox._FAREWELL", 0.2)
    monkeypatch.setattr("lpsr_run.sinks.lane.RETRY_SECONDS", 0.01)
    one = Listed()
    one.busy = True
    with box(tmp_path, one) as outbox:
        outbox.write(numbered(1))
        outbox.write(numbered(2))
    later = Listed()
    later.busy = True
    owed = catch_up(tmp_path, [later], lambda line: None)
    set_aside(tmp_path)
    with box(tmp_path, later, owed=owed) as outbox:
        outbox.write(numbered(1, OTHER))
        later.busy = False
        assert outbox.settle()
    assert later.taken == [(f"{RUN}-00000001", True), (f"{RUN}-00000002", True), (f"{OTHER}-00000001", False)]
    again = Listed()
    again.taken = list(later.taken)
    catch_up(tmp_path, [again], lambda line: None)
    assert again.taken == later.taken, "what is noted still is dropped by the sink"
    assert not list(tmp_path.rglob(DELIVERED))


@pytest.mark.parametrize("data", [b"", b"{", b"[]"])
def test_a_note_that_a_power_cut_emptied_costs_repetitions_and_no_read(tmp_path: Path, data: bytes) -> None:
    with box(tmp_path, Listed()) as outbox:
        for number in (1, 2):
            outbox.write(numbered(number))
    (tmp_path / DELIVERED).write_bytes(data)
    later = Listed()
    catch_up(tmp_path, [later], lambda line: None)
    assert [key[-1] for key, _ in later.taken] == ["1", "2"]


def test_a_sink_that_hangs_holds_up_nobody_and_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_run.sinks.outbox._FAREWELL", 0.2)
    hung, other, faults, gone = Listed("hung"), Listed("other"), list[str](), threading.Event()
    monkeypatch.setattr(hung, "deliver", lambda record, again=False: gone.wait())
    with hung, box(tmp_path, hung, other, fault=faults.append) as outbox:
        for number in range(1, 6):
            outbox.write(numbered(number))
        until(lambda: len(other.taken) == 5)
    gone.set()
    assert hung.abandoned
    assert "hung: did not take 5 reads" in faults[0]
    assert "it hangs" in faults[0]


def test_a_sink_that_is_away_for_long_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_run.sinks.backlog.IN_MEMORY", 3)
    monkeypatch.setattr("lpsr_run.sinks.lane.RETRY_SECONDS", 0.01)
    one = Listed()
    one.busy = True
    with box(tmp_path, one) as outbox:
        for number in range(1, 21):
            outbox.write(numbered(number))
        (lane,) = outbox.lanes
        assert len(lane.backlog) == 20
        assert len(lane.backlog._held) == 3
        one.busy = False
        assert outbox.settle()
    assert [int(key[-8:]) for key, _ in one.taken] == list(range(1, 21))


def test_what_retention_takes_from_the_journal_moves_no_read_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpsr_run.sinks.backlog.IN_MEMORY", 2)
    monkeypatch.setattr("lpsr_run.sinks.lane.RETRY_SECONDS", 0.01)
    one, journal = Listed(), JsonLinesSink(tmp_path / "reads.jsonl")
    one.busy = True
    with Outbox(journal, [one], RUN, tmp_path) as outbox:
        for number in range(1, 9):
            outbox.write(numbered(number))
        journal.keep_from((tmp_path / "reads.jsonl").read_bytes().index(b"\n") + 1)
        one.busy = False
        assert outbox.settle()
    assert [int(key[-8:]) for key, _ in one.taken] == list(range(1, 9))
    assert numbers(tmp_path / "reads.jsonl") == list(range(2, 9))


def test_a_journal_that_vanishes_without_a_further_read_is_told(tmp_path: Path) -> None:
    faults: list[str] = []
    journal = JsonLinesSink(tmp_path / "reads.jsonl", fault=faults.append)
    with Outbox(journal, [], RUN, tmp_path, fault=faults.append) as outbox:
        outbox.write(numbered(1))
        (tmp_path / "reads.jsonl").unlink()
    assert len(faults) == 1
    assert "was deleted or moved" in faults[0]


@pytest.mark.parametrize("moved", range(5))
def test_a_kill_while_files_are_set_aside_parts_nothing(tmp_path: Path, moved: int) -> None:
    one = Listed()
    with box(tmp_path, one) as outbox:
        outbox.write(numbered(1))
        assert outbox.settle()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / DELIVERED).write_text(json.dumps({"run": RUN, "sinks": {"listed": 0}}))
    part = tmp_path / MOVING
    part.mkdir()
    for name, new in list(_MOVED.items())[:moved]:
        (tmp_path / name).rename(part / new)
    later = Listed()
    catch_up(tmp_path, [later], lambda line: None)
    assert later.taken == [(f"{RUN}-00000001", True)]
    folder = set_aside(tmp_path)
    assert folder == tmp_path / "earlier-1"
    assert {path.name for path in folder.iterdir()} == {"run.json", "pictures", "reads.earlier.jsonl"}
    assert set_aside(tmp_path) is None


def test_a_locked_store_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_run.sinks.lane.RETRY_SECONDS", 0.01)
    path = tmp_path / "reads.sqlite"
    with SqliteSink(path) as store, box(tmp_path, store) as outbox:
        outbox.write(numbered(1))
        assert outbox.settle()
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            outbox.write(numbered(2))
            outbox.write(numbered(3))
            assert len((tmp_path / "reads.jsonl").read_text().splitlines()) == 3
            other.execute("ROLLBACK")
        assert outbox.settle()
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
        take(sink, 1)
        how(path)
        take(sink, 2)
        take(sink, 3)
    assert len(faults) == 1
    assert "was deleted or moved while the run wrote it" in faults[0]
    assert numbers(path) == [2, 3]


@pytest.mark.parametrize("kind", [CsvSink, SqliteSink])
def test_a_folder_that_cannot_be_made_anew_costs_no_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[CsvSink | SqliteSink]
) -> None:
    monkeypatch.setattr("lpsr_run.sinks.lane.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("lpsr_run.sinks.lane.LONGEST_RETRY_SECONDS", 0.02)
    folder, notes, faults = tmp_path / "there", list[str](), list[str]()
    path = folder / ("reads.csv" if kind is CsvSink else "reads.sqlite")
    with (
        kind(path, fault=faults.append) as sink,
        box(tmp_path, sink, notice=notes.append, fault=faults.append) as outbox,
    ):
        outbox.write(numbered(1))
        assert outbox.settle()
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "a disk that is not there")
        for number in (2, 3):
            outbox.write(numbered(number))
        until(lambda: outbox.lanes[0].failing)
        time.sleep(0.2)  # several attempts
        assert outbox.behind == {sink.name: 2}
        folder.unlink()
        assert outbox.settle()
    assert numbers(path) == [2, 3]
    assert [fault for fault in faults if "was deleted or moved" not in fault] == []
    assert len(faults) == 1
    assert "cannot be written: File exists; give another path" in notes[0]


def test_a_journal_that_cannot_be_made_anew_is_told_in_one_line_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    with JsonLinesSink(folder / "reads.jsonl") as journal:
        journal.append("{}", 1)
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "a disk that is not there")
        for _ in range(2):
            with pytest.raises(LpsrError, match="cannot be written: File exists; give another path"):
                journal.append("{}", 2)


def test_what_cannot_be_set_aside_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reads.jsonl").write_text("{}\n")
    (tmp_path / "pictures").mkdir()  # of another user: it cannot be moved into another folder
    rename = Path.rename

    def refusing(path: Path, target: Path) -> Path:
        if path.name == "pictures":
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(LpsrError, match=r"pictures: cannot be written: Permission denied; give another path"):
        set_aside(tmp_path)


def take(sink: CsvSink | SqliteSink | JsonLinesSink, number: int) -> None:
    record = Record.of(numbered(number).read)
    if isinstance(sink, JsonLinesSink):
        sink.append(record.line, number)
    else:
        sink.deliver(record)


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

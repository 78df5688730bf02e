"""The run's state for others: the status file, the log, the watch list."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.monitor import status
from lpsr_run.monitor.event_log import EventLog
from lpsr_run.monitor.status import StatusFile
from lpsr_run.pipeline.privacy import load_watch_list
from lpsr_run.state import RunState, SourceState


def test_the_status_file_is_always_whole_and_follows_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_SECONDS", 0.01)
    state, path = RunState([SourceState("a", live=True)]), tmp_path / "new" / "status.json"
    with StatusFile(path, state):
        for count in range(200):
            state.reads = count
            state.sources[0].dropped = 2 * count
            told = json.loads(path.read_text())
            assert told["status"] == "running"
            time.sleep(0.001)
    told = json.loads(path.read_text())
    assert (told["status"], told["reads"], told["sources"][0]["dropped"]) == ("ended", 199, 398)
    assert told["resident_bytes"] is None or told["resident_bytes"] > 1_000_000
    with pytest.raises(ZeroDivisionError), StatusFile(path, state):
        raise ZeroDivisionError
    assert json.loads(path.read_text())["status"] == "failed"
    assert [entry.name for entry in path.parent.iterdir()] == ["status.json"]


def test_a_status_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LpsrError, match="cannot be written"):
        StatusFile(tmp_path / "file" / "status.json", RunState())


def test_events_are_appended_as_lines(tmp_path: Path) -> None:
    for _ in range(2):
        state = RunState()
        with EventLog(tmp_path / "log") as log:
            state.listeners.append(log)
            state.tell("lost", source="a", why="x\ny")
        state.tell("after the log was closed")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["lost", "lost"]
    assert lines[0]["why"] == "x\ny"


def test_plates_that_nobody_looks_for_become_digests(tmp_path: Path) -> None:
    path, key = tmp_path / "list.txt", tmp_path / "list.txt.key"
    path.write_text("# stolen\nabc-1d23\n\nXYZ 1234  # of the depot\n")
    watched = load_watch_list(path, key)
    assert watched.texts == {"ABC1D23", "XYZ1234"}
    assert watched.shown("ABC1D23") == "ABC1D23"
    hidden = watched.shown("QQQ0000")
    assert hidden.startswith("#")
    assert "QQQ" not in hidden
    assert load_watch_list(path, key).shown("QQQ0000") == hidden, "the same plate is the same digest in every run"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.unlink()
    assert load_watch_list(path, key).shown("QQQ0000") != hidden, "nobody finds it by trying without the key"
    path.write_bytes(b"\xef\xbb\xbfABC1D23\n")
    assert load_watch_list(path, key).texts == {"ABC1D23"}, "a byte-order mark is none of the text"
    path.write_text("ABC1D23\nABC123\n")
    with pytest.raises(UsageError, match="line 2: 'ABC123' is not a plate of 7"):
        load_watch_list(path, key)
    path.write_text("# nothing\n")
    with pytest.raises(UsageError, match="empty"):
        load_watch_list(path, key)
    with pytest.raises(UsageError, match="not a readable watch list"):
        load_watch_list(tmp_path / "none", key)

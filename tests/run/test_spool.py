"""Spools: limits, dead letters and the way back, requests that take too long."""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from receiver import Receiver
from test_outbox import RUN, box, numbered
from test_stores import QUICK, TEXTS, hook, put, result, until
from typer.testing import CliRunner

from lpsr_core.errors import LpsrError
from lpsr_run.cli.spool import app
from lpsr_run.retention.policy import SpoolLimit
from lpsr_run.sinks import SpooledSink, poster
from lpsr_run.sinks.base import Record
from lpsr_run.sinks.spool import NotTakenError, ReadRefusedError
from lpsr_run.sinks.spool_folder import SpoolFolder, send_again


def never(body: bytes, key: str) -> None:
    raise NotTakenError("is down")


def test_a_full_spool_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    notes, faults = list[str](), list[str]()
    size = len(Record.of(numbered(1).read).line.encode())
    with SpooledSink(never, "hook", tmp_path, notes.append, QUICK, SpoolLimit(4 * size + 8), faults.append) as sink:
        for number in range(1, 11):
            sink.deliver(Record.of(numbered(number).read))
        assert sink.waiting == 4
        assert sink.state()["dropped"] == 6
        assert sink.state()["bytes"] <= 4 * size + 8
    left = sorted(json.loads(path.read_text())["number"] for path in tmp_path.glob("*.json"))
    assert left == [7, 8, 9, 10]
    assert sum("is full" in note for note in notes) == 1
    assert faults == ["hook: dropped 6 reads (--spool-limit), the oldest first"]


def test_a_full_spool_that_may_not_drop_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    limit = SpoolLimit(2 * len(Record.of(numbered(1).read).line.encode()), "stop")
    count = [0]
    sink = SpooledSink(never, "hook", tmp_path / "spool", retry=QUICK, limit=limit)

    def write() -> None:
        with sink, box(tmp_path, sink) as outbox:
            for number in range(1, 100):
                outbox.write(numbered(number))
                count[0] = number
                time.sleep(0.02)

    with pytest.raises(LpsrError, match="--spool-limit"):
        write()
    assert 2 <= count[0] < 99
    spooled = len(list((tmp_path / "spool").glob("*.json")))
    journal = [json.loads(line)["number"] for line in (tmp_path / "reads.jsonl").read_text().splitlines()]
    assert journal == list(range(1, count[0] + 1))
    assert spooled == 2
    assert json.loads((tmp_path / ".delivered.json").read_text())["sinks"] == {f"spool:{tmp_path / 'spool'}": 2}


@pytest.mark.parametrize("name", ["spool", "spool-mqtt", "spool-guard"])
def test_dead_letters_are_listed_with_their_reason_and_sent_again(tmp_path: Path, name: str) -> None:
    sent, refuse = list[str](), True

    def send(body: bytes, key: str) -> None:
        if refuse:
            raise ReadRefusedError("was refused with status 422")
        sent.append(json.loads(body)["text"])

    with SpooledSink(send, "hook", tmp_path / name, retry=QUICK) as sink:
        put(sink, result(TEXTS[0]))
        until(lambda: sink.waiting == 0)
        assert sink.state()["refused"] == 1
    run = CliRunner()
    listed = run.invoke(app, ["list", str(tmp_path)])
    assert listed.exit_code == 1
    assert "0 reads waiting, 1 set aside" in listed.output
    assert "was refused with status 422" in listed.output
    refuse = False
    assert "sending 1 read again" in run.invoke(app, ["retry", str(tmp_path)]).output
    with SpooledSink(send, "hook", tmp_path / name, retry=QUICK) as sink:
        until(lambda: sink.waiting == 0)
    assert sent == TEXTS[:1]
    assert run.invoke(app, ["list", str(tmp_path)]).exit_code == 0
    assert not list((tmp_path / name / "refused").iterdir())


def test_a_short_run_with_a_long_spool_makes_progress(tmp_path: Path) -> None:
    spool, receiver = tmp_path / "spool", Receiver(pause=0.01)
    with SpooledSink(never, "hook", spool, retry=QUICK) as sink:
        for number in range(1, 121):
            sink.deliver(Record.of(numbered(number).read))
    left = [120]
    for _ in range(120):
        with hook(receiver.plain, spool) as sink:
            pass
        left.append(len(list(spool.glob("*.json"))))
        if not left[-1]:
            break
    receiver.stop()
    assert left == sorted(set(left), reverse=True), "each run sends some"
    assert left[-1] == 0
    # A thread that is left behind ends with its process; here it may send what the next sink sends too.
    assert {key for _, key in receiver.got} == {f"{RUN}-{number:08d}" for number in range(1, 121)}


def test_what_a_run_leaves_for_the_next_is_counted_at_its_end(tmp_path: Path) -> None:
    notices: list[str] = []
    with SpooledSink(never, "hook", tmp_path / "spool", notices.append, retry=QUICK) as sink:
        for number in (1, 2, 3):
            sink.deliver(Record.of(numbered(number).read))
    assert notices[-1] == f"hook: 3 reads left in {tmp_path / 'spool'} for the next run"


def test_an_answer_that_comes_a_byte_at_a_time_is_given_up(tmp_path: Path) -> None:
    server, gone = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        with suppress(OSError):
            one, _ = server.accept()
            with one:
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000:
                    one.sendall(bytes([byte]))
                    if gone.wait(0.05):
                        return

    threading.Thread(target=drip, daemon=True).start()
    send = poster(f"http://127.0.0.1:{server.getsockname()[1]}/", limit=0.5)
    with pytest.raises(NotTakenError, match=r"took longer than 0.5 s"):
        send(b"{}", "key")
    gone.set()
    server.close()


class ReadOnly(threading.Event):
    """While it is set, no read can be removed from a spool; `attempts` are those that were tried to be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.attempts = list[Path]()
        remove = SpoolFolder.remove

        def refusing(folder: SpoolFolder, path: Path) -> None:
            self.attempts.append(path)
            if self.is_set():
                raise OSError(errno.EROFS, "Read-only file system")
            remove(folder, path)

        monkeypatch.setattr(SpoolFolder, "remove", refusing)
        self.set()


def test_a_read_that_was_sent_and_cannot_be_removed_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, notes = list[str](), list[str]()
    down, read_only = threading.Event(), ReadOnly(monkeypatch)
    down.set()

    def send(body: bytes, key: str) -> None:
        if down.is_set():
            raise NotTakenError("is down")
        sent.append(key[-1])

    with SpooledSink(send, "hook", tmp_path, notes.append, QUICK) as sink:
        for number in (1, 2):
            sink.deliver(Record.of(numbered(number).read))
        until(lambda: len(notes) == 1)
        down.clear()
        until(lambda: len(read_only.attempts) > 3)
        assert (sent, sink.state()["sent"], sink.waiting) == (["1"], 1, 2)
        read_only.clear()
        until(lambda: sink.waiting == 0)
    assert sent == ["1", "2"]
    assert notes[0].startswith("hook: is down; reads wait in")
    assert "Read-only file system; let this user read and write its folder; reads wait in" in notes[1]


def test_two_reads_that_were_sent_and_cannot_be_removed_are_each_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, read_only = list[str](), ReadOnly(monkeypatch)

    def send(body: bytes, key: str) -> None:
        if key[-1] == "1" and "2" not in sent:
            raise NotTakenError("is busy", answered=True)
        sent.append(key[-1])

    with SpooledSink(send, "hook", tmp_path, retry=QUICK) as sink:
        for number in (1, 2):
            sink.deliver(Record.of(numbered(number).read))
        until(lambda: len(read_only.attempts) > 4)
        read_only.clear()
        until(lambda: sink.waiting == 0)
    assert sent == ["2", "1"]


def test_what_the_sender_cannot_read_is_told_as_such_and_stops_no_other_read(tmp_path: Path) -> None:
    sent, notes = list[str](), list[str]()

    def send(body: bytes, key: str) -> None:
        if key[-1] == "1":
            raise PermissionError(errno.EACCES, "Permission denied", "pictures/1.png")
        sent.append(key[-1])

    with SpooledSink(send, "hook", tmp_path, notes.append, QUICK) as sink:
        for number in (1, 2):
            sink.deliver(Record.of(numbered(number).read))
        until(lambda: sink.waiting == 0)
        assert (sent, sink.state()["refused"]) == (["2"], 1)
    assert notes[0] == f"hook: Permission denied: pictures/1.png; reads wait in {tmp_path}"
    assert not any("let this user" in note for note in notes)


def test_what_cannot_be_put_back_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "refused").mkdir()
    (tmp_path / "refused" / "1-a.json").write_text("{}")
    (tmp_path / "1-a.json").mkdir()
    with pytest.raises(LpsrError, match="cannot be put back: Is a directory; let this user write to that folder"):
        send_again(tmp_path)


def test_a_spool_that_vanishes_is_made_anew_told_and_counted(tmp_path: Path) -> None:
    faults: list[str] = []
    spool = tmp_path / "spool"
    with SpooledSink(never, "hook", spool, retry=QUICK, fault=faults.append) as sink:
        for number in range(1, 4):
            sink.deliver(Record.of(numbered(number).read))
        spool.rename(tmp_path / "moved")
        sink.check()
        sink.deliver(Record.of(numbered(4).read))
        assert sink.waiting == 1
    assert "was deleted or moved" in faults[0]
    assert faults[1].endswith("3 reads deleted or moved before delivery")

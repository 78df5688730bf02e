"""Sinks that outlive a run: table, database, webhook, evidence."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import pytest
from broker import Broker
from receiver import Receiver

from lpsr_core.decode import Alternative, Candidate
from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_core.geometry import Box, Quad
from lpsr_core.reads import Read
from lpsr_run.alerts.mqtt_home import HomePublisher
from lpsr_run.evidence.sink import EvidenceSink
from lpsr_run.redact import redact, shown
from lpsr_run.sinks import CsvSink, Result, Retention, SpooledSink, SqliteSink, mqtt, poster, publisher, sqlite_store
from lpsr_run.sinks.base import DurableSink, Record
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.sinks.spool import NotTakenError
from lpsr_run.sinks.webhook import _seconds
from lpsr_run.sources.live import Retry

TEXTS = [f"ABC{number:04d}" for number in range(10)]


def result(text: str = "ABC1D23", **changes) -> Result:
    characters = tuple((Candidate(character, 1.0),) for character in text)
    read = Read("a,b.mp4", 3, 120.04, Box(1, 2, 30, 10), text, "mercosur", 0.9, characters, 2, 1, True, None, None, 0)
    read = replace(read, alternatives=(Alternative(text, 0.9),), time="2026-01-01T00:00:00.000+00:00")
    read = replace(read, certain=f"{text[:5]}??", plate=0.75)
    crop = np.full((10, 30, 3), 80, np.uint8)
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    quad = Quad.from_box(Box(60, 50, 30, 10))
    return replace(Result(read, 80.0, 120.0, crop, np.zeros((32, 96, 3), np.uint8), quad, frame), **changes)


_RUNS = WeakKeyDictionary[DurableSink, tuple[str, Iterator[int]]]()


def put(sink: DurableSink, result: Result) -> None:
    """Hand a read over as a run does; one of no run becomes the next of a run that this sink has for itself."""
    if not result.read.run:
        run, numbers = _RUNS.setdefault(sink, (new_run_id(), count(1)))
        result = replace(result, read=replace(result.read, run=run, number=next(numbers)))
    sink.prepare(result)
    sink.deliver(Record.of(result.read))


def test_a_table_is_continued_and_quotes_what_needs_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "reads.csv"
    for part in (TEXTS[:3], TEXTS[3:5]):
        with CsvSink(path) as sink:
            for text in part:
                put(sink, result(text))
                assert path.read_text().endswith("\n"), "each line is on the disk at once"
    rows = list(csv.DictReader(path.open()))
    assert [row["text"] for row in rows] == TEXTS[:5]
    assert rows[0]["source"] == "a,b.mp4"
    assert (rows[0]["certain"], rows[0]["plate"]) == ("ABC00??", "0.75")
    assert (rows[0]["milliseconds"], rows[0]["x"], rows[0]["sr_image"]) == ("120.0", "1", "")


def test_a_table_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("name,age\nAda,36\n")
    with pytest.raises(LpsrError, match=r"mine.csv: cannot be written: is another table"):
        CsvSink(path)
    assert path.read_text() == "name,age\nAda,36\n"


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_a_table_that_is_a_device_is_refused(device: str) -> None:
    """Reading its head might never end."""
    with pytest.raises(LpsrError, match=f"{device}: cannot be written: is no regular file"):
        CsvSink(Path(device))


def test_the_store_keeps_reads_over_runs(tmp_path: Path) -> None:
    path = tmp_path / "reads.sqlite"
    for part in (TEXTS[:3], TEXTS[3:]):
        with SqliteSink(path) as sink:
            for text in part:
                put(sink, result(text))
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        rows = database.execute("SELECT text, time, json FROM reads ORDER BY id").fetchall()
    assert [row[0] for row in rows] == TEXTS
    assert rows[0][1] == "2026-01-01T00:00:00.000+00:00"
    assert json.loads(rows[0][2])["alternatives"] == [{"text": TEXTS[0], "probability": 0.9}]


def test_a_store_of_the_first_schema_gets_the_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "reads.sqlite"
    with sqlite3.connect(path) as database:
        columns = "stored REAL, source TEXT, time TEXT, milliseconds REAL, frame INTEGER, track INTEGER, text TEXT"
        more = "layout TEXT, confidence REAL, frames INTEGER, agreeing INTEGER, json TEXT"
        database.execute(f"CREATE TABLE reads (id INTEGER PRIMARY KEY, {columns}, {more})")
        database.execute("INSERT INTO reads (stored, text) VALUES (?, 'OLD0001')", (time.time(),))
        database.execute("PRAGMA user_version = 1")
    new = result()
    for _ in range(2):
        with SqliteSink(path) as sink:
            put(sink, replace(new, read=replace(new.read, certain="ABC1?23", plate=0.75)))
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT text, certain, plate FROM reads ORDER BY id").fetchall()
    assert rows == [("OLD0001", None, None), *[("ABC1D23", "ABC1?23", 0.75)] * 2]
    with sqlite3.connect(path) as database:
        keys = database.execute("PRAGMA index_list(reads)").fetchall()
    assert any(name == "reads_key" and unique for _, name, unique, *_ in keys)


def test_the_store_takes_a_read_once(tmp_path: Path) -> None:
    one = result()
    with SqliteSink(tmp_path / "reads.sqlite") as sink:
        for run, number in (("A", 1), ("A", 1), ("A", 2), ("B", 1), ("A", 2)):
            put(sink, replace(one, read=replace(one.read, run=run, number=number)))
    with sqlite3.connect(tmp_path / "reads.sqlite") as database:
        rows = database.execute("SELECT run, number, event FROM reads ORDER BY id").fetchall()
    assert rows == [("A", 1, "final"), ("A", 2, "final"), ("B", 1, "final")]


def test_the_store_forgets_by_age_and_by_count(tmp_path: Path) -> None:
    path = tmp_path / "reads.sqlite"
    with SqliteSink(path) as sink:
        for text in TEXTS:
            put(sink, result(text))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE reads SET stored = stored - 10 * 86400 WHERE id <= 2")
    with SqliteSink(path) as sink:
        assert sink.sweep(Retention(days=7), time.time()) == 2
        for _ in range(100):
            put(sink, result("XYZ9999"))
        assert sink.sweep(Retention(reads=3), time.time()) == 100 + len(TEXTS) - 2 - 3
        assert not any(text.encode() in file.read_bytes() for text in TEXTS for file in tmp_path.iterdir())
    with sqlite3.connect(path) as database:
        texts = [text for (text,) in database.execute("SELECT text FROM reads ORDER BY id")]
    assert texts == ["XYZ9999"] * 3


def test_a_store_that_others_lock_is_swept_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "reads.sqlite"
    with SqliteSink(path) as sink:
        put(sink, result(TEXTS[0]))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert sink.sweep(Retention(days=1), time.time() + 2 * 86400) == 0
        assert sink.sweep(Retention(days=1), time.time() + 2 * 86400) == 1
        path.unlink()
        assert sink.sweep(Retention(days=1), time.time() + 2 * 86400) == 0
        assert not path.exists()


def test_a_sweep_of_many_reads_holds_up_no_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "_BUSY_MILLISECONDS", 1000)
    path = tmp_path / "reads.sqlite"
    with SqliteSink(path) as sink:
        put(sink, result(TEXTS[0]))
        with closing(sqlite3.connect(path)) as database, database:
            names = [row[1] for row in database.execute("PRAGMA table_info(reads)") if row[1] not in ("id", "number")]
            copied = ", ".join(names)
            database.execute(
                "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
                f"INSERT INTO reads (number, {copied}) SELECT i, {copied} FROM n, reads"
            )
        swept: list[int] = []
        thread = threading.Thread(target=lambda: swept.append(sink.sweep(Retention(reads=10), time.time())))
        thread.start()
        delivered = 0
        while thread.is_alive():
            put(sink, result(TEXTS[1]))  # raises where the store is locked
            delivered += 1
        assert delivered >= 1
        assert swept[0] > 19_000


def test_two_runs_may_share_a_store(tmp_path: Path) -> None:
    with SqliteSink(tmp_path / "s") as one, SqliteSink(tmp_path / "s") as other:
        for text in TEXTS:
            put(one, result(text))
            put(other, result(text))
    with sqlite3.connect(tmp_path / "s") as database:
        assert database.execute("SELECT count(*) FROM reads").fetchone() == (20,)


def test_a_line_that_a_power_cut_tore_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "reads.csv"
    with CsvSink(path) as sink:
        put(sink, result(TEXTS[0]))
    path.write_text(path.read_text() + "a.mp4,,12")
    with CsvSink(path) as sink:
        put(sink, result(TEXTS[1]))
    assert [row["text"] for row in csv.DictReader(path.open()) if row["text"]] == TEXTS[:2]


@pytest.mark.parametrize("what", ["text", "other schema", "foreign"])
def test_what_is_no_store_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    path = tmp_path / "s.sqlite"
    if what == "text":
        path.write_text("hello, this is no database at all, " * 50)
    else:
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE mine (x)")
            if what == "other schema":
                database.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(LpsrError, match=r"s.sqlite: cannot be used as the store of reads: ") as caught:
        SqliteSink(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes()[:16] == before[:16]


QUICK = Retry(first=0.02, longest=0.05)


def hook(url: str, spool: Path, notice=lambda _: None, retry: Retry = QUICK) -> SpooledSink:
    return SpooledSink(poster(url), redact(url), spool, notice, retry)


def until(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_reads_are_posted_in_order_and_leave_the_spool(tmp_path: Path) -> None:
    receiver = Receiver()
    with hook(receiver.url.replace("me:hunter2@", ""), tmp_path / "spool", retry=QUICK) as sink:
        for text in TEXTS:
            put(sink, result(text))
        until(lambda: sink.waiting == 0)
    receiver.stop()
    assert [text for text, _ in receiver.got] == TEXTS
    assert len({key for _, key in receiver.got}) == len(TEXTS)


def test_nothing_is_lost_through_an_outage_or_a_restart(tmp_path: Path) -> None:
    receiver = Receiver()
    url = receiver.url.replace("me:hunter2@", "")
    receiver.answers = [500, 503, 429]
    notes: list[str] = []
    with hook(url, tmp_path / "spool", notes.append, QUICK) as sink:
        put(sink, result(TEXTS[0]))
        until(lambda: len(receiver.got) == 1)
        receiver.stop()
        for text in TEXTS[1:4]:
            put(sink, result(text))
        until(lambda: len(notes) == 3)
    assert len(list((tmp_path / "spool").glob("*.json"))) == 3
    again = Receiver(receiver.port)
    with hook(url, tmp_path / "spool", notes.append, QUICK) as sink:
        put(sink, result(TEXTS[4]))
        until(lambda: sink.waiting == 0)
    again.stop()
    assert [text for text, _ in (*receiver.got, *again.got)] == TEXTS[:5]
    assert "status 500; reads wait in" in notes[0]
    assert "takes reads again" in notes[1]
    assert "cannot be reached" in notes[2]
    assert all("secret" not in note and "hunter2" not in note for note in notes)


def test_a_read_that_will_never_be_taken_is_set_aside(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = [422]
    notes: list[str] = []
    with hook(receiver.url.replace("me:hunter2@", ""), tmp_path / "spool", notes.append, QUICK) as sink:
        put(sink, result(TEXTS[0]))
        put(sink, result(TEXTS[1]))
        until(lambda: sink.waiting == 0)
    receiver.stop()
    assert [text for text, _ in receiver.got] == [TEXTS[1]]
    (kept,) = (tmp_path / "spool" / "refused").glob("*.json")
    assert json.loads(kept.read_text())["text"] == TEXTS[0]
    assert "status 422" in notes[0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_or_an_address_that_changed_loses_nothing(tmp_path: Path, status: int) -> None:
    receiver = Receiver()
    receiver.answers = [status] * 3
    notes: list[str] = []
    with hook(receiver.plain, tmp_path / "spool", notes.append, QUICK) as sink:
        for text in TEXTS[:3]:
            put(sink, result(text))
        until(lambda: sink.waiting == 0)
    receiver.stop()
    assert [text for text, _ in receiver.got] == TEXTS[:3]
    assert f"status {status}; reads wait in" in notes[0]
    assert not list((tmp_path / "spool" / "refused").iterdir())


def test_a_read_that_a_server_cannot_take_holds_up_no_others_for_ever(tmp_path: Path) -> None:
    sent, notes, down = list[str](), list[str](), True

    def send(body: bytes, key: str) -> None:
        text = json.loads(body)["text"]
        if down or text == TEXTS[0]:
            raise NotTakenError("status 500", answered=True)
        sent.append(text)

    with SpooledSink(send, "hook", tmp_path / "spool", notes.append, Retry(first=0.001, longest=0.002)) as sink:
        for text in TEXTS[:4]:
            put(sink, result(text))
        time.sleep(0.3)
        assert sink.waiting == 4, "a server that takes none is waited for"
        assert sink.state()["oldest_seconds"] > 0.1
        down = False
        until(lambda: sink.waiting == 0)
    assert sent == TEXTS[1:4]
    (kept,) = (tmp_path / "spool" / "refused").glob("*.json")
    assert json.loads(kept.read_text())["text"] == TEXTS[0]
    assert any("and the one behind it was" in note for note in notes)


def test_a_server_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    waits, calls = [0.6, 0.0], list[float]()

    def send(body: bytes, key: str) -> None:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise NotTakenError("status 429", answered=True, wait=waits[len(calls) - 1])

    with SpooledSink(send, "hook", tmp_path / "spool", retry=Retry(first=0.001, longest=0.002)) as sink:
        put(sink, result(TEXTS[0]))
        until(lambda: sink.waiting == 0)
    assert calls[1] - calls[0] >= 0.6
    assert _seconds("120") == 120
    assert _seconds("Thu, 01 Jan 1970 00:00:00 GMT") == _seconds("soon") == _seconds(None) == 0
    assert _seconds("999999999") == 3600


@pytest.mark.parametrize("name", ["=1+1.mp4", "+x", "-x", "@SUM(A1)"])
def test_no_name_is_a_formula_in_a_spreadsheet(tmp_path: Path, name: str) -> None:
    one = result()
    with CsvSink(tmp_path / "r.csv") as sink:
        put(sink, replace(one, read=replace(one.read, source=name)))
    (row,) = csv.DictReader((tmp_path / "r.csv").open())
    assert row["source"] == f"'{name}"


def test_no_name_steers_a_terminal() -> None:
    assert shown("a\n\x1b[31mb\x07\u202e.mp4") == "a\\n\\x1b[31mb\\x07\\u202e.mp4"
    assert shown("câmera é.mp4") == "câmera é.mp4"


def test_a_redirect_is_no_answer_and_a_password_is_sent_not_shown(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = [302]
    notes: list[str] = []
    with hook(receiver.url, tmp_path / "spool", notes.append) as sink:
        put(sink, result(TEXTS[0]))
        until(lambda: sink.waiting == 0)
    receiver.stop()
    assert [text for text, _ in receiver.got] == TEXTS[:1]
    assert "status 302, which sends elsewhere" in notes[0]
    assert receiver.users == {"Basic " + base64.b64encode(b"me:hunter2").decode()}
    assert not any("hunter2" in note or "secret" in note for note in notes)


def test_a_webhook_is_an_address(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--webhook takes an http"):
        hook("ftp://me:hunter2@host/", tmp_path)


def folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir())


def test_evidence_tells_the_digests_of_its_files(tmp_path: Path) -> None:
    made_by = {"models": {"reader": {"sha256": "a" * 64}}}
    with EvidenceSink(tmp_path / "evidence", made_by) as sink:
        put(sink, result("ABC1D23"))
        put(sink, result("XYZ1234", sr=None, frame=None))
        put(sink, result("HID1234", hidden=True))
    first, second = folders(tmp_path / "evidence")
    assert first.name.endswith("-00000001-ABC1D23")
    assert second.name.endswith("-00000002-XYZ1234")
    told = json.loads((first / "evidence.json").read_text())
    assert set(told["files"]) == {"lr.png", "sr.png", "frame.png"}
    for name, digest in told["files"].items():
        assert hashlib.sha256((first / name).read_bytes()).hexdigest() == digest
    assert told["read"]["text"] == "ABC1D23"
    assert told["made_by"]["models"]["reader"]["sha256"] == "a" * 64
    assert set(json.loads((second / "evidence.json").read_text())["files"]) == {"lr.png"}
    with EvidenceSink(tmp_path / "evidence", made_by) as sink:
        put(sink, result("ABC1D23"))
    assert len(folders(tmp_path / "evidence")) == 3, "earlier evidence stays"


def test_blurred_evidence_shows_the_plate_and_nothing_else(tmp_path: Path) -> None:
    with EvidenceSink(tmp_path, {}, blurred=True) as sink:
        put(sink, result())
    (folder,) = folders(tmp_path)
    picture = cv2.imread(str(folder / "frame.png"))
    assert picture is not None
    plate, elsewhere = picture[50:60, 60:90].astype(float), picture[80:118, 5:155].astype(float)
    assert plate.std() > 40, "noise within the plate is as it was"
    assert np.abs(np.diff(elsewhere, axis=1)).mean() < 3, "and gone outside"


def test_reads_are_published_through_an_outage(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt", reason="publishing needs paho-mqtt (the mqtt extra)")
    broker = Broker()
    url = f"mqtt://me:hunter2@127.0.0.1:{broker.port}/plates/gate"
    notes: list[str] = []
    with SpooledSink(publisher(url), redact(url), tmp_path, notes.append, QUICK) as sink:
        for text in TEXTS[:3]:
            put(sink, result(text))
        until(lambda: sink.waiting == 0)
        broker.stop()
        time.sleep(0.1)
        for text in TEXTS[3:5]:
            put(sink, result(text))
        until(lambda: len(notes) == 1)
        again = Broker(broker.port)
        until(lambda: sink.waiting == 0, 30)
    again.stop()
    assert broker.got == [("plates/gate", text) for text in TEXTS[:3]]
    assert dict.fromkeys(again.got) == dict.fromkeys(("plates/gate", text) for text in TEXTS[3:5]), "at least once"
    assert "hunter2" not in "".join(notes)


def test_a_client_that_cannot_be_made_is_no_fault_of_a_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("paho.mqtt.enums", reason="publishing needs paho-mqtt (the mqtt extra)")
    with pytest.raises(NotTakenError, match=r"cannot be reached: .*surrogates"):
        publisher("mqtt://me\udce9:x@127.0.0.1:9/plates")(b"{}", "key")

    def failing(broker: object) -> None:
        raise OSError("no certificates")

    monkeypatch.setattr(mqtt, "new_client", failing)
    with pytest.raises(NotTakenError, match="cannot be reached: no certificates"):
        publisher("mqtts://127.0.0.1:9/plates")(b"{}", "key")


def test_an_old_paho_is_told_at_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.enums", None)  # which 1.x does not have
    for opened in (publisher, lambda url: HomePublisher(url, None)):
        with pytest.raises(MissingExtraError, match=r"paho-mqtt is not installed; .*mqtt"):
            opened("mqtt://127.0.0.1:9/plates")


@pytest.mark.parametrize(
    "url", ["http://host/topic", "mqtt://host", "mqtt:///topic", "mqtt://host/a/#", "mqtt://h:x/t"]
)
def test_a_broker_is_an_address_with_a_topic(url: str) -> None:
    with pytest.raises(UsageError, match="--mqtt takes mqtt://host/topic"):
        publisher(url)

"""Stored reads without a server."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lpsr_core.errors import LpsrError
from lpsr_run.sinks import SqliteSink
from lpsr_run.sinks.base import Record
from lpsr_serve.inference.networks import Turns
from lpsr_serve.inference.pool import BusyError, StoppingError, WorkerPool
from lpsr_serve.store.places import Places
from lpsr_serve.store.reads import ReadFilter, ReadStore

RUN = "01M8GGMR5XH0FS38QYSS9326G0"


def record(number: int, **changed: Any) -> Record:
    """A read as it lies in the journal."""
    fields = {
        "source": "gate",
        "frame": 1,
        "milliseconds": 0.0,
        "box": {},
        "text": "ABC1D23",
        "certain": "ABC1D23",
        "layout": "mercosur",
        "confidence": 0.9,
        "plate": 0.9,
        "characters": [],
        "frames": 3,
        "agreeing": 3,
        "super_resolved": False,
        "lr_image": None,
        "sr_image": None,
        "track": 0,
        "alternatives": [],
        "time": None,
        "event": "final",
        "run": RUN,
        "number": number,
        "hit": None,
        "log_probs": "",
        "zone": None,
        **changed,
    }
    return Record.parse(json.dumps(fields))


def store(path: Path, *records: Record) -> ReadStore:
    with SqliteSink(path) as sink:
        for one in records:
            sink.deliver(one)
    return ReadStore(path)


def test_filters_choose_among_reads(tmp_path: Path) -> None:
    hit = {"list": "wanted", "text": "XYZ9876", "way": "exact", "edits": 0, "probability": 0.9, "note": ""}
    reads = store(
        tmp_path / "reads.sqlite",
        record(1, confidence=0.4),
        record(2, text="XYZ9876", hit=hit),
        record(3, event="first", source="yard"),
    )

    def numbers(before: int | None = None, **conditions: Any) -> list[int]:
        return [one.fields["number"] for one in reads.page(ReadFilter(**conditions), 10, before)]

    for prepare in (lambda: None, reads.make_indexes):
        prepare()
        assert numbers() == [3, 2, 1]
        assert numbers(before=3) == [2, 1]
        assert numbers(min_confidence=0.5) == [3, 2]
        assert numbers(min_confidence=0.5, before=3) == [2]
        assert numbers(hit=True) == [2]
        assert numbers(hit=False) == [3, 1]
        assert numbers(final=True) == [2, 1]
        assert numbers(camera="yard") == [3]
        assert numbers(plate="XYZ9876") == [2]
        assert numbers(text="z98") == [2]
        assert numbers(text="\0") == [], "which ends a pattern of SQLite"
        assert numbers(until=time.time() - 3600) == []
        assert [one.fields["number"] for one in reads.page(ReadFilter(hit=False), 1)] == [3]
    assert [one.fields["number"] for one in reads.after(1, 10)] == [2, 3]
    assert reads.last_row == 3
    found = reads.find(f"{RUN}-00000002")
    assert found is not None
    assert found.key == f"{RUN}-00000002"
    assert found.fields["hit"] == hit
    for absent in ("", "x", f"{RUN}-", f"{RUN}-9", f"{RUN}-²", f"{RUN}-{'9' * 30}"):
        assert reads.find(absent) is None
    assert list(reads.many([2, 7])) == [2]


@pytest.mark.parametrize(
    "conditions",
    [
        {"hit": True},
        {"camera": "yard"},
        {"camera": "yard", "min_confidence": 0.99, "final": True},
        {"text": "z98"},
        {"min_confidence": 0.99},
        {"since": 1.0, "hit": False},
        {"until": 1.0},
    ],
)
def test_filters_look_through_indexes_and_not_through_the_table(tmp_path: Path, conditions: dict[str, Any]) -> None:
    path = tmp_path / "reads.sqlite"
    reads = store(path, *(record(number, source=f"camera {number % 3}") for number in range(50)))
    wanted = ReadFilter(**conditions)

    def scans() -> list[str]:
        """The parts of the filter's query that go through the table."""
        statements: list[str] = []
        connection = reads._connection

        @contextmanager
        def traced() -> Iterator[sqlite3.Connection]:
            with connection() as database:
                database.set_trace_callback(statements.append)
                yield database

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reads, "_connection", traced)
            reads.page(wanted, 10)
        with closing(sqlite3.connect(path)) as database:
            plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statements[0]}")]
        return [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]

    assert scans(), "as in the stores of earlier versions"
    reads.make_indexes()
    assert scans() == []
    reads.make_indexes()  # at the next start
    assert store(path, record(60, source="yard", text="XYZ9876")).page(ReadFilter(camera="yard", text="98"), 10)


def test_a_store_of_which_no_index_can_be_made_is_read_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpsr_serve.store.reads._BUSY_SECONDS", 0.0)
    reads = store(tmp_path / "reads.sqlite", record(1))
    with closing(sqlite3.connect(tmp_path / "reads.sqlite")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        reads.make_indexes()
        assert "database is locked" in caplog.text
        assert len(reads.page(ReadFilter(camera="gate"), 10)) == 1


def test_a_store_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(LpsrError, match=r"reads\.sqlite: cannot be read"):
        ReadStore(tmp_path / "reads.sqlite").page(ReadFilter(), 1)


def test_pictures_outside_the_folder_are_not_given(tmp_path: Path) -> None:
    places = Places(tmp_path / "store")
    places.make()
    (tmp_path / "secret.png").write_bytes(b"x")
    (places.pictures / "a.png").write_bytes(b"x")
    assert places.picture("plates/a.png") is not None
    assert places.picture("../secret.png") is None
    assert places.picture(str(tmp_path / "secret.png")) is None
    assert places.picture("plates/b.png") is None


def test_pictures_of_forgotten_days_are_deleted(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.make()
    now = time.time()
    for seconds in (now, now - 2 * 86400):
        places.day(seconds).mkdir()
    (places.pictures / "other").mkdir()
    places.prune(now - 3600)
    assert {folder.name for folder in places.pictures.iterdir()} == {
        *{places.day(now).name, places.day(now - 3600).name} & {folder.name for folder in places.pictures.iterdir()},
        "other",
    }
    assert places.day(now).exists()
    assert not places.day(now - 2 * 86400).exists()


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order = Turns(), []

    def take(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    with turns.turn():
        for count, thread in enumerate(threads, start=1):
            thread.start()
            while len(turns._waiting) < count:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_a_pool_refuses_what_would_wait_too_long() -> None:
    gate = threading.Event()
    pool = WorkerPool(workers=1, most=2)
    running = pool.submit(gate.wait)
    while pool.waiting:
        time.sleep(0.001)
    waiting = [pool.submit(lambda: 1), pool.submit(lambda: 1 // 0)]
    with pytest.raises(BusyError):
        pool.submit(lambda: 3)
    gate.set()
    assert running.result(10) is True
    assert waiting[0].result(10) == 1
    with pytest.raises(ZeroDivisionError):
        waiting[1].result(10)
    pool.close()
    with pytest.raises(StoppingError):
        pool.submit(lambda: 4)
    with pytest.raises(StoppingError):
        pool.check_room()

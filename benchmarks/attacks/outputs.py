"""Sinks and servers that are slow, broken, locked, full or gone, and files that vanish."""

from __future__ import annotations

import csv
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from benchmarks.attacks.arena import Arena, Outcome, after, recorded, sink_attack
from benchmarks.servers import Broker, Receiver
from lpsr_run.evidence.sink import EvidenceSink
from lpsr_run.sinks import CsvSink, SpooledSink, SqliteSink, poster, publisher
from lpsr_run.sinks.base import DurableSink, Record
from lpsr_run.sinks.folder import DELIVERED
from lpsr_run.sources.live import Retry

Attack = Callable[[Arena], Outcome]
_QUICK = Retry(first=0.02, longest=0.2)


def _rows(path: Path) -> int:
    with path.open(newline="") as stream:
        return len({(row["run"], row["number"]) for row in csv.DictReader(stream)})


def _stored(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (count,) = database.execute("SELECT count(*) FROM reads").fetchone()
    return int(count)


def _locked_store(arena: Arena) -> Outcome:
    path = arena.folder / "reads.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        return sink_attack(
            arena,
            lambda told: SqliteSink(path, fault=told.append),
            lambda: _stored(path),
            lambda: other.execute("BEGIN EXCLUSIVE"),
            lambda: after(3.0, lambda: other.execute("ROLLBACK")),
        )


def _store_locked_at_the_start(arena: Arena) -> Outcome:
    path = arena.folder / "reads.sqlite"
    SqliteSink(path).close()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        after(3.0, lambda: other.execute("ROLLBACK"))
        return sink_attack(arena, lambda told: SqliteSink(path, fault=told.append), lambda: _stored(path))


def _vanishing(kind: str, how: Callable[[Path], object]) -> Attack:
    """A file of a sink that vanishes: what it held is gone with it, what comes later is not."""

    def attack(arena: Arena) -> Outcome:
        path = arena.folder / f"reads.{kind}"
        make: dict[str, Callable[[list[str]], DurableSink]] = {
            "csv": lambda told: CsvSink(path, told.append),
            "sqlite": lambda told: SqliteSink(path, fault=told.append),
        }
        return sink_attack(
            arena, make[kind], lambda: (_rows if kind == "csv" else _stored)(path), lambda: how(path), gone=9
        )

    return attack


def _journal_vanishes(arena: Arena) -> Outcome:
    path, journal = arena.folder / "reads.csv", arena.out / "reads.jsonl"
    found = sink_attack(
        arena,
        lambda told: CsvSink(path, told.append),
        lambda: _rows(path) - 9,  # the table has all of them
        lambda: journal.rename(arena.folder / "moved.jsonl"),
        gone=9,
    )
    kept = recorded(journal) + recorded(arena.folder / "moved.jsonl")
    return Outcome(found.expected, found.lost + found.expected - kept, found.held, found.told)


def _evidence_vanishes(arena: Arena) -> Outcome:
    path = arena.folder / "evidence"
    return sink_attack(
        arena,
        lambda told: EvidenceSink(path, {}, fault=told.append),
        lambda: len([each for each in path.iterdir() if each.is_dir() and each.name[0] != "."]),
        lambda: shutil.rmtree(path),
        gone=9,
    )


def _full_disk(arena: Arena) -> Outcome:
    disk = arena.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], check=True, capture_output=True)
    try:
        path = disk / "reads.csv"

        def fill() -> None:
            with suppress(OSError), (disk / "filler").open("wb", buffering=0) as stream:
                while True:
                    stream.write(bytes(256))

        return sink_attack(
            arena,
            lambda told: CsvSink(path, told.append),
            lambda: _rows(path),
            fill,
            lambda: (disk / "filler").unlink(),
        )
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _hanging(arena: Arena) -> Outcome:
    path, gone = arena.folder / "reads.csv", threading.Event()

    class Hangs(CsvSink):
        def deliver(self, record: Record, again: bool = False) -> None:
            if hang.is_set():
                gone.wait(3.0)
            super().deliver(record, again)

    hang = threading.Event()
    return sink_attack(arena, lambda told: Hangs(path, told.append), lambda: _rows(path), hang.set, hang.clear)


def _server(prepare: Callable[[Receiver], object], relent: Callable[[Receiver], object]) -> Attack:
    """A webhook that behaves badly for a while."""

    def attack(arena: Arena) -> Outcome:
        receiver = Receiver()
        try:
            return sink_attack(
                arena,
                lambda told: SpooledSink(poster(receiver.plain), "webhook", arena.out / "spool", told.append, _QUICK),
                lambda: len({key for _, key in receiver.got}),
                lambda: prepare(receiver),
                lambda: relent(receiver),
            )
        finally:
            receiver.stop()

    return attack


def _answers(status: int, count: int) -> Attack:
    return _server(lambda receiver: receiver.answers.extend([status] * count), lambda receiver: None)


class _Raw:
    """A server that answers connections with whatever it is told to."""

    def __init__(self, talk: Callable[[socket.socket], object]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self._talk = self._socket.getsockname()[1], talk
        self.open = True
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while self.open:
                one, _ = self._socket.accept()
                threading.Thread(target=self._safely, args=(one,), daemon=True).start()

    def _safely(self, one: socket.socket) -> None:
        with suppress(OSError), one:
            self._talk(one)

    def stop(self) -> None:
        """Take no more connections."""
        self.open = False
        self._socket.close()


def _bad_server(talk: Callable[[socket.socket], object]) -> Attack:
    """A webhook at whose address something else is for a while; then it is itself again."""

    def attack(arena: Arena) -> Outcome:
        receiver, raw = Receiver(), _Raw(talk)
        address = [receiver.plain]
        send = poster(lambda: address[0], limit=1.0)
        try:
            return sink_attack(
                arena,
                lambda told: SpooledSink(send, "webhook", arena.out / "spool", told.append, _QUICK),
                lambda: len({key for _, key in receiver.got}),
                lambda: address.__setitem__(0, f"http://127.0.0.1:{raw.port}/"),
                lambda: address.__setitem__(0, receiver.plain),
            )
        finally:
            raw.stop()
            receiver.stop()

    return attack


def _drip(one: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000:
        one.sendall(bytes([byte]))
        time.sleep(0.1)


def _flood(one: socket.socket) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        one.sendall(b"X-Flood: " + b"y" * 60000 + b"\r\n")


def _broker_silent(arena: Arena) -> Outcome:
    broker = Broker()
    url = f"mqtt://127.0.0.1:{broker.port}/plates/gate"
    try:
        return sink_attack(
            arena,
            lambda told: SpooledSink(publisher(url), "mqtt", arena.out / "spool-mqtt", told.append, _QUICK),
            lambda: len({text for _, text in broker.got}),
            lambda: setattr(broker, "silent", (3,)),
            lambda: setattr(broker, "silent", ()),
        )
    finally:
        broker.stop()


def _spoiled_spool(arena: Arena) -> Outcome:
    def spoil() -> None:
        spool = arena.out / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        (spool / "00000000000000000001-spoiled.json").write_bytes(b"\xff{")
        (spool / "nonsense.json").write_bytes(b"")

    return _server(lambda receiver: spoil(), lambda receiver: None)(arena)


def _spoiled_note(arena: Arena) -> Outcome:
    path = arena.folder / "reads.csv"

    def spoil() -> None:
        (arena.out / DELIVERED).write_bytes(b"\0" * 100)
        with (arena.out / "reads.jsonl").open("ab") as stream:
            stream.write(b"\xff\xfe not JSON\n")

    return sink_attack(arena, lambda told: CsvSink(path, told.append), lambda: _rows(path), spoil)


def _clock(jump: float) -> Attack:
    def attack(arena: Arena) -> Outcome:
        real, moved = time.time, [0.0]
        time.time = lambda: real() + moved[0]
        try:
            return _server(lambda receiver: moved.__setitem__(0, jump), lambda receiver: moved.__setitem__(0, -jump))(
                arena
            )
        finally:
            time.time = real

    return attack


OUTPUTS: dict[str, Attack] = {
    "store locked for four seconds": _locked_store,
    "store locked at the start": _store_locked_at_the_start,
    "store deleted": _vanishing("sqlite", Path.unlink),
    "table deleted": _vanishing("csv", Path.unlink),
    "table moved": _vanishing("csv", lambda path: path.rename(path.with_suffix(".moved"))),
    "reads.jsonl moved": _journal_vanishes,
    "evidence folder deleted": _evidence_vanishes,
    "disk of the table full, then with room again": _full_disk,
    "table's disk hangs": _hanging,
    "webhook answers 401 twelve times (token changed)": _answers(401, 12),
    "webhook answers 404 twelve times": _answers(404, 12),
    "webhook answers 500 twelve times": _answers(500, 12),
    "webhook redirects": _answers(302, 5),
    "webhook silent for a while": _server(lambda r: r.silent.set(), lambda r: r.silent.clear()),
    "webhook sends its answer a byte at a time": _bad_server(_drip),
    "webhook sends headers without end": _bad_server(_flood),
    "webhook closes every connection": _bad_server(lambda one: None),
    "broker takes messages and acknowledges none": _broker_silent,
    "files in the spool that are no reads": _spoiled_spool,
    "note of what was delivered overwritten, rubbish in reads.jsonl": _spoiled_note,
    "clock a day ahead, then a day back": _clock(86400.0),
    "clock at 1970": _clock(-time.time()),
}

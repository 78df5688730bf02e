"""The wall clock is set back an hour and forward a day while a run goes on; the clock that only counts is not."""

from __future__ import annotations

import itertools
import json
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from camera import Camera
from conftest import Command, scene
from receiver import Receiver
from test_stores import put
from watcher import Watcher

from lpsr_core.geometry import Box, Quad
from lpsr_core.reads import Read
from lpsr_run.monitor import status
from lpsr_run.sinks import Result, Retention, SpooledSink, SqliteSink, poster
from lpsr_run.sources import merge
from lpsr_run.sources.base import Frame
from lpsr_run.sources.live import Retry
from lpsr_run.sources.merge import Merged
from lpsr_run.state import RunState, SourceState

HOUR, DAY = 3600.0, 86400.0


class WallClock:
    """The time of day, which can be set."""

    def __init__(self) -> None:
        self.ahead, self._real = 0.0, time.time

    def seconds(self) -> float:
        return self._real() + self.ahead

    def nanoseconds(self) -> int:
        return int(self.seconds() * 1e9)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """What the whole program sees as the time of day."""
    clock, seconds, nanoseconds = WallClock(), time.time, time.time_ns
    for name, module in list(sys.modules.items()):
        for attribute, value in list(vars(module).items()) if name == "time" or name.startswith("lpsr_") else ():
            if value is seconds or value is nanoseconds:
                monkeypatch.setattr(module, attribute, clock.seconds if value is seconds else clock.nanoseconds)
    return clock


def result(text: str) -> Result:
    read = Read("a", 3, 120.0, Box(1, 2, 30, 10), text, "mercosur", 0.9, (), 2, 1, True, None, None, 0)
    return Result(read, 80.0, 120.0, np.zeros((10, 30, 3), np.uint8), None, Quad.from_box(read.box))


def test_a_run_goes_on_whatever_the_clock_says(
    here: Command,
    options: list[str],
    detector: Path,
    tmp_path: Path,
    wall: WallClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status, "_SECONDS", 0.05)
    out, state, store = tmp_path / "o", tmp_path / "status.json", tmp_path / "reads.sqlite"
    receiver, start = Receiver(), time.time()
    receiver.answers = [503] * 3  # so that reads of before and after a jump wait together

    def script(watcher: Watcher) -> None:
        watcher.until(lambda told: told[0]["reads"] >= 1 and told[1]["frames"] > 5)
        for ahead in (-HOUR, DAY):
            wall.ahead = ahead
            told = watcher.until(lambda told: abs(told[1]["last_frame"] - start - wall.ahead) < 60)
            watcher.until(
                lambda now, told=told: (
                    now[0]["reads"] >= told[0]["reads"] + 2 and now[1]["frames"] > told[1]["frames"] + 10
                )
            )
        deadline = time.monotonic() + 20
        while len(receiver.got) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    kept = ["--store", store, "--keep-days", 7, "--evidence", tmp_path / "e", "--log", tmp_path / "log"]
    with (
        Camera(lambda n: scene("ABC1D34"), frames=12) as one,  # a read a connection
        Camera(lambda n: scene("QRS5T67")) as other,
        Watcher(state, script),
    ):
        given = ["--video", one.url, "--video", other.url, "--detector", detector, "--out", out, "--status", state]
        done = here(*given, "--webhook", receiver.plain, *kept, *options)
        assert other.connections == 1, "nobody took it for dead"
    receiver.stop()
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads(state.read_text())
    assert [source["reconnects"] > 0 for source in told["sources"]] == [True, False]

    reads = [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]
    whole = [read["frames"] for read in reads if (read["text"], read["event"]) == ("QRS5T67", "final")]
    assert whole == [told["sources"][1]["frames"]], "one read over both jumps"
    hours = {round((datetime.fromisoformat(read["time"]).timestamp() - start) / HOUR) for read in reads}
    assert {-1, 24} <= hours
    with sqlite3.connect(store) as database:
        stored = [json.loads(line) for (line,) in database.execute("SELECT json FROM reads ORDER BY id")]
    assert stored == [{name: value for name, value in read.items() if name != "log_probs"} for read in reads]
    assert len([entry for entry in (tmp_path / "e").iterdir() if entry.is_dir()]) == len(reads)

    waiting = [json.loads(path.read_text()) for path in sorted((out / "spool").glob("*.json"))]
    delivered = list(dict.fromkeys(key for _, key in receiver.got))
    assert delivered == sorted(delivered), "in the order in which they came"
    assert waiting == reads[len(reads) - len(waiting) :]
    assert len(delivered) + len(waiting) >= len(reads)


def test_reads_are_sent_in_the_order_in_which_they_came_also_over_runs(tmp_path: Path, wall: WallClock) -> None:
    receiver, quick = Receiver(), Retry(first=0.02, longest=0.05)
    texts = [f"ABC{number:04d}" for number in range(12)]

    def sink() -> SpooledSink:
        return SpooledSink(poster(receiver.plain), "hook", tmp_path, retry=quick)

    receiver.answers = [503] * 100000
    for run in range(3):  # the clock is set back within each run, and between runs
        with sink() as one:
            for text in texts[4 * run : 4 * run + 4]:
                wall.ahead -= HOUR
                put(one, result(text))
    assert len(list(tmp_path.glob("*.json"))) == 12
    receiver.answers = []
    with sink() as one:
        deadline = time.monotonic() + 10
        while one.waiting:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    receiver.stop()
    assert [text for text, _ in receiver.got] == texts
    assert len({key for _, key in receiver.got}) == 12


def test_the_store_deletes_by_the_clock_and_crashes_at_no_jump(tmp_path: Path, wall: WallClock) -> None:
    path = tmp_path / "reads.sqlite"
    with SqliteSink(path) as sink:
        for ahead in (0.0, -HOUR, DAY, -9 * DAY, 0.0):
            wall.ahead = ahead
            for _ in range(5):
                put(sink, result("ABC1234"))
            sink.sweep(Retention(days=7), time.time())
    with sqlite3.connect(path) as database:
        (count,) = database.execute("SELECT count(*) FROM reads").fetchone()
    assert count == 20, "those of nine days ago are gone, those of the jump by a day are not"


class Stuck:
    """A source that looks at no stop: a camera's driver, say."""

    total, live = None, True

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def frames(self) -> Iterator[Frame]:
        self.let_go.wait(20)
        yield from ()


def test_leaving_takes_no_hour_longer_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    back = itertools.count(time.time(), -HOUR)
    monkeypatch.setattr(merge, "time", lambda: next(back))
    source, asked = Stuck(), time.monotonic() + 0.3
    both = Merged([source], RunState([SourceState("s", True)]), threading.Event(), lambda: time.monotonic() > asked)
    start = time.monotonic()
    assert list(both) == []
    assert time.monotonic() - start < 10
    source.let_go.set()

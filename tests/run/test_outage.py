"""A camera that is gone for five minutes: a whole run over it and another one, with a clock that runs fast."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from camera import Camera
from conftest import Command, scene
from rtsp_camera import RtspCamera
from watcher import Watcher

import lpsr_run.pipeline.run
from lpsr_run.monitor import status
from lpsr_run.sources import live

FAST = 100
"""How many times as fast the time of live sources runs."""
GONE = 300
"""Seconds of that time for which the camera is gone."""


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live sources see a clock that runs fast, and their pauses are as much shorter; all else is as it is."""
    start, real = time.monotonic(), time.monotonic

    class Pause(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return super().wait(None if timeout is None else timeout / FAST)

    monkeypatch.setattr(live, "monotonic", lambda: start + FAST * (real() - start))
    monkeypatch.setattr(lpsr_run.pipeline.run, "threading", SimpleNamespace(Event=Pause))
    monkeypatch.setattr(status, "_SECONDS", 0.05)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("kind", "more"),
    [(Camera, []), (Camera, ["--give-up", 2 * GONE]), (RtspCamera, [])],
    ids=["for ever", "give up later", "rtsp"],
)
def test_five_minutes_without_a_camera(
    here: Command,
    options: list[str],
    detector: Path,
    tmp_path: Path,
    kind: type[Camera | RtspCamera],
    more: list[object],
) -> None:
    out, state, log = tmp_path / "o", tmp_path / "status.json", tmp_path / "log"
    first, again = kind(lambda n: scene("ABC1D34")), list[Camera | RtspCamera]()

    def script(watcher: Watcher) -> None:
        watcher.seen["before"] = watcher.until(lambda told: all(source["frames"] > 5 for source in told))
        first.stop()
        left = live.monotonic()
        watcher.until(lambda told: live.monotonic() - left >= GONE)
        watcher.seen["gone"] = told = watcher.until(lambda told: told[0]["status"] == "waiting")
        again.append(kind(lambda n: scene("XYZ4321"), port=first.port))
        watcher.until(lambda now: now[0]["reconnects"] == 1 and now[0]["frames"] > told[0]["frames"] + 10)

    with Camera(lambda n: scene("QRS5T67")) as other, Watcher(state, script) as watcher:
        given = ["--video", first.url, "--video", other.url, "--detector", detector, "--out", out]
        done = here(*given, "--status", state, "--log", log, *more, *options)
        assert other.connections == 1
    again[0].stop()
    assert done.returncode == 128 + signal.SIGTERM, done.stderr

    before, gone = watcher.seen["before"], watcher.seen["gone"]
    assert "cannot be opened" in gone[0]["error"]
    assert gone[0]["reconnects"] == 0
    assert gone[0]["failures"] >= 10
    assert (gone[1]["status"], gone[1]["failures"], gone[1]["reconnects"]) == ("running", 0, 0)
    assert gone[1]["frames"] > before[1]["frames"] + 20, "the other one went on meanwhile"
    after = json.loads(state.read_text())["sources"]
    assert [source["reconnects"] for source in after] == [1, 0]
    assert after[0]["failures"] == 0

    events = [json.loads(line) for line in log.read_text().splitlines()]
    delays = [event["delay"] for event in events if event["event"] == "lost"]
    assert all(delay <= 30 for delay in delays)
    assert all(delay >= 15 for delay in delays[6:]), "0.5 s doubled six times is the cap, less up to a half"
    assert sum(delays) > 0.5 * GONE
    assert done.stderr.count("attempt") <= 6, "ever more seldom"
    assert done.stderr.count("is back") == 1

    lines = [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]
    reads = [read for read in lines if read["event"] == "final"]
    assert [read["text"] for read in reads if read["source"] == after[0]["name"]] == ["ABC1D34", "XYZ4321"]
    # A tenth of a second for which this machine stands still is ten of the fast clock, and no track outlives those.
    others = [read for read in reads if read["source"] == after[1]["name"]]
    assert {read["text"] for read in others} == {"QRS5T67"}
    assert sum(read["frames"] for read in others) == after[1]["frames"], "no gap in the other one"


@pytest.mark.usefixtures("fast")
def test_a_camera_that_is_gone_for_longer_than_it_may_be_is_given_up_and_the_other_one_is_not(
    here: Command, options: list[str], detector: Path, tmp_path: Path
) -> None:
    out, state = tmp_path / "o", tmp_path / "status.json"
    first = Camera(lambda n: scene("ABC1D34"))

    def script(watcher: Watcher) -> None:
        watcher.until(lambda told: all(source["frames"] > 5 for source in told))
        first.stop()
        left = live.monotonic()
        told = watcher.until(lambda told: told[0]["status"] == "failed")
        assert live.monotonic() - left > 0.8 * GONE / 2
        watcher.until(lambda now: now[1]["frames"] > told[1]["frames"] + 10)

    with Camera(lambda n: scene("QRS5T67")) as other, Watcher(state, script):
        given = ["--video", first.url, "--video", other.url, "--detector", detector, "--out", out]
        done = here(*given, "--status", state, "--give-up", GONE // 2, *options)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    failed, whole = json.loads(state.read_text())["sources"]
    assert failed["error"].endswith("given up after 150 s without a frame")
    assert (whole["status"], whole["reconnects"]) == ("stopped", 0)
    assert "given up after 150 s" in done.stderr

"""Webhooks that are slow or never answer: frames do not wait for them, and what they did not take is sent later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broker import CONNECT, PUBLISH, Broker
from camera import Camera
from conftest import ROOT, Command, paint, save_image, scene
from receiver import Receiver
from test_stores import put

from lpsr_core.geometry import Box, Quad
from lpsr_core.reads import Read
from lpsr_run.sinks import Result, SpooledSink, poster, webhook
from lpsr_run.sources.live import Retry

TEXTS = [f"ABC{number:04d}" for number in range(12)]


def plates(folder: Path, texts: list[str]) -> Path:
    for text in texts:
        save_image(folder / f"{text}.png", paint(text))
    return folder


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]


def spooled(out: Path, name: str = "spool") -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((out / name).glob("*.json"))]


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def taken_once(receiver: Receiver) -> list[str]:
    """The texts that came, without those that came again under the same key."""
    return [text for text, _ in dict.fromkeys(receiver.got)]


def slow(receiver: Receiver) -> None:
    receiver.pause = 3.0


def silent(receiver: Receiver) -> None:
    receiver.silent.set()


@pytest.mark.parametrize("bad", [slow, silent])
def test_a_run_waits_for_no_webhook_and_the_next_run_sends_the_rest(
    lpsr_run: Command, options: list[str], tmp_path: Path, bad: Callable[[Receiver], None]
) -> None:
    out, receiver = tmp_path / "out", Receiver()
    bad(receiver)
    given = ["--out", out, "--webhook", receiver.plain, "--quiet", *options]
    start = time.monotonic()
    done = lpsr_run("--crops", plates(tmp_path / "first", TEXTS), *given)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 10, "neither 36 s for all, nor the 10 s of the time limit of one"
    assert [read["text"] for read in lines(out)] == TEXTS
    left = [read["text"] for read in spooled(out)]
    assert left == TEXTS[len(TEXTS) - len(left) :], "taken in order, and all others kept"
    assert len(left) >= max(10, len(TEXTS) - len(receiver.got)), "what was not taken is kept"

    receiver.pause = 0.0
    receiver.silent.clear()
    done = lpsr_run("--crops", plates(tmp_path / "second", ["XYZ9876"]), *given)
    assert done.returncode == 0, done.stderr
    receiver.stop()
    assert not spooled(out)
    assert taken_once(receiver) == [*TEXTS, "XYZ9876"]


@pytest.mark.parametrize("bad", [slow, silent])
def test_frames_of_a_camera_are_not_held_up(
    options: list[str], detector: Path, tmp_path: Path, bad: Callable[[Receiver], None]
) -> None:
    out, state, receiver = tmp_path / "out", tmp_path / "status.json", Receiver()
    bad(receiver)
    with Camera(lambda n: scene("ABC1D34"), frames=10) as camera:  # a read a connection
        command = [sys.executable, "-m", "lpsr_run", "--video", camera.url, "--detector", detector, "--out", out]
        command += ["--status", state, "--webhook", receiver.plain, *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        until(lambda: receiver.asked >= 1)
        until(lambda: len(lines(out)) >= receiver.asked + 3)
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        _, stderr = process.communicate(timeout=30)
        took = time.monotonic() - start
    assert process.returncode == 128 + signal.SIGTERM, stderr
    assert took < 2 + 2 + 1, "two seconds of farewell, one for the camera, and what leaving Python takes"
    (source,) = json.loads(state.read_text())["sources"]
    assert source["dropped"] < source["decoded"] / 2
    reads = lines(out)
    left = spooled(out)
    assert left == reads[len(reads) - len(left) :]
    assert len(left) >= max(2, len(reads) - len(receiver.got)), "what was not taken is kept"

    receiver.pause = 0.0
    receiver.silent.clear()
    frames = [read["frame"] for read in left]
    texts = len(receiver.got)
    with SpooledSink(poster(receiver.plain), "hook", out / "spool") as sink:
        until(lambda: sink.waiting == 0)
    receiver.stop()
    assert len(frames) <= len(receiver.got) - texts <= len(frames) + 1
    assert len({key for _, key in receiver.got}) == len(reads), "each at least once"


@pytest.mark.parametrize("unanswered", [CONNECT, PUBLISH], ids=["connect", "publish"])
def test_a_run_waits_for_no_broker_and_the_next_run_publishes_the_rest(
    lpsr_run: Command, options: list[str], tmp_path: Path, unanswered: int
) -> None:
    pytest.importorskip("paho.mqtt", reason="publishing needs paho-mqtt (the mqtt extra)")
    out, broker = tmp_path / "out", Broker(silent={unanswered})
    given = ["--out", out, "--mqtt", f"mqtt://127.0.0.1:{broker.port}/plates", "--quiet", *options]
    start = time.monotonic()
    done = lpsr_run("--crops", plates(tmp_path / "first", TEXTS), *given)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 10, "not the 10 s of the time limit of one answer"
    assert [read["text"] for read in lines(out)] == TEXTS
    assert [read["text"] for read in spooled(out, "spool-mqtt")] == TEXTS, "what was not acknowledged is kept"

    broker.silent = ()
    done = lpsr_run("--crops", plates(tmp_path / "second", ["XYZ9876"]), *given)
    assert done.returncode == 0, done.stderr
    broker.stop()
    assert not spooled(out, "spool-mqtt")
    assert broker.got == [("plates", text) for text in [*TEXTS, "XYZ9876"]]


def test_an_answer_that_does_not_come_within_the_limit_is_none_and_the_read_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_TIMEOUT", 0.3)
    receiver, notes = Receiver(), list[str]()
    receiver.silent.set()
    with SpooledSink(poster(receiver.plain), "hook", tmp_path, notes.append, Retry(first=0.02, longest=0.05)) as sink:
        for text in TEXTS:
            read = Read("a", 3, 120.0, Box(1, 2, 30, 10), text, "x", 0.9, (), 2, 1, True, None, None, 0)
            put(sink, Result(read, 0.0, 0.0, np.zeros((10, 30, 3), np.uint8), None, Quad.from_box(read.box)))
        until(lambda: receiver.asked >= 3)
        assert sink.waiting == len(TEXTS)
        assert notes == [f"hook: cannot be reached: timed out; reads wait in {tmp_path}"]
        receiver.silent.clear()
        until(lambda: sink.waiting == 0)
    receiver.stop()
    assert taken_once(receiver) == TEXTS
    assert "takes reads again" in notes[1]


def test_what_an_outage_of_days_left_is_sent_without_a_search_for_every_read(tmp_path: Path) -> None:
    names = [f"{number:020d}" for number in range(3000)]
    for name in names:
        (tmp_path / f"{name}.json").write_text('{"text": "ABC1234"}')
    keys: list[str] = []
    start = time.process_time()
    with SpooledSink(lambda body, key: keys.append(key), "hook", tmp_path) as sink:
        until(lambda: len(keys) == len(names), 120)
        until(lambda: sink.waiting == 0)
    assert keys == names
    assert time.process_time() - start < 10, "a search for every one took forty seconds of the processor"

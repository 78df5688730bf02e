"""Files that may not grow further (`ulimit -f`, a quota): whole lines, one line that says so, and on when they may."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from conftest import ROOT, Command, paint, save_image

pytest.importorskip("resource", reason="the system has no limits of resources")

_LIMITED = """
import json, resource, sys
from pathlib import Path
import numpy as np
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box, Quad
from lpsr_core.reads import Read
from lpsr_run.sinks.annotate import VideoSink
from lpsr_run.monitor.event_log import EventLog
from lpsr_run.sinks import CsvSink, JsonLinesSink, PictureStore, Result
from lpsr_run.sinks.base import Record
from lpsr_run.state import RunState
from lpsr_run.monitor.status import StatusFile

kind, out, told = sys.argv[1], Path(sys.argv[2]), []
noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
limit = {"table": 1500, "video": 200_000}.get(kind, 5000)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

def result(number):
    read = Read("a", number, 0.0, Box(0, 0, 1, 1), f"{number:07d}", "x", 1.0, (), 1, 1, False, None, None, number)
    return Result(read, 0.0, 0.0, noise[:10, :30], None, Quad.from_box(read.box))

def attempts(write):
    for number in range(100):
        if number == 60:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        try:
            write(number)
            print(number)
        except LpsrError as error:
            told.append(str(error))

if kind == "reads":
    with JsonLinesSink(out / "file") as sink:
        attempts(lambda number: sink.append(Record.of(result(number).read).line))
elif kind == "table":
    with CsvSink(out / "file") as sink:
        attempts(lambda number: sink.deliver(Record.of(result(number).read)))
elif kind == "log":
    with EventLog(out / "file", told.append) as log:
        attempts(lambda number: log({"frame": number, "why": "x" * 150}))
elif kind == "picture":
    store = PictureStore(out, out)
    attempts(lambda number: store.save(f"r-{number:02d}", "a", noise[: 4 + number, :40], None))
elif kind == "status":
    state = RunState()
    state.stages = lambda: {str(number): 1.0 for number in range(1000)} if state.reads == 1 else {}
    with StatusFile(out / "file", state, told.append) as status:
        state.reads = 1
        status._closing.wait(2.5)
        state.reads = 2
elif kind == "video":
    try:
        with VideoSink(out / "file.mp4") as sink:
            for number in range(60):
                sink.show(np.roll(noise, number), [])
    except LpsrError as error:
        told.append(str(error))
print(json.dumps(told), file=sys.stderr)
"""


def limited(kind: str, out: Path) -> tuple[list[int], list[str]]:
    """Which of a hundred writes were acknowledged, and what was said of the others."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _LIMITED, kind, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stderr.splitlines()[-1])
    assert all("\n" not in line for line in told)
    return [int(line) for line in done.stdout.splitlines()], told


TOO_LARGE = "File too large; give another path"


@pytest.mark.parametrize("kind", ["reads", "table"])
def test_lines_that_were_acknowledged_are_whole_and_no_other_is_there(tmp_path: Path, kind: str) -> None:
    written, told = limited(kind, tmp_path)
    assert 5 < len(written) < 100
    assert written[-40:] == list(range(60, 100)), "on again when the file may grow"
    assert set(told) == {f"{tmp_path}/file: cannot be written: {TOO_LARGE}; what was written before is kept"}
    text = (tmp_path / "file").read_text()
    assert text.endswith("\n")
    rows = list(csv.DictReader(text.splitlines())) if kind == "table" else map(json.loads, text.splitlines())
    assert [int(row["frame"]) for row in rows] == written


def test_a_log_says_so_once_and_goes_on_with_whole_lines(tmp_path: Path) -> None:
    _, told = limited("log", tmp_path)
    assert told == [f"{tmp_path}/file: events could not be written: {TOO_LARGE}; the run goes on"]
    frames = [json.loads(line)["frame"] for line in (tmp_path / "file").read_text().splitlines()]
    assert frames[-40:] == list(range(60, 100))
    assert frames[:-40] == list(range(len(frames) - 40))
    assert 10 < len(frames) < 100


def test_a_picture_is_whole_or_not_there(tmp_path: Path) -> None:
    written, told = limited("picture", tmp_path)
    assert 5 < len(written) < 100
    assert len(told) + len(written) == 100
    assert all(TOO_LARGE in line for line in told)
    assert len(list(tmp_path.iterdir())) == len(written)
    assert all(cv2.imread(str(path)) is not None for path in tmp_path.iterdir())


def test_a_status_file_says_so_once_and_is_whole_again_in_the_end(tmp_path: Path) -> None:
    _, told = limited("status", tmp_path)
    assert told == [f"{tmp_path}/file: cannot be written: {TOO_LARGE}; the run goes on"]
    status = json.loads((tmp_path / "file").read_text())
    assert (status["status"], status["reads"]) == ("ended", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_video_that_opencv_could_not_write_is_told(tmp_path: Path) -> None:
    _, told = limited("video", tmp_path)
    assert told == [f"{tmp_path}/file.mp4: the video could not be written whole; make room, or give another path"]


def test_a_whole_run_ends_with_one_line(lpsr_run: Command, options: list[str], tmp_path: Path) -> None:
    import resource

    texts = [f"ABC{number:04d}" for number in range(30)]
    for text in texts:
        save_image(tmp_path / "plates" / f"{text}.png", paint(text, 40))
    done = lpsr_run(
        *("--crops", tmp_path / "plates", "--out", tmp_path / "out", "--quiet", *options),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )
    assert done.returncode == 1
    path = re.escape(str(tmp_path / "out" / "reads.jsonl"))
    words = f"cannot be written: {TOO_LARGE}; what was written before is kept"
    assert re.fullmatch(f"error: {path}: {words}\n", done.stderr), done.stderr
    reads = [json.loads(line) for line in (tmp_path / "out" / "reads.jsonl").read_text().splitlines()]
    assert [read["text"] for read in reads] == texts[: len(reads)]
    assert 3 < len(reads) < 30

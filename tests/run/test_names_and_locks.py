"""Runs that meet in one folder, cameras that would share a name, and names that are unique for ever."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from camera import Camera
from conftest import ROOT, Command, save_image, save_video, scene

from lpsr_core.errors import UsageError
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.sinks.lock import LOCK, FolderLock


def test_run_ids_are_ulids_that_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for second in range(1, 50):
        monkeypatch.setattr("lpsr_run.sinks.identity.time.time_ns", lambda second=second: second * 10**17)
        ids += [new_run_id(), new_run_id()]
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", one) for one in ids)
    assert len(set(ids)) == len(ids)
    assert [one[:10] for one in ids] == sorted(one[:10] for one in ids)


def test_a_second_run_says_who_holds_the_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path, "01FIRST"):
        with pytest.raises(UsageError, match=rf"is held by run 01FIRST \(process {os.getpid()} on .*since") as caught:
            FolderLock(tmp_path, "01SECOND")
        assert "\n" not in str(caught.value)
        assert json.loads((tmp_path / LOCK).read_text())["run"] == "01FIRST"
    with FolderLock(tmp_path, "01THIRD"):
        pass


def test_a_killed_run_lets_go_and_a_running_one_does_not(
    options: list[str], detector: Path, tmp_path: Path, lpsr_run: Command
) -> None:
    out = tmp_path / "out"
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 5)
    with Camera(lambda n: scene("ABC1D34")) as camera:
        command = [sys.executable, "-m", "lpsr_run", "--video", camera.url, "--detector", str(detector)]
        process = subprocess.Popen(
            [*command, "--out", str(out), "--quiet", *options], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        deadline = time.monotonic() + 60
        while not (out / "reads.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        done = lpsr_run("--video", video, "--detector", detector, "--out", out, *options)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"process {process.pid}" in done.stderr
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert lpsr_run("--video", video, "--detector", detector, "--out", out, *options).returncode == 0


def test_two_sources_never_share_a_name(here: Command, options: list[str], detector: Path, tmp_path: Path) -> None:
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 5)
    given = ["--video", video, "--video", video, "--detector", detector, "--out", tmp_path / "o", *options]
    done = here(*given)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"two sources are called {video}; give each its own --name" in done.stderr
    secret = ["--video", "rtsp://a:b@cam/1?token=x", "--video", "rtsp://c:d@cam/1?token=y", "--out", tmp_path / "o"]
    assert "two sources are called rtsp://***@cam/1?token=***" in here(*secret).stderr
    assert "one for each" in here(*given, "--name", "gate").stderr
    assert "two sources are called gate" in here(*given, "--name", "gate", "--name", "gate").stderr
    done = here(*given, "--name", "north", "--name", "south")
    assert done.returncode == 0, done.stderr
    reads = [json.loads(line) for line in (tmp_path / "o" / "reads.jsonl").read_text().splitlines()]
    assert {read["source"] for read in reads} == {"north", "south"}
    sources = json.loads((tmp_path / "o" / "run.json").read_text())["sources"]
    assert [source["name"] for source in sources] == ["north", "south"]


def test_pictures_and_reads_are_named_by_their_run(
    here: Command, options: list[str], detector: Path, tmp_path: Path
) -> None:
    for name, text in (("a.png", "ABC1D34"), ("b.png", "XYZ4321")):
        save_image(tmp_path / "in" / name, scene(text))
    runs, pictures = [], []
    for _ in range(2):
        assert (
            here("--video", tmp_path / "in", "--detector", detector, "--out", tmp_path / "o", *options).returncode == 0
        )
        reads = [json.loads(line) for line in (tmp_path / "o" / "reads.jsonl").read_text().splitlines()]
        assert [read["number"] for read in reads] == [1, 2]
        runs += sorted({read["run"] for read in reads})
        pictures += [Path(read["lr_image"]).name for read in reads]
        assert json.loads((tmp_path / "o" / "run.json").read_text())["run"] == runs[-1]
        assert all(Path(read["lr_image"]).name.startswith(f"{read['run']}-0000000{read['number']}-") for read in reads)
    assert len(set(runs)) == 2
    assert len(set(pictures)) == 4

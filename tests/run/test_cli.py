"""The command as a user calls it: exit codes, one-line errors, and what lies in the output folder."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, Command, paint, save_image, save_video, scene

from lpsr_run.sources import read_image


def reads(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]


def fails(result: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr


@pytest.mark.parametrize("module", ["lpsr_run.cli.spool", "lpsr_run.cli.evidence", "lpsr_forensic.cli"])
def test_a_module_of_a_command_is_one_too(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "nothing"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "No such command 'nothing'" in done.stderr
    assert callable(importlib.import_module(module).main), "for entry points of editable installations"


def test_help_and_version_are_quick(lpsr_run: Command) -> None:
    seconds = []
    for _ in range(3):  # the best counts: the machine may be busy with something else
        start = time.perf_counter()
        result = lpsr_run("--help")
        seconds.append(time.perf_counter() - start)
        assert result.returncode == 0
        assert "--super-resolve" in result.stdout
    assert min(seconds) < 1.5
    assert "lpsr-run 0" in lpsr_run("--version").stdout


def test_crops(lpsr_run: Command, options: list[str], tmp_path: Path) -> None:
    texts = {"a.png": "ABC1234", "b.png": "XYZ9Q87", "c.png": "QQQ0A00"}
    for width, (name, text) in zip((40, 120, 60), texts.items(), strict=True):
        save_image(tmp_path / "plates" / name, paint(text, width))
    out = tmp_path / "out"
    result = lpsr_run("--crops", tmp_path / "plates", "--out", out, *options)
    assert result.returncode == 0, result.stderr
    assert all(text in result.stdout for text in texts.values())
    found = reads(out)
    assert {Path(read["source"]).name: read["text"] for read in found} == texts
    assert [read["super_resolved"] for read in found] == [True, False, True]
    assert [len(position) for position in found[0]["characters"]] == [3] * 7
    assert read_image(out / found[0]["lr_image"]).shape == (13, 40, 3)
    assert read_image(out / found[0]["sr_image"]).shape == (32, 96, 3)
    assert found[1]["sr_image"] is None
    report = json.loads((out / "run.json").read_text())
    assert (report["frames"], report["reads"], report["failures"]) == (3, 3, [])
    assert set(report["models"]) == {"generator", "reader"}


def test_a_second_run_keeps_the_first(here: Command, options: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("ABC1234", "XYZ9876"):
        save_image(tmp_path / "plate.png", paint(text))
        assert here("--crops", tmp_path / "plate.png", "--out", out, "--quiet", *options).returncode == 0
    assert [read["text"] for read in reads(out)] == ["XYZ9876"]
    earlier = json.loads((out / "earlier-1" / "reads.earlier.jsonl").read_text())
    assert earlier["text"] == "ABC1234"
    assert (out / "earlier-1" / earlier["lr_image"]).is_file()


def test_bad_crops_are_skipped_and_counted(here: Command, options: list[str], tmp_path: Path) -> None:
    folder, out = tmp_path / "plates", tmp_path / "out"
    save_image(folder / "good.png", paint("ABC1234"))
    save_image(folder / "pixel.png", np.zeros((1, 1, 3), np.uint8))
    (folder / "bad.png").write_bytes(b"no picture")
    result = here("--crops", folder, "--out", out, *options)
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 3
    assert "bad.png: not an image" in lines[0]
    assert "pixel.png: 1x1 pixels are too few" in lines[1]
    assert "2 inputs failed" in lines[2]
    assert [read["text"] for read in reads(out)] == ["ABC1234"]


def test_crops_without_a_plate_are_skipped_and_counted(here: Command, options: list[str], tmp_path: Path) -> None:
    folder, out = tmp_path / "plates", tmp_path / "out"
    save_image(folder / "a.png", paint("ABC1234"))
    save_image(folder / "b.png", paint("1234567"))  # of no layout
    save_image(folder / "c.png", paint("1234567", 90, 60))
    result = here("--crops", folder, "--out", out, *options)
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert lines[0].endswith("b.png: shows no plate that can be read (score 0.00)")
    assert lines[1].endswith("c.png: shows no plate that can be read (score 0.00); two-row plates are not read")
    assert [read["text"] for read in reads(out)] == ["ABC1234"]
    assert reads(out)[0]["plate"] > 0.9
    assert here("--crops", folder, "--out", out, *options, "--min-plate", 0).returncode == 0
    assert len(reads(out)) == 3


def test_what_is_found_and_is_no_plate_is_counted(
    here: Command, options: list[str], detector: Path, tmp_path: Path
) -> None:
    save_image(tmp_path / "frames" / "a.png", scene("ABC1D34"))
    save_image(tmp_path / "frames" / "b.png", scene("1234567"))
    out = tmp_path / "out"
    common = ["--video", tmp_path / "frames", "--out", out, "--detector", detector, "--min-confidence", 0, *options]
    result = here(*common)
    assert result.returncode == 0, result.stderr
    assert "1 not reported; --explain tells why" in result.stdout
    assert [read["text"] for read in reads(out)] == ["ABC1D34"]
    assert json.loads((out / "run.json").read_text())["left_out"] == 1
    here(*common, "--min-plate", 0)
    assert len(reads(out)) == 2


def test_characters_that_are_not_certain_are_question_marks(here: Command, options: list[str], tmp_path: Path) -> None:
    crop = (paint("ABC1D34", 210).astype(int) + paint("ABD1D34", 210)) // 2
    save_image(tmp_path / "plate.png", crop.astype(np.uint8))
    one = ["--views", "one"]  # the toy networks do not know a plate's negative
    result = here("--crops", tmp_path / "plate.png", "--out", tmp_path / "out", *options, "--certain", 0.9, *one)
    (read,) = reads(tmp_path / "out")
    assert read["text"] in ("ABC1D34", "ABD1D34")
    assert read["certain"] == "AB?1D34"
    assert "AB?1D34" in result.stdout
    here("--crops", tmp_path / "plate.png", "--out", tmp_path / "out", *options, "--certain", 0.1, *one)
    assert reads(tmp_path / "out")[0]["certain"] == read["text"]


def test_no_output_tells_the_text_of_a_plate_that_nobody_looks_for(
    here: Command, options: list[str], tmp_path: Path
) -> None:
    for name, text in (("a.png", "ABC1234"), ("b.png", "XYZ9Q87")):
        save_image(tmp_path / "plates" / name, paint(text))
    (tmp_path / "list.txt").write_text("ABC1234\n")
    result = here("--crops", tmp_path / "plates", "--out", tmp_path / "out", *options, "--csv", tmp_path / "reads.csv")
    assert "XYZ9Q87" in result.stdout
    watch = ["--watch-list", tmp_path / "list.txt", "--csv", tmp_path / "watched.csv"]
    result = here("--crops", tmp_path / "plates", "--out", tmp_path / "out", *options, *watch)
    told = result.stdout + (tmp_path / "out" / "reads.jsonl").read_text() + (tmp_path / "watched.csv").read_text()
    assert "ABC1234" in told
    assert "XYZ9Q87" not in told


def test_a_video_is_tracked(here: Command, options: list[str], detector: Path, tmp_path: Path) -> None:
    # Every frame spoils another character; together they are right.
    frames = []
    for index in range(14):
        image = scene("ABC1D34")
        left = 100 + round((index % 7) * 120 / 7)
        image[60:100, left : left + 17] = 255 * (index % 2)
        frames.append(image)
    video, out = save_video(tmp_path / "v.mp4", frames), tmp_path / "out"
    annotated = tmp_path / "annotated.mp4"
    arguments = ["--video", video, "--detector", detector, "--out", out, "--annotate", annotated, *options]
    result = here(*arguments)
    assert result.returncode == 0, result.stderr
    (read,) = reads(out)
    assert read["text"] == "ABC1D34"
    assert read["frames"] == 14
    assert read["agreeing"] < 14
    assert read["source"] == str(video)
    assert read["box"]["x"] == pytest.approx(100, abs=1)
    assert annotated.stat().st_size > 0
    # The picture is cut from the very frame that the read names.
    picture = read_image(out / read["lr_image"]).astype(int)
    frame = frames[read["frame"]].astype(int)
    inner = frame[64:96, 104:216]
    assert np.abs(picture[5:37, 8:120] - inner).mean() < 12
    others = [np.abs(picture[5:37, 8:120] - other.astype(int)[64:96, 104:216]).mean() for other in frames]
    assert int(np.argmin(others)) == read["frame"]
    assert read["milliseconds"] == pytest.approx(100 * read["frame"], abs=1)


def test_stills_are_not_joined(here: Command, options: list[str], detector: Path, tmp_path: Path) -> None:
    for index in range(3):
        save_image(tmp_path / "stills" / f"{index}.png", scene("ABC1D34"))
    out = tmp_path / "out"
    result = here("--video", tmp_path / "stills", "--detector", detector, "--out", out, "--quiet", *options)
    assert result.returncode == 0, result.stderr
    assert [(Path(read["source"]).name, read["frames"]) for read in reads(out)] == [
        ("0.png", 1),
        ("1.png", 1),
        ("2.png", 1),
    ]


def test_no_pictures(here: Command, options: list[str], tmp_path: Path) -> None:
    save_image(tmp_path / "p.png", paint("ABC1234", 40))
    assert here("--crops", tmp_path / "p.png", "--out", tmp_path / "o", "--no-pictures", *options).returncode == 0
    assert reads(tmp_path / "o")[0]["lr_image"] is None
    assert not (tmp_path / "o" / "pictures").exists()


def test_configuration_from_a_file(here: Command, models: Path, tmp_path: Path) -> None:
    save_image(tmp_path / "p.png", paint("AB123CD", 40))
    config = tmp_path / "run.toml"
    config.write_text(
        f'crops = "{tmp_path}/p.png"\nout = "{tmp_path}/o"\nreader = "{models}/reader.onnx"\n'
        f'generator = "{models}/generator.onnx"\nlayouts = ["argentina"]\nmin_confidence = 0\nthreads = 3\n'
    )
    result = here("--config", config, "--threads", 1)
    assert result.returncode == 0, result.stderr
    assert reads(tmp_path / "o")[0]["text"] == "AB123CD"
    report = json.loads((tmp_path / "o" / "run.json").read_text())
    assert report["config"]["threads"] == 1
    config.write_text("colour = 1\n")
    fails(here("--config", config), 2, "unknown key 'colour'")
    config.write_text("threads = 'many'\n")
    fails(here("--config", config), 2, "threads takes a whole number")
    config.write_text("threads = \n")
    fails(here("--config", config), 2, "not TOML")
    fails(here("--config", tmp_path / "none.toml"), 2, "cannot be read")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "exactly one of --video, --cameras, --crops and --fuse"),
        (["--video", "a", "--crops", "b"], 2, "exactly one of --video, --cameras, --crops and --fuse"),
        (["--video", "nowhere.mp4"], 2, "nowhere.mp4: no such file"),
        (["--crops", "nowhere"], 2, "nowhere: no such file"),
        (["--crops", "{tmp}/*.png"], 2, "no file matches"),
        (["--crops", "{tmp}"], 1, "no image in this folder"),
        (["--video", "{tmp}/text.mp4"], 1, "not a video"),
        (["--video", "{tmp}/empty.mp4"], 1, "the file is empty"),
        (["--crops", "{tmp}/text.mp4"], 1, "not an image"),
        (["--crops", "x", "--batch", "0"], 2, "--batch is at least 1"),
        (["--crops", "x", "--super-resolve", "maybe"], 2, "--super-resolve is one of"),
        (["--crops", "x", "--layouts", "moon"], 2, "unknown layout"),
        (["--crops", "x", "--min-confidence", "2"], 2, "between 0 and 1"),
        (["--crops", "x", "--annotate", "a.mp4"], 2, "need --video"),
        (["--crops", "x", "--locator-threshold", "0.5"], 2, "needs --video"),
        (["--video", "x", "--locator-threshold", "1"], 2, "at least 0 and less than 1"),
        (["--video", "x", "--locator-threshold", "-0.1"], 2, "at least 0 and less than 1"),
    ],
)
def test_bad_input(
    here: Command, options: list[str], tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    given = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    fails(here(*given, "--out", tmp_path / "out", *options), code, words)


def test_unknown_options_are_usage_errors(lpsr_run: Command) -> None:
    result = lpsr_run("--bogus")
    assert result.returncode == 2
    assert "--bogus" in result.stderr
    assert "Traceback" not in result.stderr


def test_bad_models(here: Command, models: Path, options: list[str], tmp_path: Path) -> None:
    save_image(tmp_path / "p.png", paint("ABC1234"))
    (tmp_path / "broken.onnx").write_text("no model")
    call = ["--crops", tmp_path / "p.png", "--out", tmp_path / "o", *options]
    fails(here(*call, "--reader", tmp_path / "broken.onnx"), 1, "broken.onnx: not a model")
    fails(here(*call, "--reader", models / "generator.onnx"), 1, "not a reader: expected image")
    fails(here(*call, "--reader", tmp_path / "none.onnx"), 2, "no such model file")
    fails(here(*call, "--reader", "nosuch"), 2, "no reader 'nosuch'")
    fails(here(*call, "--backend", "tensorrt"), 1, "TensorRT runs engines")
    video = ["--video", tmp_path / "p.png", "--out", tmp_path / "o", *options]
    fails(here(*video, "--detector", "none.onnx"), 2, "none.onnx: no such model file")
    fails(here(*video, "--detector", models / "generator.onnx"), 1, "takes pictures of 48x16")


def test_an_output_that_cannot_be_written(here: Command, options: list[str], tmp_path: Path) -> None:
    save_image(tmp_path / "p.png", paint("ABC1234"))
    (tmp_path / "file").touch()
    fails(here("--crops", tmp_path / "p.png", "--out", tmp_path / "file" / "o", *options), 1, "cannot be written")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk(lpsr_run: Command, options: list[str], tmp_path: Path) -> None:
    save_image(tmp_path / "p.png", paint("ABC1234"))
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "reads.jsonl").symlink_to("/dev/full")
    fails(lpsr_run("--crops", tmp_path / "p.png", "--out", tmp_path / "o", *options), 1, "No space left on device")


def started(command: list[object], out: Path, nohup: bool = False, **streams: Any) -> subprocess.Popen[str]:
    """A run in a process of its own that has begun to read."""
    environment, status = {**os.environ, "PYTHONPATH": str(ROOT)}, out.with_name("status.json")
    command = [sys.executable, "-m", "lpsr_run", *map(str, command), "--status", str(status)]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    try:
        process = subprocess.Popen(command, env=environment, **streams)
    finally:
        signal.signal(signal.SIGHUP, before)
    deadline = time.monotonic() + 60
    while not (status.exists() and any(one["frames"] > 5 for one in json.loads(status.read_text())["sources"])):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_video(tmp_path_factory.mktemp("long") / "v.mp4", [scene("ABC1D34")] * 800)


def is_cut_short(out: Path) -> None:
    (read,) = reads(out)
    assert read["text"] == "ABC1D34"
    assert 1 <= read["frames"] < 800
    assert json.loads((out / "run.json").read_text())["interrupted"] is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_keeps_the_reads(
    options: list[str], detector: Path, long_video: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = ["--video", long_video, "--detector", detector, "--out", out, *options]
    process = started(command, out, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert stderr.strip() == "interrupted; what was written so far is kept"
    is_cut_short(out)


def test_a_terminal_that_closes_keeps_the_reads(
    options: list[str], detector: Path, long_video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["--video", long_video, "--detector", detector, "--out", out, *options]
    terminal, inside = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), inside)
    process = started(command, out, **streams, start_new_session=True)
    os.close(inside)
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.1)
    process.send_signal(signal.SIGHUP)  # shells and the system both send it
    assert process.wait(timeout=120) == 128 + signal.SIGHUP
    is_cut_short(out)


def test_a_run_under_nohup_goes_on(options: list[str], detector: Path, tmp_path: Path) -> None:
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 200)
    out = tmp_path / "out"
    command = ["--video", video, "--detector", detector, "--out", out, *options]
    process = started(command, out, nohup=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=120) == 0
    assert reads(out)[0]["frames"] == 200

"""The command as a user calls it: tables, the JSON file, exit codes, one-line errors. No time is asserted."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from toy_models import paint, save_image

from lpsr_bench.config import SUITES
from lpsr_bench.context import Context, Row
from lpsr_bench.suites import MEASURES
from lpsr_bench.suites.cameras import COMPRESSIONS, WIDTHS

Command = Callable[..., "subprocess.CompletedProcess[str]"]
TEXTS = ("ABC1234", "XYZ9Q87", "QQQ0A00", "JKL5M55")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Runs the command within the test's process, in an empty folder."""
    from lpsr_bench.cli import main

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = ["lpsr-bench", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setenv("COLUMNS", "160")
        (tmp_path / "work").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "work")
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(command, int(caught.value.code or 0), out, err)

    return call


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """Four labelled plates, of which one is labelled with one wrong character and one with two."""
    folder = tmp_path / "plates"
    labels = dict(zip(TEXTS, (TEXTS[0], TEXTS[1], "QQQ0A01", "JKL5M66"), strict=True))
    for text, label in labels.items():
        save_image(folder / f"{label}.png", paint(text, 192))
    return folder


@pytest.fixture
def options(models: Path) -> list[str]:
    names = ["--generator", f"{models}/generator.onnx", "--reader", f"{models}/reader.onnx"]
    return [*names, "--quick", "--backend", "onnxruntime", "--threads", "1"]


def fails(result: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr


def load(path: Path) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    return found


def test_everything(here: Command, options: list[str], models: Path, plates: Path, tmp_path: Path) -> None:
    arguments = ["--data", plates, "--degradation", "none", "--lr-reader", models / "reader.onnx", "--plates", 5]
    suites = ["--suite", "all", "--peer", "bicubic", "--peer", f"mine={models}/generator.onnx"]
    result = here(*arguments, *suites, *options, "--threads", 2)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # no progress bar without a terminal
    for words in ("38 min", "33 h", "Quadro RTX 8000", "in proportion from 5", "throughput", "locate", "arXiv"):
        assert words in result.stdout
    report = load(tmp_path / "work" / "bench.json")
    assert report["schema"] == 2
    assert report["complete"] is True
    assert report["interrupted"] is False
    assert report["seconds"] > 0
    assert {"cpu", "cores", "memory_bytes", "os", "load_average", "versions"} <= report["machine"].keys()
    assert {"python", "numpy", "opencv"} <= report["machine"]["versions"].keys()
    assert report["peak_resident_bytes"] is None or report["peak_resident_bytes"] > 1 << 20
    assert {role: len(model["sha256"]) for role, model in report["models"].items()} == dict.fromkeys(
        ("generator", "reader", "lr_reader"), 64
    )
    assert report["models"]["generator"]["runtime"] == "onnxruntime cpu"
    assert report["models"]["generator"]["file"] == "generator.onnx"
    assert report["config"]["threads"] == 2
    assert report["data"]["plates"] == 4
    assert report["steadiness_seconds"].keys() == {*(f"before {suite}" for suite in SUITES), "at the end"}
    suites_found = report["suites"]
    assert list(suites_found) == list(SUITES)

    assert [(run["way"], run["plates"], run["under_way"]) for run in suites_found["reference"]] == [
        ("networks", 5, 3),
        ("crop to string", 5, 3),
    ]
    assert suites_found["reference"][1]["stage_seconds"].keys() == {"preprocess", "generate", "read", "decode"}
    ways = [(entry["batch"], entry["streams"], entry["way"]) for entry in suites_found["throughput"]]
    both = ("networks", "crop to string")
    assert ways == [*((batch, 1, way) for batch in (1, 8, 32) for way in both), (8, 2, "crop to string")]
    for entry in suites_found["throughput"]:
        assert entry["milliseconds"].keys() == {"p50", "p90", "p99", "p999"}
        assert len(entry["crops_per_second_by_round"]) == 2
    several = suites_found["throughput"][-1]
    assert several["crops_per_second"] == pytest.approx(sum(several["crops_per_second_by_stream"]), abs=0.01)

    for entry in suites_found["latency"]:
        assert entry["crops"] >= 30
        quantiles = entry["quantiles_milliseconds"]
        assert quantiles == sorted(quantiles)
        assert quantiles[50] == pytest.approx(entry["milliseconds"]["p50"], abs=0.001)
    assert [entry["share_of_capacity"] for entry in suites_found["latency"]] == [0.3, 0.6, 0.9]

    alone = [(row["batch"], row["stage"]) for row in suites_found["stages"] if row["kind"] == "alone"]
    parts = ("preprocess", "generate", "read", "decode", "whole")
    singles = [(1, "receive a frame"), (1, "locate a frame"), (1, "rectify a plate")]
    assert alone == [*singles, *((batch, part) for batch in (1, 32) for part in parts)]
    run = {row["stage"]: row for row in suites_found["stages"] if row["kind"] == "run"}
    assert {"receive", "locate", "rectify", "write", "other"} <= run.keys()
    assert sum(row["share"] for row in run.values()) == pytest.approx(1, abs=0.05)

    # The toy reader reads every picture right, so only the wrong labels count.
    accuracy = suites_found["accuracy"][0]
    assert (accuracy["plates"], accuracy["layout"]) == (4, "all")
    assert accuracy["rates"].keys() == {"hr", "bicubic", "sr", "lr direct"}
    for rate in accuracy["rates"].values():
        assert [rate[name]["hits"] for name in ("all", "six", "five")] == [2, 3, 4]
        assert rate["all"]["percent"] == 50
        assert rate["all"]["interval"] == [15.0, 85.0]
    assert accuracy["quality"]["sr"]["psnr_db"] > 15
    assert 0 < accuracy["quality"]["bicubic"]["ssim"] <= 1
    confusion = np.array(accuracy["confusion"])
    assert (confusion.sum(), np.trace(confusion)) == (28, 25), "three characters are labelled wrong"
    assert accuracy["reliability"]["share_right"] == 0.5
    assert sum(each["count"] for each in accuracy["reliability"]["bins"]) == 4
    assert [shown["kind"] for shown in accuracy["sheet"]] == ["best", "median", "worst"]
    assert accuracy["sheet"][-1]["truth"] == "JKL5M66"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(accuracy["sheet"][0]["sr"]), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (32, 96, 3)
    widths = [row["width"] for row in suites_found["cameras"] if row["codec"] == "none"]
    assert widths[::3] == [None, *WIDTHS]
    assert [row["super_resolve"] for row in suites_found["cameras"][:3]] == ["auto", "always", "never"]
    compressed = {(row["codec"], row["level"]) for row in suites_found["cameras"] if row["codec"] != "none"}
    assert compressed == set(COMPRESSIONS)
    assert all(row["plates"] == 4 for row in suites_found["cameras"])
    assert suites_found["cameras"][0]["rate"]["all"]["hits"] == 2, "what lpsr-run reads of them"

    levels = [row["ssim_below"] for row in suites_found["accuracy"] if row["degradation"] == "blur"]
    assert levels == [0.75, 0.5, 0.25, 0.1]
    layouts = {row["layout"]: row["plates"] for row in suites_found["accuracy"] if row["degradation"] == "none"}
    assert layouts == {"all": 4, "brazilian": 1, "mercosur": 3}

    assert suites_found["precision"] == []
    assert any("a file has one precision only" in note for note in report["notes"])
    kernels = {row["name"]: row for row in suites_found["kernel"]}
    assert next(iter(kernels.values()))["share_of_ceiling"] is None, "the ceiling itself"
    assert any(name.startswith("deformable") for name in kernels)
    assert all(row["gflops"] > 0 for name, row in kernels.items() if "convolution" in name or "deformable" in name)
    assert sorted((row["axis"], row["value"]) for row in suites_found["scaling"]) == [("crops", 1), ("crops", 10)]
    peers = {row["name"]: row for row in suites_found["peers"]}
    assert list(peers) == ["LPSR", "bicubic, then our reader", "mine (generator)"]
    assert all(row["rates"]["all"]["hits"] == 2 for row in peers.values())
    assert peers["LPSR"]["time_divided_by_ours"] == 1


def test_labels_of_a_table_and_a_limit(
    here: Command, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpsr_bench.networks.named_graphs", lambda role: [])
    scene = np.full((100, 300, 3), 60, np.uint8)
    scene[20:60, 50:170] = paint("ABC1D23", 120, 40)
    save_image(tmp_path / "data" / "scene.png", scene)
    save_image(tmp_path / "data" / "crop.png", paint("XYZ9876"))
    (tmp_path / "data" / "labels.csv").write_text(
        "file,text,x,y,width,height\nscene.png,ABC-1D23,50,20,120,40\ncrop.png,xyz 9876,,,,\ncrop.png,AAA0000,,,,\n"
    )
    out = tmp_path / "new" / "a.json"
    call = ["--data", tmp_path / "data", "--suite", "accuracy", "--degradation", "none", "--out", out, *options]
    assert here(*call, "--limit", 2).returncode == 0
    report = load(out)
    assert list(report["suites"]) == ["accuracy"]
    assert report["suites"]["accuracy"][0]["rates"]["hr"]["all"]["hits"] == 2
    assert "lr direct" not in report["suites"]["accuracy"][0]["rates"]
    assert any("is left out" in note for note in report["notes"])


def test_without_plates(here: Command, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_bench.bench.plates_folder", lambda: None)
    result = here("--suite", "reference", "--suite", "accuracy", "--plates", 2, *options)
    assert result.returncode == 0, result.stderr
    assert "accuracy skipped" in result.stdout
    report = load(tmp_path / "work" / "bench.json")
    assert report["suites"]["accuracy"] == []
    assert len(report["suites"]["reference"]) == 2


def test_an_interrupt_keeps_what_was_measured(
    here: Command, options: list[str], plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = MEASURES["throughput"]

    def interrupted(context: Context) -> Iterator[Row]:
        yield next(original(context))
        raise KeyboardInterrupt

    monkeypatch.setitem(MEASURES, "throughput", interrupted)
    call = ["--data", plates, "--suite", "throughput", "--suite", "accuracy", *options]
    fails(here(*call), 130, "what was written so far is kept")
    report = load(tmp_path / "work" / "bench.json")
    assert report["interrupted"] is True
    assert report["complete"] is False
    assert len(report["suites"]["throughput"]) == 1
    assert "accuracy" not in report["suites"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--suite", "speed"], 2, "--suite is one of reference, throughput"),
        (["--precision", "fp8"], 2, "--precision is one of"),
        (["--degradation", "rain"], 2, "--degradation is one of"),
        (["--seconds", "0"], 2, "--seconds is more than 0"),
        (["--plates", "0"], 2, "--plates is at least 1"),
        (["--batches", "8,no"], 2, "--batches takes numbers separated by commas, not '8,no'"),
        (["--batches", "0"], 2, "--batches takes numbers from 1 on"),
        (["--batches", ","], 2, "take at least one number"),
        (["--rates", "nan"], 2, "--rates takes numbers"),
        (["--most", "0"], 2, "--most is at least 1"),
        (["--suite", "peers", "--peer", "nobody"], 2, "no peer 'nobody'; there are rapidocr"),
        (["--suite", "peers", "--peer", "fast-plate-ocr"], 2, "give --peer fast-plate-ocr=MODEL.onnx"),
        (["--suite", "peers", "--peer", "mine={tmp}/none.onnx"], 2, "no such model file"),
        (["--layouts", "moon"], 2, "unknown layout"),
        (["--data", "{tmp}/none"], 2, "no such folder"),
        (["--data", "{tmp}/empty"], 1, "no labelled pictures"),
        (["--data", "{tmp}/mislabelled"], 1, "has 5 characters"),
        (["--data", "{tmp}/broken"], 1, "ABC1234.png: not a picture"),
        (["--data", "{tmp}/table"], 1, "no picture 'gone.png'"),
        (["--data", "{tmp}/bytes"], 1, "cannot be read"),
        (["--data", "{tmp}/pixel"], 1, "1x1 pixels are too few"),
        (["--frame", "{tmp}/none.mp4"], 2, "no such file"),
        (["--frame", "{tmp}/broken/ABC1234.png"], 1, "not an image"),
        (["--out", "{tmp}/file/bench.json"], 1, "cannot be written"),
        (["--out", "{tmp}/empty"], 1, "it is a folder"),
    ],
)
def test_bad_input(here: Command, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    for name in ("empty", "table", "bytes"):
        (tmp_path / name).mkdir()
    save_image(tmp_path / "mislabelled" / "plate.png", paint("ABC1234"))
    save_image(tmp_path / "pixel" / "ABC1234.png", np.zeros((1, 1, 3), np.uint8))
    save_image(tmp_path / "bytes" / "p.png", paint("ABC1234"))
    (tmp_path / "bytes" / "labels.csv").write_bytes(b"file,text\np.png,\xff\xfe\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ABC1234.png").write_bytes(b"no picture")
    (tmp_path / "table" / "labels.csv").write_text("file,text\ngone.png,ABC1234\n")
    (tmp_path / "file").touch()
    given = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    fails(here("--quick", *given), code, words)
    assert not (tmp_path / "work" / "bench.json").exists()


def test_bad_models(here: Command, options: list[str], models: Path, plates: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_text("no model")
    call = ["--data", plates, *options]
    fails(here(*call, "--generator", "nosuch"), 2, "no generator 'nosuch'")
    fails(here(*call, "--lr-reader", "nosuch"), 2, "no reader 'nosuch'")
    fails(here(*call, "--reader", tmp_path / "none.onnx"), 2, "no such model file")
    fails(here(*call, "--reader", tmp_path / "broken.onnx"), 1, "not a model")
    fails(here(*call, "--generator", models / "reader.onnx"), 1, "not a generator: expected lr")
    fails(here(*call, "--backend", "tensorrt"), 1, "TensorRT runs engines")


def test_unknown_options_are_usage_errors(here: Command) -> None:
    result = here("--bogus")
    assert result.returncode == 2
    assert "--bogus" in result.stderr
    assert "Traceback" not in result.stderr


def test_version(here: Command) -> None:
    assert here("--version").stdout.startswith("lpsr-bench 0")

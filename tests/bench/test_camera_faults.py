"""What a cheap camera's faults cost: the command, and the figures that are recorded of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_models import ROOT

RECORDED = ("faults-rendered.json", "faults-55-photographs.json")


def faults(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.faults", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_reads_every_plate_by_every_camera_that_is_recorded(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    out = tmp_path / "faults.json"
    done = faults("--count", "12", "--out", str(out))
    assert done.returncode == 0, done.stderr
    measured = json.loads(out.read_text(encoding="utf-8"))
    for name in RECORDED:
        recorded = json.loads((ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8"))
        assert list(recorded["cameras"]) == list(measured["cameras"])
    hits = {name: rate["five"]["hits"] for name, rate in measured["cameras"].items()}
    assert all(rate["five"]["total"] == 12 for rate in measured["cameras"].values())
    assert hits["hard"] < hits["without JPEG and noise"]


def test_what_cannot_be_measured_is_told_in_a_line(tmp_path: Path) -> None:
    gone = faults("--data", str(tmp_path / "gone"))
    assert gone.returncode == 1
    assert gone.stderr.splitlines() == [f"error: {tmp_path / 'gone'}: no such folder"]
    assert faults("--count", "0").returncode == 2

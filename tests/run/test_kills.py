"""A few of the kills and power cuts of `benchmarks.kills`, which does many."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT))
pytest.importorskip("paho.mqtt", reason="one of the sinks publishes by MQTT (the mqtt extra)")
from benchmarks.kills import SINKS, judged, trial


@pytest.mark.parametrize("number", range(4))
def test_after_a_kill_and_a_rerun_all_sinks_hold_what_was_acknowledged(tmp_path: Path, number: int) -> None:
    found = trial(tmp_path, random.Random(number).uniform(0.05, 0.5))
    assert set(SINKS) < set(found.lost)
    assert found.sound, found


def test_after_a_power_cut_too(tmp_path: Path) -> None:
    # In a process of its own, whose mounts nobody else sees.
    told = tmp_path / "cuts.json"
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", "0", "--cuts", "1", "--out", str(told)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=ROOT)
    found = json.loads(told.read_text())["power_cuts"]
    if isinstance(found, str):
        pytest.skip(found)
    assert done.returncode == 0, found
    assert found["trials"] == 1
    assert set(found["lost"]) > set(SINKS)


def test_what_is_missing_is_found() -> None:
    whole = {"journal": [1, 2, 3], "table": [1, 2, 3], "webhook": [1, 2, 2, 3]}
    assert judged(3, whole).sound
    assert judged(3, whole).repeated["webhook"] == 1
    assert not judged(4, whole).sound
    assert not judged(3, {**whole, "table": [1, 3]}).sound
    assert not judged(3, {**whole, "webhook": [2, 1, 3]}).sound

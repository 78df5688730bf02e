"""The scripts for a machine with a GPU: order, limits, what is kept, and that nothing is left running.

A stand-in takes Python's place, and the tools that build kernels fail.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "benchmarks"

pytestmark = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("bash") or not shutil.which("timeout"), reason="needs bash and timeout"
)

PYTHON = """#!/bin/sh
say() { echo "$1" >>"$EVENTS"; }
after() { want=$1; shift; for each in "$@"; do [ "$last" = "$want" ] && echo "$each"; last=$each; done; }
case "$*" in
    *"lpsr_train render"* | *"lpsr_train scenes"*)
        pool=$(after --out "$@"); mkdir -p "$pool"; : >"$pool/shard-00000.npy"
        say "rendering $$"; exec sleep 300 ;;
    *"lpsr_train fit"* | *"lpsr_train locator"*)
        run=$(after --out "$@"); mkdir -p "$run/weights"; echo weights >"$run/weights/checkpoint.pt"
        say "training $3 for $(after --seconds "$@")"; echo "trained $3"
        [ -z "$STUCK" ] || exec sleep 300 ;;
esac
"""
FAILS = "#!/bin/sh\nsay() { :; }\necho 'kernel tools' >>\"$EVENTS\"\nexit 1\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("python", PYTHON), ("cmake", FAILS), ("nvcc", FAILS), ("nvidia-smi", FAILS)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHON": str(tools / "python"),
        "EVENTS": str(tmp_path / "events"),
        "TMPDIR": str(tmp_path / "tmp"),
        "BEGIN": "1",
        "RENDER": "0",
        "RESERVE": "5",
        "KERNEL": "30",
        "STUCK": "",
    }


def run(script: str, out: Path, seconds: int, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    Path(environment["TMPDIR"]).mkdir(exist_ok=True)
    command = [str(SCRIPTS / script), str(out), str(seconds)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def events(environment: dict[str, str]) -> list[str]:
    return Path(environment["EVENTS"]).read_text().splitlines()


def still_running(environment: dict[str, str]) -> list[int]:
    """Of the renderers that began."""
    numbers = [int(line.split()[1]) for line in events(environment) if line.startswith("rendering")]
    time.sleep(0.5)
    return [number for number in numbers if Path(f"/proc/{number}").exists()]


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("gpu*.sh")))
def test_scripts_are_bash(script: str) -> None:
    subprocess.run(["bash", "-n", str(SCRIPTS / script)], check=True)
    assert os.access(SCRIPTS / script, os.X_OK) == (script != "gpu_common.sh")


@pytest.mark.parametrize(("script", "task"), [("gpu_train.sh", "fit"), ("gpu_locator.sh", "locator")])
def test_a_training_keeps_its_weights(script: str, task: str, tmp_path: Path, environment: dict[str, str]) -> None:
    done = run(script, tmp_path / "out", 120, environment)
    assert done.returncode == 0, done.stderr
    assert f"trained {task}" in done.stdout
    assert (tmp_path / "out" / "weights" / "checkpoint.pt").read_text() == "weights\n"
    (told,) = (line for line in events(environment) if line.startswith("training"))
    assert 60 < int(told.split()[-1]) <= 115, "what is left, less the reserve"
    assert still_running(environment) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_training_that_hangs_is_ended_and_its_weights_are_kept(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run("gpu_train.sh", tmp_path / "out", 16, {**environment, "STUCK": "1"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "weights" / "checkpoint.pt").is_file()
    assert still_running(environment) == []


def test_no_time_is_one_line(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run("gpu_locator.sh", tmp_path / "out", 8, environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: no time is left to train in; give more SECONDS"


def test_all_of_it_goes_on_when_the_kernels_fail(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run("gpu.sh", tmp_path / "out", 120, environment)
    assert done.returncode == 1, "the kernels were not built"
    order = [line.split()[0] for line in events(environment)]
    assert order.index("kernel") < order.index("training"), "the GPU is the kernels' alone"
    assert order.index("rendering") < order.index("training")
    steps = (tmp_path / "out" / "steps.txt").read_text()
    assert "kernel failed; the trainings take the GPU" in steps
    assert "locator done" in steps
    assert "reader done" in steps
    for name in ("locator", "reader"):
        assert (tmp_path / "out" / name / "weights" / "checkpoint.pt").is_file()
    assert "build: failed" in (tmp_path / "out" / "kernel" / "steps.txt").read_text()
    assert still_running(environment) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_script_that_is_stopped_stops_what_it_started(tmp_path: Path, environment: dict[str, str]) -> None:
    Path(environment["TMPDIR"]).mkdir()
    command = [str(SCRIPTS / "gpu_train.sh"), str(tmp_path / "out"), "200"]
    running = subprocess.Popen(command, env={**environment, "STUCK": "1"}, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until and not any("training" in line for line in _begun(environment)):
        time.sleep(0.2)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 143
    assert still_running(environment) == []


def _begun(environment: dict[str, str]) -> list[str]:
    return events(environment) if Path(environment["EVENTS"]).exists() else []

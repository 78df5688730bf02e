"""What the driver says of the GPU while training runs, from a stand-in for its command."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lpsr_train.utilisation import GpuWatch


def driver(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = folder / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def watched(index: int | None) -> float | None:
    with GpuWatch(index, seconds=0.01) as watch:
        time.sleep(0.4)
    return watch.busy


def test_the_median_of_what_the_driver_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, f'echo "$@" >> {tmp_path}/asked; echo 87', monkeypatch)
    assert watched(1) == 87
    assert "--id=1 --query-gpu=utilization.gpu --format=csv,noheader,nounits" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("script", ["echo '[N/A]'", "exit 9", "true"])
def test_a_driver_that_does_not_know_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    driver(tmp_path, script, monkeypatch)
    assert watched(0) is None


def test_without_a_gpu_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, "echo 87", monkeypatch)
    assert watched(None) is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert watched(0) is None

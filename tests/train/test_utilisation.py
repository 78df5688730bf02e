"""What the driver says of the GPU while training runs, from a stand-in for its command."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lpsr_train.training.utilisation import GpuWatch, driver_name


def driver(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = folder / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def watched(name: str | None) -> float | None:
    with GpuWatch(name, seconds=0.01) as watch:
        time.sleep(0.4)
    return watch.busy


def test_the_median_of_what_the_driver_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, f'echo "$@" >> {tmp_path}/asked; echo 87', monkeypatch)
    assert watched("GPU-1-2") == 87
    assert "--id=GPU-1-2 --query-gpu=utilization.gpu --format=csv,noheader,nounits" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("script", ["echo '[N/A]'", "exit 9", "true"])
def test_a_driver_that_does_not_know_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    driver(tmp_path, script, monkeypatch)
    assert watched("GPU-1-2") is None


def test_without_a_gpu_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, "echo 87", monkeypatch)
    assert watched(None) is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert watched("GPU-1-2") is None


def test_gpus_are_named_as_the_driver_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")
    named = SimpleNamespace(uuid="d5c5-77")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: named)
    assert driver_name(torch.device("cpu")) is None
    assert driver_name(torch.device("cuda:3")) == "GPU-d5c5-77"

"""What the runtime's tests share; the models and pictures are those of tests/toy_models.py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_models import ROOT, make_detector, make_generator, make_reader, paint, save_image, save_video, scene

__all__ = [
    "ROOT",
    "Command",
    "make_detector",
    "make_generator",
    "make_reader",
    "paint",
    "save_image",
    "save_video",
    "scene",
]


@pytest.fixture
def options(models: Path) -> list[str]:
    """Names the test networks."""
    names = ["--generator", f"{models}/generator.onnx", "--reader", f"{models}/reader.onnx"]
    return [*names, "--backend", "onnxruntime", "--threads", "1"]


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command within the test's process: much quicker, and the same code from its entry point on."""
    from lpsr_run.cli import main

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = ["lpsr-run", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(command, int(caught.value.code or 0), out, err)

    return call


@pytest.fixture(scope="session")
def lpsr_run() -> Command:
    """Runs the command in a process of its own."""

    def call(*arguments: object, timeout: float = 60, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **options.pop("env", {})}
        command = [sys.executable, "-m", "lpsr_run", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, **options)

    return call

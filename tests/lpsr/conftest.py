"""What the tests of the Python interface share; the models and pictures are those of tests/toy_models.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lpsr

Reads = Callable[..., "list[dict[str, Any]]"]


@pytest.fixture(scope="session")
def toys(models: Path, detector: Path) -> dict[str, Any]:
    """Keywords of a reader with the test networks."""
    return {
        "generator": f"{models}/generator.onnx",
        "reader": f"{models}/reader.onnx",
        "detector": f"{detector}",
        "backend": "onnxruntime",
        "threads": 1,
    }


@pytest.fixture(scope="session")
def reader(toys: dict[str, Any]) -> lpsr.Reader:
    """A reader with the test networks."""
    return lpsr.Reader(**toys)


@pytest.fixture(scope="session")
def released() -> lpsr.Reader:
    """A reader as a user makes it."""
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    return lpsr.Reader(threads=1)


@pytest.fixture
def reads_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reads:
    """What `lpsr-run` writes, called within the test's process; paths of pictures are absolute."""
    from lpsr_run.cli import main

    def call(*arguments: object, **options: object) -> list[dict[str, Any]]:
        out = tmp_path / "out"
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        command = ["lpsr-run", *map(str, [*arguments, *words]), "--out", str(out), "--quiet"]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as caught:
            main()
        assert not caught.value.code
        reads = [json.loads(line) for line in (out / "reads.jsonl").read_text().splitlines()]
        for read in reads:
            for name in ("lr_image", "sr_image"):
                read[name] = None if read[name] is None else out / read[name]
        return reads

    return call

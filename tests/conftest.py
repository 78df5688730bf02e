"""What the tests of several packages share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from toy_models import make_detector, make_generator, make_reader

# Shared machines stall now and then; no test is about speed.
settings.register_profile("lpsr", deadline=None)
settings.load_profile("lpsr")

# A shell starts jobs in the background with interrupts ignored, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests away from the models that this machine's user built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LPSR_MODELS", str(tmp_path_factory.mktemp("user-models")))
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `generator.onnx` and `reader.onnx` of known behaviour."""
    pytest.importorskip("onnxruntime", reason="the test models run in ONNX Runtime")
    pytest.importorskip("onnx", reason="the test models are made with onnx")
    folder = tmp_path_factory.mktemp("models")
    make_generator(folder / "generator.onnx")
    make_reader(folder / "reader.onnx")
    return folder


@pytest.fixture(scope="session")
def detector(models: Path) -> Path:
    """A detector whose one plate is at x 100, y 60, 120 pixels wide, in pictures of 320x240."""
    # 320x240 fits into 640x640 twice as large, with bars of 80 above and below.
    box = np.zeros((1, 300, 6), np.float32)
    box[0, 0] = 200, 2 * 60 + 80, 440, 2 * 100 + 80, 0.9, 0
    return make_detector(models / "detector.onnx", box)

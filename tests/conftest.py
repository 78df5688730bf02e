"""What the tests of several packages share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from toy_models import make_generator, make_reader

# Shared machines stall now and then; no test is about speed.
settings.register_profile("lpsr", deadline=None)
settings.load_profile("lpsr")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `generator.onnx` and `reader.onnx` of known behaviour."""
    pytest.importorskip("onnxruntime", reason="the test models run in ONNX Runtime")
    pytest.importorskip("onnx", reason="the test models are made with onnx")
    folder = tmp_path_factory.mktemp("models")
    make_generator(folder / "generator.onnx")
    make_reader(folder / "reader.onnx")
    return folder

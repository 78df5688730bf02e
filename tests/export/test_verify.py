"""`lpsr-export verify`: two graphs of one role, how far apart, and on which crops."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lpsr_core.cards import ModelCard, sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_export.cli import app
from lpsr_export.graph.fp16 import to_fp16
from lpsr_export.graph.graphs import load_graph, save_graph
from lpsr_export.verify import verify


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """The test networks in FP32 and FP16."""
    for path in exported.iterdir():
        shutil.copy(path, tmp_path)
    for role in ("generator", "reader"):
        half = tmp_path / f"tiny-{role}-fp16.onnx"
        save_graph(to_fp16(load_graph(tmp_path / f"tiny-{role}.onnx")), half)
        ModelCard("tiny", role, "fp16", half.name, sha256(half), 1, 20).save(tmp_path)
    return tmp_path


def test_a_graph_agrees_with_itself(folder: Path) -> None:
    for role in ("generator", "reader"):
        path = folder / f"tiny-{role}.onnx"
        found = verify(path, path, 4)
        assert (found.agreement.strings, found.agreement.difference) == (1.0, 0.0)


@pytest.mark.parametrize("role", ["generator", "reader"])
def test_the_worst_crops_are_shown_worst_first(folder: Path, role: str) -> None:
    first, second, sheet = folder / f"tiny-{role}.onnx", folder / f"tiny-{role}-fp16.onnx", folder / "out" / "worst.png"
    arguments = ["verify", str(first), str(second), "--crops", "12", "--worst", str(sheet)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "strings agree on" in done.output
    found = verify(first, second, 12)
    assert 0 < found.agreement.difference < 0.5
    assert len(found.rows) == 8

    # Crops that read differently come first; among equals, the larger difference does.
    def key(text: str) -> tuple[bool, float]:
        words = text.replace(" ->", "").split()
        return words[0] == words[1], -float(words[2])

    keys = [key(text) for _, text in found.rows]
    assert keys == sorted(keys)
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape == (8 * (22 + 128), 384 * (4 if role == "generator" else 1), 3)
    assert np.ptp(picture) > 100


def test_what_cannot_be_compared_is_one_line(folder: Path) -> None:
    generator, reader = folder / "tiny-generator.onnx", folder / "tiny-reader.onnx"
    with pytest.raises(UsageError, match="two of one role"):
        verify(generator, reader, 2)
    with pytest.raises(UsageError, match="no such graph"):
        verify(generator, folder / "nowhere.onnx", 2)
    with pytest.raises(LpsrError, match=r"TensorRT|tensorrt|GPU"):
        verify(generator, folder / "tiny-generator-fp16.plan", 2)
    reader.unlink()
    with pytest.raises(UsageError, match="--reader"):
        verify(generator, generator, 2)

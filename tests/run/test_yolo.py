from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_detector, make_generator

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box
from lpsr_run.backends import open_engine
from lpsr_run.locate.yolo import YoloLocator

pytest.importorskip("onnxruntime", reason="detectors run in ONNX Runtime")
pytest.importorskip("onnx", reason="the test detectors are made with onnx")

FRAME = np.zeros((240, 320, 3), np.uint8)
# In a 640x640 input a 320x240 frame lies twice as large, 80 pixels below the top.
PLATE = Box(100, 60, 120, 40)
CENTRE = [320.0, 240.0, 240.0, 80.0]
OTHER = [60.0, 120.0, 80.0, 30.0]
CELLS = 8400


def dense(columns: int, count: int = CELLS, objectness: bool = False) -> np.ndarray:
    """[1, N, columns]: the plate twice (once shifted and weaker), another plate, and one that is too weak."""
    rows = np.zeros((1, count, columns), np.float32)
    shifted = [CENTRE[0] + 4, *CENTRE[1:]]
    for index, (box, score) in enumerate([(shifted, 0.6), (CENTRE, 0.9), (OTHER, 0.5), ([300, 500, 50, 20], 0.1)]):
        rows[0, index, :4] = box
        rows[0, index, -1] = score
        if objectness:
            rows[0, index, 4] = 0.95
    return rows


def end_to_end() -> np.ndarray:
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, 0] = 200, 200, 440, 280, 0.9, 0
    rows[0, 1] = 20, 105, 100, 135, 0.5, 1
    return rows


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(dense(5).transpose(0, 2, 1), id="v8 one class"),
        pytest.param(dense(6).transpose(0, 2, 1), id="v8 two classes"),
        pytest.param(dense(84).transpose(0, 2, 1), id="v8 80 classes"),
        pytest.param(dense(5), id="v8 one class, transposed"),
        pytest.param(dense(6), id="v8 two classes, transposed"),
        pytest.param(end_to_end(), id="end to end"),
        pytest.param(dense(6, 3 * CELLS, True), id="v5 one class"),
        pytest.param(dense(85, 3 * CELLS, True), id="v5 80 classes"),
    ],
)
@pytest.mark.parametrize("size", [640, None])
def test_known_forms(tmp_path: Path, output: np.ndarray, size: int | None) -> None:
    locator = YoloLocator(open_engine(make_detector(tmp_path / "d.onnx", np.ascontiguousarray(output), size)))
    locations = locator.locate(FRAME)
    assert len(locations) == 2
    assert locations[0].quad.box.iou(PLATE) > 0.99
    assert locations[0].score > locations[1].score > 0.4
    assert locations[1].quad.box.iou(Box(10, 12.5, 40, 15)) > 0.9


def test_nothing_found(tmp_path: Path) -> None:
    path = make_detector(tmp_path / "d.onnx", np.zeros((1, 5, CELLS), np.float32))
    assert YoloLocator(open_engine(path)).locate(FRAME) == []


@pytest.mark.parametrize("shape", [(1, 4, 100), (2, 84, 8400), (1, 1000), (1, 3, 80, 80, 85)])
def test_other_forms_are_refused_in_one_line(tmp_path: Path, shape: tuple[int, ...]) -> None:
    locator = YoloLocator(open_engine(make_detector(tmp_path / "d.onnx", np.zeros(shape, np.float32))))
    with pytest.raises(LpsrError, match="unknown detector output") as caught:
        locator.locate(FRAME)
    assert "x".join(map(str, shape)) in str(caught.value)


def test_a_model_that_takes_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LpsrError, match="not a detector"):
        YoloLocator(open_engine(make_generator(tmp_path / "g.onnx", batch=7)))

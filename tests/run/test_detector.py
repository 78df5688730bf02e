"""A user's own detector: every known form of output, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_detector, make_generator

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box
from lpsr_run.engines.backends import open_engine
from lpsr_run.locate.detections import Notes, detections
from lpsr_run.locate.detector import DetectorLocator

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


def with_angles(rows: np.ndarray, angle: float) -> np.ndarray:
    """[1, N, 4+C+1]: the boxes of `rows`, the first three turned; the others any way."""
    angles = np.linspace(-0.7, 2.3, rows.shape[1], dtype=np.float32)
    angles[:3] = angle
    return np.concatenate([rows, np.broadcast_to(angles[None, :, None], (1, rows.shape[1], 1))], axis=2)


def with_points(rows: np.ndarray, values: int) -> np.ndarray:
    """[1, N, 4+C+4*D]: a corner each, in no particular order, 5 pixels inwards from the box's at the top."""
    centre, half = rows[..., :2], rows[..., 2:4] / 2
    signs = np.array([[1, 1], [-1, -1], [-1, 1], [1, -1]], np.float32)
    places = centre[:, :, None] + signs * half[:, :, None] + np.where(signs[:, 1:] < 0, 5.0, 0.0) * -signs * [1, 0]
    if values == 3:
        places = np.concatenate([places, np.full((*places.shape[:3], 1), 0.9)], axis=3)
    return np.concatenate([rows, places.reshape(1, rows.shape[1], -1)], axis=2).astype(np.float32)


def shares(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[..., :4] /= 640
    return rows


def few(rows: np.ndarray) -> np.ndarray:
    """Queries of RT-DETR: few, as fractions of a frame that was stretched to the input, and only one of each plate."""
    rows = rows[:, 1:301].copy()
    rows[..., 1] -= 80
    rows[..., [1, 3]] *= 4 / 3
    rows = shares(rows)
    rows[0, 4:, :4] = [0.5, 0.5, 0.1, 0.05]
    rows[0, 4:, 4:] = 0.01
    return rows


def yolov7() -> np.ndarray:
    return np.array([[0, 200, 200, 440, 280, 0, 0.9], [0, 20, 105, 100, 135, 1, 0.5]], np.float32)


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(dense(5).transpose(0, 2, 1), id="v8 one class"),
        pytest.param(dense(6).transpose(0, 2, 1), id="v8 two classes"),
        pytest.param(dense(84).transpose(0, 2, 1), id="v8 80 classes"),
        pytest.param(shares(dense(5)).transpose(0, 2, 1), id="v8 in fractions"),
        pytest.param(dense(5), id="v8 one class, transposed"),
        pytest.param(end_to_end(), id="end to end"),
        pytest.param(shares(end_to_end()), id="end to end, in fractions"),
        pytest.param(yolov7(), id="v7 with suppression"),
        pytest.param(dense(6, 3 * CELLS, True), id="v5 one class"),
        pytest.param(dense(85, 3 * CELLS, True), id="v5 80 classes"),
        pytest.param(few(dense(5)), id="RT-DETR one class"),
        pytest.param(few(dense(6)), id="RT-DETR two classes"),
        pytest.param(with_angles(dense(5), 0.0).transpose(0, 2, 1), id="oriented, straight"),
        pytest.param(with_points(dense(5), 2).transpose(0, 2, 1), id="four corners"),
        pytest.param(with_points(dense(5), 3).transpose(0, 2, 1), id="four corners with visibility"),
    ],
)
@pytest.mark.parametrize("size", [640, None])
def test_known_forms(tmp_path: Path, output: np.ndarray, size: int | None) -> None:
    locator = DetectorLocator(open_engine(make_detector(tmp_path / "d.onnx", np.ascontiguousarray(output), size)))
    locations = locator.locate(FRAME)
    assert len(locations) == 2
    assert locations[0].quad.box.iou(PLATE) > 0.99
    assert locations[0].score > locations[1].score > 0.4
    assert locations[1].quad.box.iou(Box(10, 12.5, 40, 15)) > 0.9


def corners_of(path: Path) -> np.ndarray:
    return DetectorLocator(open_engine(path)).locate(FRAME)[0].quad.array


def test_oriented_boxes_and_corners_keep_their_tilt(tmp_path: Path) -> None:
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wanted = np.array([[-60, -20], [60, -20], [60, 20], [-60, 20]]) @ turn.T + [160, 80]
    path = make_detector(tmp_path / "o.onnx", np.ascontiguousarray(with_angles(dense(5), angle).transpose(0, 2, 1)))
    assert corners_of(path) == pytest.approx(wanted, abs=0.1)
    # The same box, told as a higher one that is turned by a quarter more.
    rows = dense(5)
    rows[0, :3, 2:4] = rows[0, :3, [3, 2]].T
    path = make_detector(
        tmp_path / "q.onnx", np.ascontiguousarray(with_angles(rows, angle + np.pi / 2).transpose(0, 2, 1))
    )
    assert corners_of(path) == pytest.approx(wanted, abs=0.1)
    # After suppression: class and angle behind the score.
    ends = np.zeros((1, 300, 7), np.float32)
    ends[0, 0] = *CENTRE, 0.9, 0, angle
    assert corners_of(make_detector(tmp_path / "e.onnx", ends)) == pytest.approx(wanted, abs=0.1)
    path = make_detector(tmp_path / "k.onnx", np.ascontiguousarray(with_points(dense(5), 3).transpose(0, 2, 1)))
    assert corners_of(path) == pytest.approx(
        np.array([[102.5, 60], [217.5, 60], [220, 100], [100, 100]], float), abs=0.1
    )


def annotate(path: Path, **notes: str) -> Path:
    """Writes notes into a file as Ultralytics does."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, notes)
    onnx.save(model, path)
    return path


def test_notes_of_the_file_decide_what_the_shape_does_not(tmp_path: Path) -> None:
    objectness = make_detector(tmp_path / "x.onnx", dense(6, CELLS, True))
    with pytest.raises(LpsrError, match="may be a class or an objectness"):
        DetectorLocator(open_engine(objectness)).locate(FRAME)
    first, _ = DetectorLocator(open_engine(annotate(objectness, names="{0: 'plate'}"))).locate(FRAME)
    assert first.score == pytest.approx(0.95 * 0.9)
    two = annotate(make_detector(tmp_path / "y.onnx", dense(6)), names="{0: 'car plate', 1: 'bike plate'}")
    assert DetectorLocator(open_engine(two)).locate(FRAME)[0].score == pytest.approx(0.9)
    # Angles that could be scores: only the notes can tell.
    rows = np.ascontiguousarray(with_angles(dense(5), 0.3)).transpose(0, 2, 1).copy()
    rows[0, 5] = 0.3
    turned = annotate(make_detector(tmp_path / "z.onnx", rows), task="obb", names="{0: 'plate'}")
    upper_left, upper_right = DetectorLocator(open_engine(turned)).locate(FRAME)[0].quad.array[:2]
    assert np.arctan2(*(upper_right - upper_left)[::-1]) == pytest.approx(0.3, abs=0.01)
    broken = annotate(
        make_detector(tmp_path / "b.onnx", dense(5)), task="pose", kpt_shape="__import__('os')", names="["
    )
    assert len(DetectorLocator(open_engine(broken)).locate(FRAME)) == 2, "notes that are none are none"


def test_masks_beside_boxes_are_no_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([dense(5), rng.normal(0, 3, (1, CELLS, 32)).astype(np.float32)], axis=2).transpose(0, 2, 1)
    path = make_detector(tmp_path / "s.onnx", np.ascontiguousarray(rows))
    with pytest.raises(LpsrError, match="unknown detector output"):
        DetectorLocator(open_engine(path)).locate(FRAME)
    found = detections({"o": rows, "p": np.zeros((1, 32, 160, 160), np.float32)}, (640, 640), Notes())
    assert found.scores.max() == pytest.approx(0.9)


def test_outputs_of_their_own_for_boxes_and_scores() -> None:
    rows = dense(5)[0, 1:101]
    logits = np.log(np.clip(rows[:, 4:], 1e-4, 1 - 1e-4) / (1 - np.clip(rows[:, 4:], 1e-4, 1 - 1e-4)))
    queries = detections({"logits": logits[None], "pred_boxes": rows[None, :, :4] / 640}, (640, 640), Notes())
    assert queries.scores.max() == pytest.approx(0.9)
    assert queries.quads[0] == pytest.approx(np.array([[200, 200], [440, 200], [440, 280], [200, 280]]), abs=0.01)
    boxes = np.array([[[200, 200, 440, 280]]], np.float32)
    named = {"labels": np.zeros((1, 1), np.int64), "boxes": boxes, "scores": np.array([[0.9]], np.float32)}
    assert detections(named, (640, 640), Notes()).quads[0] == pytest.approx(queries.quads[0], abs=0.01)


def test_nothing_found(tmp_path: Path) -> None:
    path = make_detector(tmp_path / "d.onnx", np.zeros((1, 5, CELLS), np.float32))
    assert DetectorLocator(open_engine(path)).locate(FRAME) == []


@pytest.mark.parametrize("shape", [(1, 4, 100), (2, 84, 8400), (1, 1000), (1, 3, 80, 80, 85), (1, 300, 4), (1, 0, 6)])
def test_other_forms_are_refused_in_one_line(tmp_path: Path, shape: tuple[int, ...]) -> None:
    locator = DetectorLocator(open_engine(make_detector(tmp_path / "d.onnx", np.zeros(shape, np.float32))))
    with pytest.raises(LpsrError, match="unknown detector output") as caught:
        locator.locate(FRAME)
    assert "x".join(map(str, shape)) in str(caught.value)


def test_a_model_that_takes_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LpsrError, match="not a detector"):
        DetectorLocator(open_engine(make_generator(tmp_path / "g.onnx", batch=7)))


def test_scores_that_are_none_are_refused(tmp_path: Path) -> None:
    rows = dense(5)
    rows[..., 4] = rows[..., 4] * 20 - 10
    path = make_detector(tmp_path / "d.onnx", np.ascontiguousarray(rows.transpose(0, 2, 1)))
    with pytest.raises(LpsrError, match="unknown detector output"):
        DetectorLocator(open_engine(path)).locate(FRAME)


def test_hostile_values_and_sizes_are_bounded(tmp_path: Path) -> None:
    rows = dense(5)
    rows[0, 4:, :4] = np.random.default_rng(0).uniform(0, 640, (CELLS - 4, 4))
    rows[0, 4:, 4] = 0.99
    rows[0, 4:8, :4] = [np.nan, np.inf, 1e30, -5]
    path = make_detector(tmp_path / "d.onnx", np.ascontiguousarray(rows.transpose(0, 2, 1)))
    found = DetectorLocator(open_engine(path)).locate(FRAME)
    assert 0 < len(found) <= 2000
    assert all(np.isfinite(location.quad.array).all() for location in found)
    huge = make_detector(tmp_path / "h.onnx", dense(5), 100_000)
    with pytest.raises(LpsrError, match="takes pictures of 100000x100000"):
        DetectorLocator(open_engine(huge))

"""The built-in network's side of things: two scales, the second look, regions, and the released network itself."""

from __future__ import annotations

import types

import cv2
import numpy as np
import pytest
from conftest import ROOT

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Box, Quad
from lpsr_core.model_folders import find_graph
from lpsr_run.engines.base import TensorSpec
from lpsr_run.locate import network
from lpsr_run.locate.base import Location
from lpsr_run.locate.network import NetworkLocator
from lpsr_run.locate.region import Region, RegionLocator, parse_region


class Eyes:
    """An engine that sees white rectangles on black, exactly."""

    name = "eyes"
    inputs = (TensorSpec("frame", (None, None, None, 3), "uint8"),)
    outputs = (TensorSpec("grid", (None, 9, None, None)),)

    def __init__(self, narrowest: int = 8, widest: int = 400) -> None:
        self.seen: list[tuple[int, ...]] = []
        self._narrowest, self._widest = narrowest, widest

    def run(self, batch):
        pictures = batch["frame"]
        self.seen.append(pictures.shape)
        count, height, width, _ = pictures.shape
        made = np.full((count, 9, height // 8, width // 8), 0.0, np.float32)
        made[:, 0] = -9
        for number, picture in enumerate(pictures):
            mask = (picture[..., 0] > 127).astype(np.uint8)
            for x, y, wide, tall, _ in cv2.connectedComponentsWithStats(mask)[2][1:]:
                if self._narrowest <= wide <= self._widest:
                    corners = np.array([[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]], float)
                    column, row = (corners.mean(axis=0) / 8).astype(int)
                    if not (0 <= row < height // 8 and 0 <= column < width // 8):
                        continue
                    made[number, 0, row, column] = 3
                    made[number, 1:, row, column] = (corners - (np.array([column, row]) + 0.5) * 8).reshape(-1)
        return {"grid": made}


def frame(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (350, 500)) -> np.ndarray:
    image = np.zeros((*size, 3), np.uint8)
    for x, y, wide, tall in boxes:
        image[y : y + tall, x : x + wide] = 255
    return image


def test_plates_of_all_sizes_are_found_where_they_are() -> None:
    boxes = [(20, 30, 24, 8), (200, 40, 90, 30), (60, 150, 300, 100), (400, 330, 60, 20)]
    engine = Eyes(widest=160)
    found = NetworkLocator(engine).locate(frame(*boxes))
    assert len(found) == 4
    for box in boxes:
        assert max(location.quad.box.iou(Box(*box)) for location in found) > 0.9, box
    assert engine.seen == [(1, 352, 512, 3), (1, 192, 256, 3), (1, 96, 128, 3), (4, 128, 192, 3)]
    assert [location.score for location in found] == sorted((location.score for location in found), reverse=True)


def test_what_the_second_look_does_not_see_is_dropped() -> None:
    boxes = [(20, 30, 24, 8), (200, 40, 90, 30)]

    class Doubting(Eyes):
        def run(self, batch):
            made = super().run(batch)
            if batch["frame"].shape[1:3] == (128, 192):
                made["grid"][0, 0] = -9
            return made

    assert len(NetworkLocator(Doubting()).locate(frame(*boxes))) == 1


@pytest.mark.parametrize(("width", "found"), [(20, 1), (24, 1), (90, 0)])
def test_narrow_plates_are_judged_by_the_second_look_above_all(width: int, found: int) -> None:
    """A glance at few pixels is not sure of anything; at many it should be."""

    class Unsure(Eyes):
        def run(self, batch):
            made = super().run(batch)
            seen = made["grid"][:, 0]
            if batch["frame"].shape[1:3] != (128, 192):
                seen[seen > 0] = -0.4  # 0.4 of 1
            return made

    assert len(NetworkLocator(Unsure(), 0.77).locate(frame((60, 60, width, width // 3)))) == found


@pytest.mark.parametrize(("logit", "assured"), [(3.0, 1.0), (1.2, 1.0), (0.447, 0.85), (0.25, 0.7)])
def test_a_sure_score_assures_a_plate(logit: float, assured: float) -> None:
    class Scored(Eyes):
        def run(self, batch):
            made = super().run(batch)
            seen = made["grid"][:, 0]
            seen[seen > 0] = logit
            return made

    (found,) = NetworkLocator(Scored()).locate(frame((60, 60, 90, 30)))
    assert found.assured == pytest.approx(assured, abs=0.02)
    assert RegionLocator(NetworkLocator(Scored()), Region(0, 0, 1, 1)).locate(frame((60, 60, 90, 30))) == [found]


def test_wide_plates_are_found_at_a_quarter_of_the_size() -> None:
    engine = Eyes(widest=160)
    (found,) = NetworkLocator(engine).locate(frame((100, 200, 600, 200), size=(600, 900)))
    assert found.quad.box.iou(Box(100, 200, 600, 200)) > 0.9


def test_two_hundred_plates_are_two_hundred_boxes() -> None:
    boxes = [(20 + 60 * column, 20 + 40 * row, 32, 12) for row in range(10) for column in range(20)]
    engine = Eyes()
    found = NetworkLocator(engine).locate(frame(*boxes, size=(430, 1230)))
    assert len(found) == 200
    for box in boxes:
        assert max(location.quad.box.iou(Box(*box)) for location in found) > 0.8, box
    assert max(shape[0] for shape in engine.seen) <= 16, "however many there are, memory is bounded"


def test_a_frame_that_is_plates_all_over_costs_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_MOST", 40)
    boxes = [(20 + 60 * column, 20 + 40 * row, 32, 12) for row in range(10) for column in range(20)]
    engine = Eyes()
    assert len(NetworkLocator(engine).locate(frame(*boxes, size=(430, 1230)))) <= 40
    assert sum(shape[0] for shape in engine.seen if shape[1:3] == (128, 192)) <= 40


def test_candidates_that_cannot_become_plates_are_not_looked_at_again() -> None:
    class Faint(Eyes):
        def run(self, batch):
            made = super().run(batch)
            seen = made["grid"][:, 0]
            seen[seen > 0] = -1  # 0.27
            return made

    engine = Faint()
    assert NetworkLocator(engine, threshold=0.7).locate(frame((60, 60, 90, 30))) == []
    assert all(shape[1:3] != (128, 192) for shape in engine.seen)
    assert len(NetworkLocator(Faint(), threshold=0.2).locate(frame((60, 60, 90, 30)))) == 1


def test_empty_frames_and_small_ones() -> None:
    engine = Eyes()
    assert NetworkLocator(engine).locate(frame()) == []
    assert len(engine.seen) == 3, "there is nothing to look at again"
    assert len(NetworkLocator(Eyes()).locate(frame((5, 5, 30, 10), size=(20, 50)))) == 1


def test_an_engine_of_another_form_is_refused() -> None:
    other = types.SimpleNamespace(name="x", inputs=(TensorSpec("i", (1, 3, 640, 640)),), outputs=Eyes.outputs)
    with pytest.raises(LpsrError, match="x: not a locator"):
        NetworkLocator(other)

    class Wrong(Eyes):
        def run(self, batch):
            return {"grid": super().run(batch)["grid"][:, :, 1:]}

    with pytest.raises(LpsrError, match="the grid has shape"):
        NetworkLocator(Wrong()).locate(frame())


def test_a_region_is_all_that_is_searched() -> None:
    boxes = [(20, 30, 60, 20), (300, 230, 60, 20)]
    image = frame(*boxes)
    for region in (Region(250, 200, 200, 100), Region(0.5, 0.5, 0.5, 0.5)):
        (found,) = RegionLocator(NetworkLocator(Eyes()), region).locate(image)
        assert found.quad.box.iou(Box(*boxes[1])) > 0.9
    told: list[str] = []
    outside = RegionLocator(NetworkLocator(Eyes()), Region(900, 900, 10, 10), told.append)
    assert [outside.locate(image), outside.locate(image)] == [[], []]
    assert len(told) == 1
    assert "lies outside the frame of" in told[0]
    assert parse_region("0.5,0.25,0.5,0.5") == Region(0.5, 0.25, 0.5, 0.5)
    for text in ("", "1,2,3", "a,b,c,d", "0,0,0,1", "-1,0,1,1", "nan,0,1,1", "0,0,2,2"):
        with pytest.raises(UsageError, match="--region"):
            parse_region(text)


@pytest.mark.skipif(find_graph("lite", "locator") is None, reason="no locator is released")
def test_the_released_network_finds_the_plates_of_the_example() -> None:
    from lpsr_run.engines.models import find_model
    from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine

    pytest.importorskip("onnxruntime", reason="the released network runs in ONNX Runtime")
    locator = NetworkLocator(OnnxRuntimeEngine(find_model("lite", "locator").path, "cpu"))
    rows = [line.split(",") for line in (ROOT / "examples" / "gate.csv").read_text().splitlines()[1:]]
    capture = cv2.VideoCapture(str(ROOT / "examples" / "gate.mp4"))
    hits = false = 0
    for number, row in enumerate(rows):
        _, image = capture.read()
        if number % 12:
            continue
        box = Box(*(float(value) for value in row[2:6]))
        found = locator.locate(np.ascontiguousarray(image[..., ::-1]))
        overlaps = [location.quad.box.iou(box) for location in found]
        hits += any(overlap > 0.5 for overlap in overlaps)
        false += sum(overlap <= 0.1 for overlap in overlaps)
    assert hits >= 22, "of 24"
    assert false <= 3


def test_quads_keep_their_order() -> None:
    (found,) = NetworkLocator(Eyes()).locate(frame((100, 100, 96, 32)))
    assert isinstance(found, Location)
    assert found.quad.array == pytest.approx(Quad.from_box(Box(100, 100, 96, 32)).array, abs=1.5)

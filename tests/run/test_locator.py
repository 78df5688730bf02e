from __future__ import annotations

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT

from lpsr_core.geometry import Box, Quad
from lpsr_run.locate import Location, suppress
from lpsr_run.locate.base import Locator
from lpsr_run.pipeline.tools import open_locator
from lpsr_run.sources import read_image


def plate(text: str = "ABC1234", dark: bool = False) -> np.ndarray:
    """A plain Brazilian plate, uint8[260, 800, 3], two pixels a millimetre."""
    paper, ink = ((60, 30, 120), (240, 240, 240)) if dark else ((205, 205, 200), (25, 25, 25))
    image = np.full((260, 800, 3), paper, np.uint8)
    cv2.rectangle(image, (6, 6), (793, 253), ink, 3)
    for character, centre in zip(text, (90, 185, 280, 426, 520, 614, 708), strict=True):
        # Drawn apart and stretched, so that the look does not hang on OpenCV's idea of a font.
        glyph = np.zeros((300, 300), np.uint8)
        cv2.putText(glyph, character, (60, 220), cv2.FONT_HERSHEY_SIMPLEX, 5, 255, 14, cv2.LINE_AA)
        x, y, width, height = cv2.boundingRect(glyph)
        glyph = cv2.resize(glyph[y : y + height, x : x + width], (74 if character != "1" else 30, 126))
        left = centre - glyph.shape[1] // 2
        cell = image[97:223, left : left + glyph.shape[1]]
        cell[:] = np.where(glyph[..., None] > 127, np.uint8(ink), cell)
    return image


def scene(width: float, angle: float = 0.0, dark: bool = False, seed: int = 0) -> tuple[np.ndarray, Quad]:
    """A plate of some width in a cluttered picture of 640x360, and where it is."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(60, 180, (9, 16, 3), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        x, y = (int(value) for value in rng.integers(0, 600, 2))
        cv2.rectangle(image, (x, y), (x + 60, y + 45), tuple(int(value) for value in rng.integers(30, 200, 3)), -1)
    height = width * 0.325
    radians = np.deg2rad(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2 @ turn.T
    corners += rng.uniform([200, 120], [440, 240])
    picture = plate(dark=dark)
    small = cv2.resize(picture, None, fx=2 * width / 800, fy=2 * width / 800, interpolation=cv2.INTER_AREA)
    edges = np.array([[0, 0], [small.shape[1], 0], [small.shape[1], small.shape[0]], [0, small.shape[0]]], np.float32)
    matrix = cv2.getPerspectiveTransform(edges - 0.5, corners.astype(np.float32) - 0.5)
    mask = cv2.warpPerspective(np.full(small.shape[:2], 255, np.uint8), matrix, (640, 360))
    image = np.where(mask[..., None] > 127, cv2.warpPerspective(small, matrix, (640, 360)), image)
    return cv2.GaussianBlur(image, (3, 3), 0), Quad.from_points(corners.tolist())


@pytest.fixture(scope="module")
def locator() -> Locator:
    """The released network."""
    pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
    return open_locator("auto", "onnxruntime", 1)[0]


@pytest.mark.parametrize("width", [40, 52, 70, 100, 160, 260, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_drawn_plates_of_all_sizes_are_found(locator: Locator, width: float, dark: bool) -> None:
    image, quad = scene(width, dark=dark, seed=int(width))
    # Light characters in an ungainly type on purple paper are no country's plate, so less is asked.
    locations = locator.at_threshold(0.25 if dark else 0.56).locate(image)
    assert max((location.quad.box.iou(quad.box) for location in locations), default=0) >= 0.7


@pytest.mark.parametrize("angle", [-15, -7, 8, 16])
def test_quads_follow_the_tilt(locator: Locator, angle: float) -> None:
    image, quad = scene(150, angle, seed=3)
    found = max(locator.locate(image), key=lambda location: location.quad.box.iou(quad.box))
    (ax, ay), (bx, by) = found.quad.corners[:2]
    assert np.rad2deg(np.arctan2(by - ay, bx - ax)) == pytest.approx(angle, abs=5)
    assert found.quad.width == pytest.approx(150, rel=0.12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 7), (30, 30), (2000, 40)])
def test_odd_sizes_do_not_crash(locator: Locator, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for image in (np.zeros((*shape, 3), np.uint8), rng.integers(0, 256, (*shape, 3), np.uint8)):
        assert len(locator.locate(image)) <= 1


def test_flat_and_noisy_pictures_hold_no_plate(locator: Locator) -> None:
    noise = np.random.default_rng(0).normal(120, 8, (360, 640, 3)).clip(0, 255).astype(np.uint8)
    assert locator.locate(np.full((360, 640, 3), 127, np.uint8)) == []
    assert len(locator.locate(noise)) <= 1


def test_suppression_keeps_the_best() -> None:
    boxes = [(Box(0, 0, 60, 20), 0.5), (Box(3, 1, 60, 20), 0.9), (Box(200, 0, 60, 20), 0.4), (Box(10, 5, 20, 7), 0.8)]
    kept = suppress([Location(Quad.from_box(box), score) for box, score in boxes])
    assert [location.score for location in kept] == [0.9, 0.4]
    assert len(suppress([Location(Quad.from_box(box), score) for box, score in boxes], limit=1)) == 1


def real_frames() -> Path | None:
    """A folder with labels.csv (file, x, y, width, height, text) and the photographs in br/."""
    for folder in (os.environ.get("LPSR_REAL_FRAMES"), ROOT.parent / "shared" / "real-frames"):
        if folder and (Path(folder) / "labels.csv").is_file():
            return Path(folder)
    return None


@pytest.mark.skipif(real_frames() is None, reason="no real frames; name their folder in LPSR_REAL_FRAMES")
def test_real_frames(locator: Locator) -> None:
    folder = real_frames()
    assert folder is not None
    with (folder / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = false = 0
    for row in rows:
        box = Box(*(float(row[name]) for name in ("x", "y", "width", "height")))
        overlaps = [location.quad.box.iou(box) for location in locator.locate(read_image(folder / "br" / row["file"]))]
        found += max(overlaps, default=0) >= 0.5
        false += sum(overlap < 0.5 for overlap in overlaps)
    assert found / len(rows) >= 0.95
    assert false / len(rows) <= 0.6

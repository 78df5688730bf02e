"""Geometry: boxes, quads, rectification, padding, and the way to the networks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lpsr_core.geometry import (
    HR_SIZE,
    LR_SIZE,
    Box,
    Quad,
    pad_to_plate,
    padded_hr,
    padded_lr,
    plate_width,
    rectify,
    resize,
    to_hr,
    to_images,
    to_lr,
    to_tensor,
    with_margin,
    within,
)

sizes = st.integers(1, 400)
places = st.floats(-500, 500)
lengths = st.floats(0.5, 400)
boxes = st.builds(Box, places, places, lengths, lengths)


@given(boxes, boxes)
def test_iou_is_symmetric_and_a_share(first: Box, second: Box) -> None:
    assert 0 <= first.iou(second) <= 1 + 1e-9
    assert first.iou(second) == pytest.approx(second.iou(first))
    assert first.iou(first) == pytest.approx(1)


def test_iou_of_halves() -> None:
    assert Box(0, 0, 10, 10).iou(Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert Box(0, 0, 10, 10).iou(Box(10, 0, 10, 10)) == 0


@given(boxes)
def test_a_crop_has_at_least_a_pixel_and_stays_inside(box: Box) -> None:
    image = np.zeros((50, 80, 3), np.uint8)
    crop = box.crop(image)
    assert 1 <= crop.shape[0] <= 50
    assert 1 <= crop.shape[1] <= 80


@given(boxes, st.permutations(range(4)))
def test_corners_may_come_in_any_order(box: Box, order: list[int]) -> None:
    quad = Quad.from_box(box)
    shuffled = Quad.from_points([quad.corners[index] for index in order])
    assert np.allclose(shuffled.array, quad.array)
    assert quad.box.iou(box) == pytest.approx(1, abs=1e-2)


def test_a_quad_needs_four_corners() -> None:
    with pytest.raises(ValueError, match="four"):
        Quad.from_points([(0, 0), (1, 0), (1, 1)])


@settings(max_examples=40, deadline=None)
@given(st.floats(40, 120), st.floats(-12, 12), st.floats(-0.1, 0.1))
def test_rectifying_undoes_a_perspective(width: float, degrees: float, lean: float) -> None:
    """A plate with four coloured quarters comes back upright, whichever way it was tilted."""
    colours = np.array([[[200, 30, 30], [30, 200, 30]], [[30, 30, 200], [200, 200, 30]]], np.uint8)
    plate = cv2.resize(colours, (120, 40), interpolation=cv2.INTER_NEAREST)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle) + lean], [np.sin(angle), np.cos(angle)]])
    flat = np.array([[0, 0], [width, 0], [width, width / 3], [0, width / 3]]) - [width / 2, width / 6]
    corners = flat @ turn.T + [100, 100]
    matrix = cv2.getPerspectiveTransform(
        np.array([[0, 0], [120, 0], [120, 40], [0, 40]], np.float32) - 0.5, corners.astype(np.float32) - 0.5
    )
    scene = cv2.warpPerspective(plate, matrix, (200, 200))
    found = rectify(scene, Quad.from_points(corners.tolist()))
    assert found.shape[1] == pytest.approx(width, rel=0.1)
    height, across = found.shape[:2]
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        pixel = found[round((row + 0.5) * height / 2 - 0.5), round((column + 0.5) * across / 2 - 0.5)]
        assert np.abs(pixel.astype(int) - colours[row, column]).max() < 40


def test_a_margin_shows_the_surroundings() -> None:
    scene = np.zeros((100, 200, 3), np.uint8)
    scene[40:60, 70:130] = 255
    quad = Quad.from_box(Box(70, 40, 60, 20))
    assert rectify(scene, quad).min() > 200
    wide = rectify(scene, quad, margin=0.1)
    assert wide.shape == (24, 72, 3)
    assert wide[0].max() < 100


@given(sizes, sizes)
def test_padding_brings_any_shape_near_three_to_one_and_keeps_its_pixels(height: int, width: int) -> None:
    assume(height * width <= 40000)
    crop = np.full((height, width, 3), 200, np.uint8)
    padded = pad_to_plate(crop)
    assert (padded == 200).all(axis=2).sum() == height * width
    assert set(np.unique(padded)) <= {127, 200}
    if min(height, width) >= 8:
        # Whole pixels on both sides: the ratio is within the tolerance and one bar's rounding.
        rounding = 2 * padded.shape[1] / padded.shape[0] ** 2 + 2 / padded.shape[0]
        assert 2.85 - rounding <= padded.shape[1] / padded.shape[0] <= 3.15 + rounding


@settings(max_examples=30, deadline=None)
@given(sizes, sizes)
def test_any_crop_becomes_network_input(height: int, width: int) -> None:
    crop = np.full((height, width, 3), 90, np.uint8)
    for lr, hr in ((to_lr(crop), to_hr(crop)), (padded_lr(crop), padded_hr(crop))):
        assert lr.shape == (LR_SIZE[1], LR_SIZE[0], 3)
        assert hr.shape == (HR_SIZE[1], HR_SIZE[0], 3)
    assert (to_lr(crop) == 90).all(), "a crop fills its input"
    assert (to_hr(crop) == 90).all()


@pytest.mark.parametrize("aspect", [1.5, 3.0, 5.0])
@pytest.mark.parametrize("degrees", [0.0, 12.0])
@pytest.mark.parametrize("squeeze", [1.0, 0.5])
def test_a_located_plate_fills_the_input_whatever_the_pixels_shape(
    aspect: float, degrees: float, squeeze: float
) -> None:
    """Seven coloured cells of a tilted plate, filmed with square or with other pixels, lie where they belong."""
    cells = np.random.default_rng(6).integers(0, 256, (1, 7, 3)).astype(np.uint8)
    plate = cv2.resize(cells, (210, 70), interpolation=cv2.INTER_NEAREST)
    angle, width = np.deg2rad(degrees), 150.0
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    flat = np.array([[0, 0], [width, 0], [width, width / aspect], [0, width / aspect]])
    corners = ((flat - flat.mean(axis=0)) @ turn + [120, 120]) * [squeeze, 1]
    source = np.array([[0, 0], [210, 0], [210, 70], [0, 70]], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(source, (corners - 0.5).astype(np.float32))
    scene = cv2.warpPerspective(plate, matrix, (240, 240), borderMode=cv2.BORDER_CONSTANT, borderValue=(90, 90, 90))
    crop = rectify(scene, Quad.from_points(corners.tolist()))
    for seen in (to_lr(crop), to_hr(crop)):
        height, across = seen.shape[:2]
        rows = slice(height // 4, -(height // 4))
        for index in range(7):
            middle = seen[rows, round((index + 0.5) * across / 7)].astype(int)
            assert np.abs(middle - cells[0, index]).mean() < 12


def test_each_side_that_shrinks_much_is_averaged() -> None:
    """Stripes of single pixels become grey, and no pattern, whatever becomes of the other side."""
    stripes = np.zeros((40, 399, 3), np.uint8)
    stripes[:, ::2] = 255
    found = resize(stripes, (96, 32)).astype(int)
    assert found.shape == (32, 96, 3)
    assert np.abs(found - 127).max() < 40
    assert (resize(np.ascontiguousarray(stripes.transpose(1, 0, 2)), (32, 96)).transpose(1, 0, 2) == found).all()


def test_tensors_and_images_are_inverse() -> None:
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 96, 3)).astype(np.uint8)
    tensor = to_tensor(list(images))
    assert tensor.shape == (3, 3, 32, 96)
    assert tensor.dtype == np.float32
    assert tensor.flags["C_CONTIGUOUS"]
    assert 0 <= tensor.min() <= tensor.max() <= 1
    assert (to_images(tensor) == images).all()
    assert to_images(np.full((1, 3, 2, 2), 1.7)).max() == 255


@pytest.mark.parametrize(
    ("size", "expected"),
    [((90, 250), (90, 250)), ((96, 512), (48, 256)), ((192, 256), (96, 128)), ((1, 9999), (1, 256))],
)
def test_crops_fit_within_a_size_and_keep_their_ratio(size: tuple[int, int], expected: tuple[int, int]) -> None:
    crop = np.full((*size, 3), 70, np.uint8)
    found = within(crop, (256, 96))
    assert found.shape == (*expected, 3)
    assert (found == 70).all()
    assert (found is crop) == (size == expected)


def test_margins_are_fractions_of_each_side_and_cut_or_repeat_its_edge() -> None:
    crop = np.arange(20 * 100 * 3, dtype=np.uint32).reshape(20, 100, 3).astype(np.uint8)
    np.testing.assert_array_equal(with_margin(crop, -0.1, 0.0), crop[:, 10:90])
    np.testing.assert_array_equal(with_margin(crop, 0.0, -0.1), crop[2:18])
    wider = with_margin(crop, 0.05, -0.1)
    assert wider.shape == (16, 110, 3)
    np.testing.assert_array_equal(wider[:, 5:105], crop[2:18])
    assert (wider[:, :5] == crop[2:18, :1]).all()
    assert (wider[:, 105:] == crop[2:18, -1:]).all()


def test_what_a_crop_can_tell_depends_on_both_sides() -> None:
    sizes = ((96, 32), (48, 32), (48, 16))  # width, height: square pixels, pixels twice as wide, few pixels
    widths = [plate_width(np.zeros((height, width, 3), np.uint8)) for width, height in sizes]
    assert widths == pytest.approx([96, 96 / np.sqrt(2), 48])

"""Degradation: targets are reached, seeds are kept, cameras deliver what they say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lpsr_core.degradation import METHODS, Camera, blur, blur_fast, camera, degrade, jpeg, noise
from lpsr_core.geometry import to_lr
from lpsr_core.metrics import psnr, ssim


def plate(width: int = 240) -> np.ndarray:
    """A plate-like picture: dark strokes on a light ground, with a little grain."""
    rng = np.random.default_rng(5)
    image = np.full((width // 3, width, 3), 190, np.uint8)
    cv2.putText(image, "ABC1D23", (width // 16, width // 4), cv2.FONT_HERSHEY_DUPLEX, width / 190, (30, 30, 30), 3)
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("target", [0.1, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("method", [blur, blur_fast, lambda image, t: noise(image, np.random.default_rng(1), t)])
def test_the_similarity_falls_below_its_target(method, target: float) -> None:
    image = plate()
    worse = method(image, target)
    assert worse.shape == image.shape
    assert worse.dtype == np.uint8
    # Rounding to whole grey levels moves the measure a little.
    assert ssim(worse, image, data_range=1.0) < target + 0.03


def test_the_fast_blur_stands_in_for_the_released_one() -> None:
    image = plate()
    assert psnr(to_lr(blur_fast(image)), to_lr(blur(image))) > 35


def test_wide_crops_are_blurred_as_far_as_others() -> None:
    """Where so many small steps would not get there."""
    smooth = cv2.GaussianBlur(cv2.resize(plate(160), (640, 213), interpolation=cv2.INTER_CUBIC), (0, 0), 6)
    assert ssim(blur(smooth), smooth, data_range=1.0) < 0.13


def test_blurring_stops_at_its_target_and_not_far_below() -> None:
    assert ssim(blur(plate(), 0.5), plate(), data_range=1.0) > 0.4


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bytes(method) -> None:
    first, second = (degrade(plate(), method, np.random.default_rng(9)) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (9, 7), (40, 30)])
@pytest.mark.parametrize("method", METHODS)
def test_tiny_and_odd_crops_survive(method, shape: tuple[int, int]) -> None:
    crop = np.random.default_rng(2).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert degrade(crop, method, np.random.default_rng(1)).dtype == np.uint8


def test_a_camera_delivers_its_width() -> None:
    delivered = camera(plate(300), Camera(width=33, optics=0.02), np.random.default_rng(1))
    assert delivered.shape == (11, 33, 3)


def test_each_fault_of_a_camera_does_something() -> None:
    base = {"width": 60, "optics": 0.0, "noise": 0.0, "quality": 0}
    plain = camera(plate(), Camera(**base), np.random.default_rng(1)).astype(int)
    for fault in (
        {"optics": 0.02},
        {"motion": 0.05},
        {"noise": 5.0},
        {"sharpening": 1.5},
        {"contrast": 1.8},
        {"quality": 30},
    ):
        changed = camera(plate(), Camera(**{**base, **fault}), np.random.default_rng(1)).astype(int)
        assert np.abs(changed - plain).mean() > 0.5, fault
    sharpened = camera(plate(), Camera(**base, sharpening=2.0), np.random.default_rng(1)).astype(int)
    assert sharpened.max() > plain.max(), "unsharp masking overshoots: the halo"


def test_jpeg_keeps_colours() -> None:
    image = np.zeros((32, 96, 3), np.uint8)
    image[..., 0] = 200
    assert np.abs(jpeg(image, 90).astype(int) - image).max() < 12

"""Metrics: rates with intervals, PSNR and SSIM against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpsr_core.metrics import psnr, recognition_rate, ssim, wilson


def test_rates_count_all_six_and_five() -> None:
    rate = recognition_rate(["ABC1234", "ABC1235", "ABC1255", "XXXXXXX"], ["ABC1234"] * 4)
    assert str(rate) == "25.0 / 50.0 / 75.0"
    assert rate.as_dict()["six"]["hits"] == 2


def test_a_short_text_misses_the_rest() -> None:
    assert recognition_rate(["", "ABC123"], ["ABC1234"] * 2).six.hits == 1


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        recognition_rate(["ABC1234"], [])


# R: binom::binom.confint(x, n, methods = "wilson")
@pytest.mark.parametrize(
    ("hits", "total", "low", "high"), [(5, 10, 23.659, 76.341), (0, 20, 0.0, 16.113), (55, 55, 93.471, 100)]
)
def test_wilson_against_published_values(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=0.01)


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_rate(hits: int, total: int) -> None:
    hits = min(hits, total)
    low, high = wilson(hits, total)
    assert 0 <= low <= 100 * hits / total + 1e-9
    assert 100 * hits / total - 1e-9 <= high <= 100


def test_nothing_seen_says_nothing() -> None:
    assert wilson(0, 0) == (0, 100)


def test_psnr_of_a_known_error() -> None:
    image = np.full((10, 10, 3), 100, np.uint8)
    assert psnr(image, image) == float("inf")
    assert psnr(image, image + 16) == pytest.approx(10 * np.log10(255**2 / 256))


def test_ssim_of_constant_pictures_is_the_luminance_term() -> None:
    first, second = np.full((40, 40, 3), 100, np.uint8), np.full((40, 40, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(first, second) == pytest.approx(expected, abs=1e-4)
    assert ssim(first, first) == pytest.approx(1)


def test_ssim_falls_with_noise_and_without_constants_it_falls_further() -> None:
    rng = np.random.default_rng(3)
    image = np.repeat(rng.integers(60, 200, (32, 96, 1)), 3, axis=2).astype(np.uint8)
    noisy = np.clip(image + rng.normal(0, 25, image.shape), 0, 255).astype(np.uint8)
    usual, vanishing = ssim(noisy, image), ssim(noisy, image, data_range=1.0)
    assert vanishing < usual < 1

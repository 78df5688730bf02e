"""Steps of eight bits: channels of different range, long tails, and zero that stays zero."""

from __future__ import annotations

import numpy as np
import pytest

from lpsr_export.int8.rounding import fit, weight_steps


def noise(rounding, values: np.ndarray) -> np.ndarray:
    """Mean square error of each channel."""
    return np.mean((rounding.apply(values) - values) ** 2, axis=0)


@pytest.fixture
def uneven() -> np.ndarray:
    """float32[4000, 3] with channels of ranges that differ by ten times each."""
    return (np.random.default_rng(0).normal(size=(4000, 3)) * [1, 10, 100]).astype(np.float32)


def test_a_scale_for_each_channel_gives_each_its_levels(uneven: np.ndarray) -> None:
    # Weights as large as their channel is small, as networks have them: every channel counts the same.
    weights = [np.array([[[1.0], [0.1], [0.01]]], np.float32)]
    together, apart = (fit(uneven, weights, signed=False, by_channel=on) for on in (False, True))
    assert len(together.scales) == 1
    assert len(apart.scales) == 3
    assert apart.scales.max() == pytest.approx(1)
    assert list(apart.scales) == sorted(apart.scales), "as the ranges are"
    importance = np.array([1, 0.01, 0.0001])
    assert noise(apart, uneven) @ importance < 0.05 * (noise(together, uneven) @ importance)


def test_no_channel_is_made_so_fine_that_the_next_picture_overflows_it(uneven: np.ndarray) -> None:
    uneven[:, 0] *= 1e-6
    assert fit(uneven, [np.ones((1, 3, 1), np.float32)], False, True).scales.min() >= 1 / 32


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_zero_stays_zero_and_the_range_is_used(signed: bool, shift: float) -> None:
    values = np.random.default_rng(1).normal(shift, 1, size=(4000, 2)).astype(np.float32)
    rounding = fit(values, [], signed, by_channel=True)
    assert (rounding.apply(np.zeros((1, 2), np.float32)) == 0).all()
    assert rounding.limits == ((-127, 127) if signed else (0, 255))
    assert rounding.limits[0] <= rounding.zero <= rounding.limits[1]
    assert not signed or rounding.zero == 0
    low, high = (np.float32(rounding.step) * (limit - rounding.zero) for limit in rounding.limits)
    assert low <= np.quantile(values, 0.01)
    assert high >= np.quantile(values, 0.99)
    assert high - low < 4 * (values.max() - min(values.min(), 0))


def test_a_lonely_outlier_is_cut_off_and_nothing_else_is() -> None:
    values = np.random.default_rng(2).uniform(-1, 1, size=(400_000, 1)).astype(np.float32)
    assert fit(values, [], False, False).step * 255 == pytest.approx(2, rel=0.02)
    values[7] = 1.8
    rounding = fit(values, [], False, False)
    assert rounding.step * 255 == pytest.approx(2, rel=0.02), "one in 400,000 is not worth a third of the levels"
    values[:400] = 1.8
    assert fit(values, [], False, False).step * 255 == pytest.approx(2.8, rel=0.02), "one in a thousand is"


def test_what_is_never_positive_or_always_nought_has_a_step() -> None:
    for values in (-np.abs(np.random.default_rng(3).normal(size=(100, 2))), np.zeros((100, 2))):
        rounding = fit(values.astype(np.float32), [], False, True)
        assert rounding.step > 0
        assert np.abs(rounding.apply(values.astype(np.float32)) - values).max() < 0.02


def test_steps_of_weights_reach_the_largest_of_each_output() -> None:
    weight = np.array([[[1.0, -2.54]], [[0.0, 0.0]]], np.float32)
    steps = weight_steps(weight)
    assert steps[0] == pytest.approx(0.02)
    assert steps[1] > 0

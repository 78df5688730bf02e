"""How tensors are rounded to eight bits: the steps, and what of the largest values is cut off.

Channels of one tensor differ in range, often by ten times, and one step for all of them wastes most of the 256 levels.
What multiplies integers takes one step a tensor only, so the differences go elsewhere: a channel is divided by its
scale as it is rounded, and the weights that meet it are multiplied by that (Nagel et al., "Data-Free Quantization
Through Weight Equalization and Bias Correction", ICCV 2019; Xiao et al., "SmoothQuant", ICML 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SHARES = (1.0, 0.9999, 0.999)
"""Of a channel's values that are inside its range; which is best depends on how long its tails are."""
_POWERS = (0.0, 0.5, 1.0)
"""Of a channel's range that its scale is: 0 is one step for all, 1 as many levels for each, at the weights' cost."""
_ZEROS = 17
"""Places of zero that are tried."""
_SMALLEST = 1 / 32
"""Least scale: a channel that calibration hardly showed must not overflow at once."""


@dataclass(frozen=True)
class Rounding:
    """Eight bits of one tensor: an integer is `round(x / (step * scales[channel])) + zero`.

    Attributes:
        step: of the channel with the largest range.
        zero: the integer that stands for 0.
        scales: float32[C] in 0..1, or float32[1], a one, when all channels have one step.
        signed: -127..127 instead of 0..255.
    """

    step: float
    zero: int
    scales: Floats
    signed: bool

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest integer."""
        return (-127, 127) if self.signed else (0, 255)

    def apply(self, values: Floats) -> Floats:
        """float32[..., C] as they come back."""
        steps = np.float32(self.step) * self.scales
        return (np.clip(np.rint(values / steps) + self.zero, *self.limits) - np.float32(self.zero)) * steps


def fit(values: Floats, weights: Sequence[Floats], signed: bool, by_channel: bool) -> Rounding:
    """The rounding that does least harm to the products of values and weights.

    Args:
        values: float32[M, C], of M places.
        weights: float32[outputs, C, taps] of each layer that multiplies them; none where nothing is known of that.
        signed: symmetric around 0.
        by_channel: whether channels may have scales.
    """
    counted = sum((np.square(each).sum(axis=(0, 2)) for each in weights), np.zeros(values.shape[1]))
    importance = counted if weights else np.ones(values.shape[1])
    squares: NDArray[np.float64] = np.mean(np.square(values), axis=0, dtype=np.float64)
    best, least = None, np.inf
    bounds = [_bounds(values, share) for share in _SHARES]
    if not by_channel:
        bounds = [(low.min(keepdims=True), high.max(keepdims=True)) for low, high in bounds]
    for (low, high), power in product(bounds, _POWERS if by_channel else (0.0,)):
        rounding = _spread(low, high, power, importance if by_channel else np.ones(1), signed)
        error = float(np.mean(np.square(rounding.apply(values) - values), axis=0, dtype=np.float64) @ importance)
        for each in weights:
            error += _weights_error(each, rounding.scales, squares)
        if error < least:
            best, least = rounding, error
    assert best is not None
    return best


def weight_steps(weight: Floats) -> Floats:
    """float32[outputs], the step of each output channel of float32[outputs, C, taps], from -127 to 127."""
    steps: Floats = np.maximum(np.abs(weight).max(axis=(1, 2)) / 127, np.float32(1e-12))
    return steps


def _bounds(values: Floats, share: float) -> tuple[Floats, Floats]:
    """Of each channel; zero is always inside."""
    if share == 1:
        low, high = values.min(axis=0), values.max(axis=0)
    else:
        low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2], axis=0)
    return np.minimum(low, 0).astype(np.float32), np.maximum(high, 0).astype(np.float32)


def _spread(low: Floats, high: Floats, power: float, importance: NDArray[np.float64], signed: bool) -> Rounding:
    """Steps with which every channel's bounds fit into eight bits."""
    best, least = (0, np.ones_like(low), 1e-12), np.inf
    for zero in [0] if signed else sorted({*_zeros(low, high), 0}):
        above, below = (127, 127) if signed else (255 - zero, zero)
        upper = high / above if above else np.where(high > 0, np.inf, 0)
        lower = -low / below if below else np.where(low < 0, np.inf, 0)
        steps = np.maximum(upper, lower).astype(np.float32)
        if not np.isfinite(steps).all():
            continue
        largest = max(float(steps.max()), 1e-12)
        scales = np.maximum((steps / largest) ** power, np.float32(_SMALLEST)).astype(np.float32)
        step = max(float((steps / scales).max()), 1e-12)
        cost = float(np.square(step * scales.astype(np.float64)) @ importance)
        if cost < least:
            best, least = (zero, scales, step), cost
    zero, scales, step = best
    return Rounding(step, zero, scales, signed)


def _zeros(low: Floats, high: Floats) -> set[int]:
    """Places of zero between what the channels would choose, and that of all of them together."""
    ranges = np.maximum(high - low, 1e-12)
    own = -low / ranges
    whole = float(-low.min() / max(float(high.max() - low.min()), 1e-12))
    return {int(np.rint(255 * part)) for part in (*np.linspace(own.min(), own.max(), _ZEROS), whole)}


def _weights_error(weight: Floats, scales: Floats, squares: NDArray[np.float64]) -> float:
    """What rounding the scaled weights adds to the square of the products' error."""
    steps = weight_steps(weight * scales[:, None])
    return float(np.square(steps, dtype=np.float64).sum() / 12 * weight.shape[2] * (squares / np.square(scales)).sum())

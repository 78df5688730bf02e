"""Learning rates over a run."""

from __future__ import annotations

import math


def warm_cosine(step: int, done: float, warmup: int) -> float:
    """Fraction of the peak rate at a step: rising at first, then falling as a cosine to a hundredth.

    Args:
        step: how many were taken.
        done: how much of the run that is, 0..1.
        warmup: steps of the rise.
    """
    warm = min((step + 1) / max(warmup, 1), 1.0)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))

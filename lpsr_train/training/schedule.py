"""Learning rates over a run."""

from __future__ import annotations

import math


def trained(step: int, steps: int, elapsed: float, seconds: float) -> float:
    """Return how much of a run was trained, 0..1: of its steps, or of its time where that is limited and further."""
    return min(max(step / max(steps, 1), elapsed / seconds if seconds else 0.0), 1.0)


def warm_cosine(step: int, done: float, warmup: int) -> float:
    """Return the fraction of the peak rate at a step, when `done` (0..1) of the run was trained.

    It rises in the steps of the warm-up, then falls as a cosine to a hundredth.
    """
    warm = min((step + 1) / max(warmup, 1), 1.0)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))

"""Learning rates over a run."""

from __future__ import annotations

import math


def warm_cosine(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at a step: rising at first, then falling as a cosine to a hundredth."""
    warm = min((step + 1) / max(warmup, 1), 1.0)
    share = min(step / max(steps, 1), 1.0)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

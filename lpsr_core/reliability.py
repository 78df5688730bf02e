"""How far the confidences of readings are from the shares that are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Readings of like confidence.

    Attributes:
        count: how many.
        confidence: their mean confidence, 0..1.
        right: share of them that are right, 0..1.
    """

    count: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Reliability:
    """Confidences beside what became of them.

    Attributes:
        error: expected calibration error over ten bins of equal width, 0..1 (Guo et al., 2017).
        confidence: mean confidence, 0..1.
        right: share of texts that are right, 0..1.
        bins: those of the ten that hold readings, by rising confidence.
    """

    error: float
    confidence: float
    right: float
    bins: tuple[Bin, ...]

    @classmethod
    def of(cls, confidences: Sequence[float], right: Sequence[bool]) -> Reliability:
        """Of N readings, at least one; both sequences in the same order."""
        confidence, hits = np.asarray(confidences, np.float64), np.asarray(right, np.bool_)
        number = np.minimum((confidence * BINS).astype(int), BINS - 1)
        bins = tuple(
            Bin(int(chosen.sum()), float(confidence[chosen].mean()), float(hits[chosen].mean()))
            for chosen in (number == which for which in np.unique(number))
        )
        error = sum(each.count * abs(each.confidence - each.right) for each in bins) / len(confidence)
        return cls(float(error), float(confidence.mean()), float(hits.mean()), bins)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "expected_calibration_error": round(self.error, 5),
            "mean_confidence": round(self.confidence, 5),
            "share_right": round(self.right, 5),
            "bins": [{name: round(value, 5) for name, value in asdict(each).items()} for each in self.bins],
        }

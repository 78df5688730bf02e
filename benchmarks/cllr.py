"""How good likelihood ratios are: Cllr, its least value after recalibration, and rates of misleading evidence.

Cllr is the log-likelihood-ratio cost of Brümmer and du Preez (Computer Speech and Language 20, 2006): 0 for a perfect
system, 1 for one that always answers LR = 1. Cllr_min is what remains after the best monotonic recalibration (pool
adjacent violators); the difference, Cllr_cal, is the loss that calibration causes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError


@dataclass(frozen=True)
class Validation:
    """Figures of a set of likelihood ratios whose truth is known.

    Attributes:
        same, different: number of comparisons in which H1 is true, and in which H2 is.
        cllr, cllr_min: in bits.
        misleading_same: fraction of the comparisons with H1 true whose LR is below 1.
        misleading_different: fraction of those with H2 true whose LR is above 1.
        largest_misleading: largest log10 LR with H2 true.
        smallest_misleading: smallest log10 LR with H1 true.
    """

    same: int
    different: int
    cllr: float
    cllr_min: float
    misleading_same: float
    misleading_different: float
    largest_misleading: float
    smallest_misleading: float

    def as_dict(self) -> dict[str, float | int]:
        """For JSON."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def validate(same: NDArray[np.float64], different: NDArray[np.float64]) -> Validation:
    """Validate likelihood ratios against the truth.

    Args:
        same: float64[S], log10 LR of comparisons in which H1 is true.
        different: float64[D], log10 LR of comparisons in which H2 is true; minus infinity is allowed.

    Raises:
        ValueError: one of them is empty, or holds NaN.
    """
    if not len(same) or not len(different) or np.isnan(same).any() or np.isnan(different).any():
        raise ValueError("likelihood ratios of both kinds are needed, without NaN")
    return Validation(
        len(same),
        len(different),
        cllr(same, different),
        cllr_min(same, different),
        float((same < 0).mean()),
        float((different > 0).mean()),
        float(different.max()),
        float(same.min()),
    )


def cllr(same: NDArray[np.float64], different: NDArray[np.float64]) -> float:
    """Log-likelihood-ratio cost in bits (arguments of `validate`)."""
    scale = np.log(10)
    return float(0.5 * (_bits(-scale * same).mean() + _bits(scale * different).mean()))


def cllr_min(same: NDArray[np.float64], different: NDArray[np.float64]) -> float:
    """Cllr after the monotonic recalibration that makes it least (arguments of `validate`).

    Raises:
        LpsrError: SciPy is older than 1.12.
    """
    try:
        from scipy.optimize import isotonic_regression
    except ImportError:
        raise LpsrError("Cllr_min needs SciPy 1.12 or newer; install it with: pip install 'scipy>=1.12'") from None
    values = np.concatenate([same, different])
    truth = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
    weights = np.concatenate([np.full(len(same), 1 / len(same)), np.full(len(different), 1 / len(different))])
    # Equal values are one value: monotonic recalibration cannot part them.
    distinct, place = np.unique(values, return_inverse=True)
    weight = np.bincount(place, weights, len(distinct))
    positive = np.bincount(place, weights * truth, len(distinct))
    fitted = isotonic_regression(positive / weight, weights=weight).x.clip(0, 1)
    negative = weight - positive
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(positive > 0, -positive * np.log2(fitted), 0.0)
        cost += np.where(negative > 0, -negative * np.log2(1 - fitted), 0.0)
    return float(cost.sum() / 2)


def _bits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """log2(1 + e^x)."""
    return np.logaddexp(0.0, values) / np.log(2)

"""Likelihood ratios of plate texts and characters, from the readers' calibrated log-probabilities.

The likelihood ratio (LR) of a text T compares two propositions about one plate:

- H1: the plate bears T.
- H2: the plate bears another text of the layouts, each of them equally likely.

With N texts in the layouts, the prior odds of H1 are 1/(N - 1). Dividing the posterior odds by them gives

    LR = P / (1 - P) x (N - 1)

where P is the probability of T among all N texts. A character's LR is the same with its own posterior and prior
probability at its position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import DIGITS, LETTERS, PLATE_LENGTH, encode
from lpsr_core.decode import distinct, masked_by, normalised
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout, masks_of

_SMALLEST = 1e-15
"""Of the probability that a text is wrong: what double precision can tell from zero."""
VERBAL_SCALE: tuple[tuple[float, str], ...] = (
    (0.0, "no support for either proposition"),
    (1.0, "weak support"),
    (2.0, "moderate support"),
    (3.0, "moderately strong support"),
    (4.0, "strong support"),
    (6.0, "very strong support"),
    (np.inf, "extremely strong support"),
)
"""Upper bounds of log10 LR with the words of the ENFSI guideline (see `VERBAL_SOURCE`)."""
VERBAL_SOURCE = "ENFSI Guideline for Evaluative Reporting in Forensic Science, version 3.0 (2015), verbal equivalents"
_NO_SUPPORT = 0.30103
"""log10 of 2, below which the guideline's scale has no support for either proposition."""


@dataclass(frozen=True)
class TextSet:
    """The texts that layouts allow, each equally likely.

    Attributes:
        layouts: distinct by pattern.
    """

    layouts: tuple[Layout, ...]

    @classmethod
    def of(cls, layouts: Sequence[Layout] = DEFAULT_LAYOUTS) -> TextSet:
        """The texts of layouts, of which two with one pattern count once."""
        return cls(distinct(tuple(layouts)))

    @property
    def sizes(self) -> NDArray[np.float64]:
        """float64[M]: number of texts of each layout."""
        kinds = {"L": len(LETTERS), "D": len(DIGITS)}
        return np.array([np.prod([kinds[kind] for kind in each.pattern]) for each in self.layouts], np.float64)

    @property
    def size(self) -> float:
        """Number of texts."""
        return float(self.sizes.sum())

    def character_priors(self) -> NDArray[np.float64]:
        """float64[7, 36]: probability of each character at each position before anything was seen."""
        masks = masks_of(tuple(each.pattern for each in self.layouts)).astype(np.float64)
        within = masks / masks.sum(axis=2, keepdims=True)
        return np.tensordot(self.sizes / self.size, within, axes=1)


def text_log_posteriors(
    log_probs: NDArray[np.floating], texts: Sequence[str], texts_of: TextSet
) -> NDArray[np.float64]:
    """Natural logarithm of each text's probability among all texts of the layouts: float64[N, T].

    Args:
        log_probs: float[N, 7, 36]; rows need not be normalised.
        texts: T texts that follow a layout each; another text has minus infinity.
        texts_of: the texts that are possible.
    """
    scores = normalised(log_probs, many=True)
    masses = np.logaddexp.reduce(masked_by(scores, texts_of.layouts), axis=3).sum(axis=2)
    total = np.logaddexp.reduce(masses, axis=1)
    possible = np.array([any(each.fits(text) for each in texts_of.layouts) for text in texts], bool)
    indices = np.stack([encode(text) for text in texts]) if len(texts) else np.empty((0, PLATE_LENGTH), np.int64)
    found = scores[:, np.arange(PLATE_LENGTH)[None], indices].sum(axis=2) - total[:, None]
    return np.where(possible[None], np.minimum(found, 0.0), -np.inf)


def text_log10_lrs(log_probs: NDArray[np.floating], texts: Sequence[str], texts_of: TextSet) -> NDArray[np.float64]:
    """log10 LR of each text against all others, float64[N, T] (arguments of `text_log_posteriors`)."""
    return log10_odds(text_log_posteriors(log_probs, texts, texts_of)) + np.log10(texts_of.size - 1)


def character_posteriors(log_probs: NDArray[np.floating], texts_of: TextSet) -> NDArray[np.float64]:
    """Probability of each character at each position, given that the text is one of the layouts': float64[N, 7, 36].

    Args:
        log_probs: float[N, 7, 36]; rows need not be normalised.
        texts_of: the texts that are possible.
    """
    masked = masked_by(normalised(log_probs, many=True), texts_of.layouts)
    sums = np.logaddexp.reduce(masked, axis=3, keepdims=True)
    masses = sums.sum(axis=(2, 3))
    shares = np.exp(masses - np.logaddexp.reduce(masses, axis=1)[:, None])
    return np.einsum("nm,nmpc->npc", shares, np.exp(masked - sums))


def character_log10_lrs(log_probs: NDArray[np.floating], texts_of: TextSet) -> NDArray[np.float64]:
    """log10 LR of each character against all others of its position, float64[N, 7, 36].

    Characters that no layout allows at a position are NaN.
    """
    priors = texts_of.character_priors()
    posteriors = character_posteriors(log_probs, texts_of)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = log10_odds(np.log(posteriors)) - np.log10(priors / (1 - priors))
    return np.where(priors > 0, found, np.nan)


def log10_odds(log_probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """log10 of P/(1 - P) from the natural logarithm of P; 1 - P is at least 1e-15."""
    values = np.asarray(log_probability, np.float64)
    with np.errstate(divide="ignore"):
        return values / np.log(10) - np.log10(np.maximum(-np.expm1(values), _SMALLEST))


def verbal(log10_lr: float) -> str:
    """The words of the ENFSI guideline for a likelihood ratio; below one they are about H2."""
    strength = abs(log10_lr)
    if strength < _NO_SUPPORT:
        return VERBAL_SCALE[0][1]
    words = next(words for bound, words in VERBAL_SCALE[1:] if strength <= bound)
    return words if log10_lr > 0 else f"{words} for the alternative"

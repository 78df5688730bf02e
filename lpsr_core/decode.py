"""From character log-probabilities to a plate's text, constrained by layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, CLASSES, PLATE_LENGTH, decode_indices
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout


@dataclass(frozen=True)
class Candidate:
    """A character that a position may hold, with its probability (0..1) under the chosen layout."""

    character: str
    probability: float


@dataclass(frozen=True)
class Reading:
    """A decoded plate.

    Attributes:
        text: seven characters.
        layout: the layout under which they score best.
        confidence: probability of the whole text, given that the plate follows one of the layouts (0..1).
        characters: for each position its three likeliest characters, best first; the first spells `text`.
    """

    text: str
    layout: Layout
    confidence: float
    characters: tuple[tuple[Candidate, ...], ...]


def decode(
    log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS, candidates: int = 3
) -> Reading:
    """The likeliest text among those that follow a layout.

    Each layout's positions are masked to its kinds of character; the layout with the likeliest text wins. The
    confidence is that text's probability divided by the probability that any text of any layout has, so mass
    that the reader puts on impossible characters does not lower it, and mass on other possible plates does.

    Args:
        log_probs: float[7, 36], natural logarithms; the rows need not be normalised, as sums over the frames
            of a track are not.
        layouts: at least one.
        candidates: how many characters to list for each position.

    Raises:
        ValueError: the array has another shape or holds NaN.
    """
    scores = np.asarray(log_probs, np.float64)
    if scores.shape != (PLATE_LENGTH, CLASSES) or np.isnan(scores).any():
        raise ValueError(f"log_probs must be {PLATE_LENGTH}x{CLASSES} without NaN, not {scores.shape}")
    # A floor keeps a layout comparable when the reader gave a whole row of its classes no mass at all.
    scores = np.maximum(scores - _logsumexp(scores), -1e4)

    best: tuple[float, Layout, NDArray[np.float64], NDArray[np.intp]] | None = None
    pool: NDArray[np.bool_] = np.zeros((0, PLATE_LENGTH, CLASSES), bool)
    for layout in layouts:
        if not (pool == layout.mask).all(axis=(1, 2)).any():  # two names of one pattern are one set of plates
            pool = np.concatenate([pool, layout.mask[None]])
        masked = np.where(layout.mask, scores, -np.inf)
        chosen = masked.argmax(axis=1)
        likelihood = float(np.take_along_axis(masked, chosen[:, None], 1).sum())
        if best is None or likelihood > best[0]:
            best = likelihood, layout, masked, chosen
    assert best is not None, "decode needs at least one layout"
    likelihood, layout, masked, chosen = best

    mass = _logsumexp(np.where(pool, scores, -np.inf)).sum(axis=(1, 2))
    confidence = float(np.exp(likelihood - np.logaddexp.reduce(mass)))
    within = np.exp(masked - _logsumexp(masked))
    order = np.argsort(-within, axis=1, kind="stable")[:, :candidates]
    characters = tuple(
        tuple(Candidate(ALPHABET[index], float(within[position, index])) for index in row)
        for position, row in enumerate(order)
    )
    return Reading(decode_indices(chosen), layout, min(confidence, 1.0), characters)


def log_softmax(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scores as log-probabilities: float[..., 36] -> float32[..., 36], each row with a mass of one."""
    values = np.asarray(scores, np.float64)
    return (values - _logsumexp(values)).astype(np.float32)


def _logsumexp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.logaddexp.reduce(values, axis=-1, keepdims=True)

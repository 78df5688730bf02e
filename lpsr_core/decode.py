"""From character log-probabilities to a plate's text, constrained by layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, CLASSES, PLATE_LENGTH, decode_indices
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout, masks_of


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
    scores = _scores(log_probs)
    best: tuple[float, Layout, NDArray[np.float64], NDArray[np.intp]] | None = None
    for layout in layouts:
        masked = np.where(layout.mask, scores, -np.inf)
        chosen = masked.argmax(axis=1)
        likelihood = float(masked.max(axis=1).sum())
        if best is None or likelihood > best[0]:
            best = likelihood, layout, masked, chosen
    assert best is not None, "decode needs at least one layout"
    likelihood, layout, masked, chosen = best

    confidence = float(np.exp(likelihood - _mass(scores, _masks(layouts))))
    within = np.exp(masked - _logsumexp(masked))
    order = np.argsort(-within, axis=1, kind="stable")[:, :candidates]
    characters = tuple(
        tuple(Candidate(ALPHABET[index], float(within[position, index])) for index in row)
        for position, row in enumerate(order)
    )
    return Reading(decode_indices(chosen), layout, min(confidence, 1.0), characters)


@dataclass(frozen=True)
class Alternative:
    """A text that a plate may have, with its probability (0..1) among all texts of the layouts."""

    text: str
    probability: float


def alternatives(
    log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS, count: int = 5
) -> tuple[Alternative, ...]:
    """The likeliest texts that follow a layout, best first; the first is what `decode` finds.

    Args:
        log_probs: float[7, 36], as `decode` takes them.
        layouts: at least one.
        count: how many.

    Raises:
        ValueError: the array has another shape or holds NaN.
    """
    scores, pool = _scores(log_probs), _masks(layouts)
    mass = _mass(scores, pool)
    found: dict[str, float] = {}
    for mask in pool:
        for likelihood, indices in _likeliest(np.where(mask, scores, -np.inf), count):
            found[decode_indices(indices)] = likelihood
    best = sorted(found.items(), key=lambda entry: -entry[1])[:count]
    return tuple(Alternative(text, min(float(np.exp(likelihood - mass)), 1.0)) for text, likelihood in best)


def _likeliest(masked: NDArray[np.float64], count: int) -> list[tuple[float, NDArray[np.intp]]]:
    """The texts of largest sum: those of all positions but the last, each continued by every likely character."""
    order = np.argsort(-masked, axis=1, kind="stable")[:, :count]
    texts: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for position, row in enumerate(order):
        # Of the best texts, only the best beginnings are part.
        longer = [
            (total + float(masked[position, index]), (*text, int(index)))
            for total, text in texts
            for index in row
            if np.isfinite(masked[position, index])
        ]
        texts = sorted(longer, key=lambda entry: -entry[0])[:count]
    return [(total, np.array(text, np.intp)) for total, text in texts]


def _scores(log_probs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Normalised rows, with a floor: it keeps a layout comparable when the reader gave a whole row of its classes no
    mass at all."""
    scores = np.asarray(log_probs, np.float64)
    if scores.shape != (PLATE_LENGTH, CLASSES) or np.isnan(scores).any():
        raise ValueError(f"log_probs must be {PLATE_LENGTH}x{CLASSES} without NaN, not {scores.shape}")
    return np.maximum(scores - _logsumexp(scores), -1e4)


def _masks(layouts: Sequence[Layout]) -> NDArray[np.bool_]:
    """bool[M, 7, 36]: each pattern once, as two names of one pattern are one set of plates."""
    return masks_of(tuple(dict.fromkeys(each.pattern for each in layouts)))


def log_mass(log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS) -> float:
    """The logarithm of the probability that the reader gives to all texts of the layouts together."""
    return _mass(_scores(log_probs), _masks(layouts))


def _mass(scores: NDArray[np.float64], masks: NDArray[np.bool_]) -> float:
    return float(np.logaddexp.reduce(_logsumexp(np.where(masks, scores, -np.inf)).sum(axis=(1, 2))))


def log_softmax(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scores as log-probabilities: float[..., 36] -> float32[..., 36], each row with a mass of one."""
    values = np.asarray(scores, np.float64)
    return (values - _logsumexp(values)).astype(np.float32)


def _logsumexp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.logaddexp.reduce(values, axis=-1, keepdims=True)

"""From character log-probabilities to a plate's text, constrained by layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, inf

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, CLASSES, PLATE_LENGTH
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout, masks_of
from lpsr_core.settings import CERTAIN as CERTAIN
from lpsr_core.settings import MIN_PLATE as MIN_PLATE

TELLING = 0.6
"""Mean probability of the best characters from which on a plate score is the layouts' mass alone."""
_NOTHING = 0.08
"""Knowledge (see `knowledge`) below which one of several looks at a crop sees nothing and may abstain."""
_LEAST_TELLING = 2 / 3
"""Share of the looks at a crop that count at least (see `together`)."""
_CANDIDATES = 3
"""Characters that a reading lists for each position."""
UNKNOWN = "?"
"""Stands for a character that is not certain."""


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
        probabilities: of each character of `text`, given that the plate follows one of the layouts (0..1).
    """

    text: str
    layout: Layout
    confidence: float
    characters: tuple[tuple[Candidate, ...], ...]
    probabilities: tuple[float, ...]

    def certain(self, least: float = CERTAIN) -> str:
        """Return the text with `?` in place of each character whose probability is below `least`."""
        pairs = zip(self.text, self.probabilities, strict=True)
        return "".join(character if probability >= least else UNKNOWN for character, probability in pairs)


def decode(log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS) -> Reading:
    """Return the most likely text among those that follow a layout.

    Each layout's positions are masked to its kinds of character; the layout with the likeliest text wins. The
    confidence is that text's probability divided by the probability that any text of any layout has, so mass
    that the reader puts on impossible characters does not lower it, and mass on other possible plates does.

    Args:
        log_probs: float[7, 36], natural logarithms; the rows need not be normalised, as sums over the frames
            of a track are not.
        layouts: at least one.

    Raises:
        ValueError: the array has another shape or holds NaN.
    """
    assert layouts, "decode needs at least one layout"
    unique = distinct(tuple(layouts))
    masked = masked_by(normalised(log_probs), unique)
    sums = _logsumexp(masked)
    masses = sums.sum(axis=(1, 2))
    likelihoods = masked.max(axis=2).sum(axis=1)
    best = int(likelihoods.argmax())
    mass = np.logaddexp.reduce(masses)

    within = np.exp(masked - sums)  # of a character, given the layout
    chosen = masked[best].argmax(axis=1)
    shares = np.exp(masses - mass)  # of the layouts
    probabilities = (shares @ within[:, np.arange(PLATE_LENGTH), chosen]).clip(0, 1)
    order = np.argsort(-within[best], axis=1, kind="stable")[:, :_CANDIDATES]
    listed = np.take_along_axis(within[best], order, axis=1)
    characters = tuple(
        tuple(Candidate(ALPHABET[index], probability) for index, probability in zip(*row, strict=True))
        for row in zip(order.tolist(), listed.tolist(), strict=True)
    )
    confidence = min(float(np.exp(likelihoods[best] - mass)), 1.0)
    text = "".join(ALPHABET[index] for index in chosen.tolist())
    return Reading(text, unique[best], confidence, characters, tuple(probabilities.tolist()))


def confidences(log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS) -> NDArray[np.float64]:
    """Return the confidence of the result of `decode`, for many plates at once.

    Args:
        log_probs: float[N, 7, 36], as `decode` takes them.
        layouts: at least one.

    Returns:
        float64[N], 0..1.

    Raises:
        ValueError: the array has another shape or holds NaN.
    """
    masked = masked_by(normalised(log_probs, many=True), distinct(tuple(layouts)))
    masses = _logsumexp(masked).sum(axis=(2, 3))
    likelihoods = masked.max(axis=3).sum(axis=2)
    found: NDArray[np.float64] = np.exp(likelihoods.max(axis=1) - np.logaddexp.reduce(masses, axis=1))
    return found.clip(max=1)


@dataclass(frozen=True)
class Alternative:
    """A text that a plate may have, with its probability (0..1) among all texts of the layouts."""

    text: str
    probability: float


def alternatives(
    log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS, count: int = 5
) -> tuple[Alternative, ...]:
    """Return the most likely texts that follow a layout, best first; the first is the result of `decode`.

    Args:
        log_probs: float[7, 36], as `decode` takes them.
        layouts: at least one.
        count: how many.

    Raises:
        ValueError: the array has another shape or holds NaN.
    """
    masked = masked_by(normalised(log_probs), distinct(tuple(layouts)))
    mass = float(np.logaddexp.reduce(_logsumexp(masked).sum(axis=(1, 2))))
    order = np.argsort(-masked, axis=2, kind="stable")[:, :, :count]
    values = np.take_along_axis(masked, order, axis=2)
    found: dict[str, float] = {}
    for rows in zip(order.tolist(), values.tolist(), strict=True):
        found.update((text, likelihood) for likelihood, text in _likeliest(*rows, count))
    best = sorted(found.items(), key=lambda entry: -entry[1])[:count]
    return tuple(Alternative(text, min(exp(likelihood - mass), 1.0)) for text, likelihood in best)


def _likeliest(order: list[list[int]], values: list[list[float]], count: int) -> list[tuple[float, str]]:
    """The texts of largest sum, best first, of each position's likeliest classes and their log-probabilities."""
    texts = [(0.0, "")]
    for classes, row in zip(order, values, strict=True):
        allowed = [(ALPHABET[index], value) for index, value in zip(classes, row, strict=True) if value > -inf]
        # The i-th text with the j-th character has (i + 1)(j + 1) - 1 others before it.
        longer = [
            (total + value, text + character)
            for rank, (total, text) in enumerate(texts, start=1)
            for character, value in allowed[: count // rank]
        ]
        texts = sorted(longer, key=lambda entry: -entry[0])[:count]
    return texts


def log_mass(log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS) -> float:
    """Return the logarithm of the probability that the reader gives to all texts of the layouts together."""
    return float(
        np.logaddexp.reduce(_logsumexp(masked_by(normalised(log_probs), distinct(tuple(layouts)))).sum(axis=(1, 2)))
    )


def plate_score(
    log_probs: NDArray[np.floating], layouts: Sequence[Layout] = DEFAULT_LAYOUTS, known: float | None = None
) -> float:
    """Return a score, 0..1, of whether a picture shows a readable plate of the layouts.

    The probability that the reader gives to all texts of the layouts together, times how much it tells of the
    characters (see `knowledge`) over `TELLING`, at most 1. It is near 1 for plates. Where a picture shows none, the
    reader spreads its mass over all classes, or over the letters and digits that a plate would have there.

    Args:
        log_probs: float[7, 36], of one look, or the mean of several.
        layouts: at least one.
        known: the `knowledge` of that, where it is at hand.

    Raises:
        ValueError: the array has another shape or holds NaN.
    """
    mass = min(exp(log_mass(log_probs, layouts)), 1.0)
    return mass * min((float(knowledge(log_probs)) if known is None else known) / TELLING, 1.0)


def knowledge(log_probs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean probability of each position's best character: float[..., 7, 36] -> float64[...].

    It is 1/36 of a reader that knows nothing, which is also what a reader says where it sees no plate.
    """
    values = np.asarray(log_probs, np.float64)
    return np.asarray(np.exp(values.max(axis=-1) - _logsumexp(values)[..., 0]).mean(axis=-1))


def together(looks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what several looks at one crop say together, the mean of their log-probabilities.

    Looks that see nothing abstain, unless they are more than a third: a plate may be lost where a narrower view cuts
    into it, and the others should not be doubted for it.

    Args:
        looks: float[V, ..., 7, 36], of V views.

    Returns:
        float64[..., 7, 36], whose rows need not be normalised.
    """
    values = np.asarray(looks, np.float64)
    telling = (knowledge(values) >= _NOTHING).sum(axis=0)
    return np.asarray(values.sum(axis=0) / np.maximum(telling, _LEAST_TELLING * len(values))[..., None, None])


def log_softmax(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """Convert scores to log-probabilities: float[..., 36] -> float32[..., 36]; each row has a mass of one."""
    values = np.asarray(scores, np.float64)
    return (values - _logsumexp(values)).astype(np.float32)


def normalised(log_probs: NDArray[np.floating], many: bool = False) -> NDArray[np.float64]:
    """Return normalised rows of float[7, 36], or of `many` such, with a floor.

    The floor keeps a layout comparable when the reader gave a whole row of its classes no mass at all.

    Raises:
        ValueError: the array has another shape or holds NaN.
    """
    scores = np.asarray(log_probs, np.float64)
    if scores.shape[many:] != (PLATE_LENGTH, CLASSES) or np.isnan(scores).any():
        wanted = f"N x {PLATE_LENGTH} x {CLASSES}" if many else f"{PLATE_LENGTH}x{CLASSES}"
        raise ValueError(f"log_probs must be {wanted} without NaN, not {scores.shape}")
    return np.maximum(scores - _logsumexp(scores), -1e4)


@cache
def distinct(layouts: tuple[Layout, ...]) -> tuple[Layout, ...]:
    """Return the first layout of each pattern, since two names of one pattern are one set of plates."""
    first: dict[str, Layout] = {}
    for layout in layouts:
        first.setdefault(layout.pattern, layout)
    return tuple(first.values())


def masked_by(scores: NDArray[np.float64], layouts: tuple[Layout, ...]) -> NDArray[np.float64]:
    """Return scores under each of M layouts, minus infinity where it forbids: float[..., 7, 36] -> [..., M, 7, 36]."""
    masks = masks_of(tuple(each.pattern for each in layouts))
    return np.where(masks, scores[..., np.newaxis, :, :], -np.inf)


def _logsumexp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.logaddexp.reduce(values, axis=-1, keepdims=True)

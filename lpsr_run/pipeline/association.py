"""Whether an observation belongs to a track: what both read, weighed against how far the plate would have moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from lpsr_core.decode import log_softmax
from lpsr_core.geometry import Box
from lpsr_core.layouts import Layout, masks_of

_SLIP = 0.005
"""Probability that a character is read as any other one, however sure the reader was."""
_LASTING = 0.03
"""Probability that a character is misread alike in several frames, however sure they are together."""
_NOTHING = 1e-6
"""Probability mass below which a position says nothing about the characters that the layouts allow."""
TOLERANCE = 2.0
"""Nats of evidence against one plate that are borne at the expected place: three characters that differ for certain are
another plate, one or two a mistake of the reader. Gone after some seconds."""
_CERTAIN = 8.0
"""Nats of evidence for one plate that are enough wherever it is."""
_REACH = 1.5
"""Plate widths from the expected place that cost 4 nats between neighbouring frames; twice as many after a second, and
so on."""
_GROWTH = 1.6
"""Ratio of widths that costs as much."""


class TextEvidence:
    """How much likelier two readings are if they show one plate than if they show two.

    Args:
        layouts: that texts may follow.
    """

    def __init__(self, layouts: Sequence[Layout]) -> None:
        self._mask = masks_of(tuple(layout.pattern for layout in layouts)).any(axis=0)
        self._choices = self._mask.sum(axis=-1).astype(np.float64)

    def characters(self, log_probs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Log-probabilities of the characters that the layouts allow, float64[..., 7, 36]; the others have none.

        None of them is impossible: one frame that is wrong for certain does not outweigh all others of a sum.

        Args:
            log_probs: float[..., 7, 36]; the rows need not be normalised.
        """
        uniform = self._mask / self._choices[:, None]
        allowed = np.where(self._mask, np.exp(log_softmax(log_probs)), 0.0) + _NOTHING * uniform
        allowed /= allowed.sum(axis=-1, keepdims=True)
        found = np.log(np.where(self._mask, (1 - _SLIP) * allowed + _SLIP * uniform, 1.0))
        return np.where(self._mask, found, -np.inf)

    def agreement(self, tracks: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log-likelihood ratio of one plate against two, float64[T, O], in nats.

        A character on which both are sure adds about 3, one on which both are sure and differ takes about 4, and
        one that either cannot tell adds nothing.

        Args:
            tracks: float64[T, 7, 36], as `characters` gives them, or sums of that.
            seen: float64[O, 7, 36], likewise.
        """
        both = (
            np.einsum("tpc,opc->top", softmax(tracks, axis=-1), softmax(seen, axis=-1), optimize=True) * self._choices
        )
        ratio: NDArray[np.float64] = np.log(both).sum(axis=-1)
        return ratio

    def agreement_of_sums(self, some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for N pairs of sums over several frames each, which may all share a mistake: float64[N].

        Args:
            some, others: float64[N, 7, 36], sums of what `characters` gives.
        """
        slip = _LASTING * self._mask / self._choices[:, None]
        one, other = ((1 - _LASTING) * softmax(sums, axis=-1) + slip for sums in (some, others))
        ratio: NDArray[np.float64] = np.log((one * other).sum(axis=-1) * self._choices).sum(axis=-1)
        return ratio


def evidence_needed(
    places: Sequence[tuple[Box, Box]],
    seconds: NDArray[np.float64],
    seen: Sequence[Box],
) -> NDArray[np.float64]:
    """The evidence of the texts, in nats, from which each pair is one plate: float64[T, O].

    At the place where the plate is expected, texts may even speak a little against it; the farther away and the more
    different in size, the more they must speak for it.

    Args:
        places: for each of T tracks where it was seen last, and where it should be now.
        seconds: float64[T], since it was seen last.
        seen: O boxes.
    """
    boxes = _array(seen)[None]
    last, expected = (_array([pair[which] for pair in places])[:, None] for which in (0, 1))
    width = np.maximum(boxes[..., 2], last[..., 2])
    # Speed is a guess: the place where the plate was last seen counts as well.
    distance = np.minimum(*(np.hypot(*(boxes - place)[..., :2].transpose(2, 0, 1)) for place in (last, expected)))
    ease = 1 + seconds[:, None]
    far = distance / width / (_REACH * ease)
    ratio = np.log(boxes[..., 2] / last[..., 2]) / (np.log(_GROWTH) * ease)
    needed: NDArray[np.float64] = -TOLERANCE + seconds[:, None] + 4 * (far**2 + ratio**2)
    return np.minimum(needed, _CERTAIN)


def _array(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """float64[N, 3]: centre and width; a width of at least a hundredth of a pixel."""
    return np.array([(*box.centre, max(box.width, 0.01)) for box in boxes], np.float64).reshape(-1, 3)

"""A read's log-probabilities in 252 bytes, for stores that keep millions."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.decode import log_softmax

COMPACT_BYTES = PLATE_LENGTH * CLASSES
"""Bytes of one read."""
_LEAST = 24.0
"""Nats below certainty at which the scale ends; nothing is kept of what is less likely."""

LEVELS: NDArray[np.float32] = (-_LEAST * (np.arange(256) / 255) ** 2).astype(np.float32)
"""float32[256]: the log-probability of each byte, in nats. The steps are finest near 0: 0.0004 there, 0.04 at -1, 0.19
at -24, so that the characters that matter keep their probabilities."""


def to_compact(log_probs: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Quantise log-probabilities.

    Args:
        log_probs: float[..., 7, 36]; the rows need not be normalised.

    Returns:
        uint8[..., 7, 36], indices of `LEVELS`.
    """
    nats = np.clip(-log_softmax(log_probs), 0, _LEAST)
    return np.rint(255 * np.sqrt(nats / _LEAST)).astype(np.uint8)


def from_compact(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log-probabilities of what was quantised, uint8[..., 7, 36] -> float32[..., 7, 36]; rows are nearly normalised."""
    return LEVELS[levels]


def pack(log_probs: NDArray[np.floating]) -> str:
    """Log-probabilities, float[7, 36], as base64 of 252 bytes."""
    return base64.b64encode(to_compact(log_probs).tobytes()).decode()


def unpack(text: str) -> bytes:
    """The 252 bytes of what `pack` gave.

    Raises:
        ValueError: it is something else.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None
    if len(data) != COMPACT_BYTES:
        raise ValueError(f"{len(data)} bytes, not {COMPACT_BYTES}")
    return data

"""The characters of a plate and their class indices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABET = DIGITS + LETTERS
"""Class index -> character: the ten digits, then the 26 letters."""

CLASSES = len(ALPHABET)
PLATE_LENGTH = 7
"""K of the paper (section IV-A): the characters of a RodoSol plate."""

_INDEX = {character: index for index, character in enumerate(ALPHABET)}

IS_DIGIT: NDArray[np.bool_] = np.array([character in DIGITS for character in ALPHABET])
"""bool[36]: whether the class is a digit; its complement is the letters."""


def encode(text: str) -> NDArray[np.int64]:
    """Return the class indices of a plate's characters.

    Args:
        text: seven characters of the alphabet, upper case.

    Returns:
        int64[7].

    Raises:
        LpsrError: the text has another length or a character outside the alphabet.
    """
    if len(text) != PLATE_LENGTH:
        raise LpsrError(f"plate text {text!r} has {len(text)} characters; a plate has {PLATE_LENGTH}")
    unknown = sorted(set(text) - set(_INDEX))
    if unknown:
        raise LpsrError(f"plate text {text!r} holds {''.join(unknown)!r}; the alphabet is A-Z and 0-9")
    return np.array([_INDEX[character] for character in text], np.int64)


def decode_indices(indices: NDArray[np.integer]) -> str:
    """Return the text of class indices, the inverse of `encode`.

    Args:
        indices: int[7] (any length is accepted), each in 0..35.
    """
    return "".join(ALPHABET[int(index)] for index in indices)


def normalise(text: str) -> str:
    """Return a label as people write it ("abc-1d23", "ABC 1234") in the project's form: upper case, no separators."""
    return "".join(character for character in text.upper() if character not in " -·.\t")

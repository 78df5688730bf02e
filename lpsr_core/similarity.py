"""How far texts of plates are apart, where some characters are easily taken for others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET
from lpsr_core.errors import UsageError

CONFUSABLE: tuple[str, ...] = (
    *("0O", "0D", "0Q", "08", "1I", "17", "2Z", "46", "5S", "56", "59", "68", "6G", "89", "8B", "BD"),
    *("DO", "DQ", "HM", "HN", "MN", "MW", "OQ", "UV", "VY"),
)
"""Pairs of characters that readers and people take for each other."""
HALF, WHOLE = 1, 2
"""Cost of a confusable character and of any other edit, in half edits."""
ANY = "?"
"""Stands for any one character."""
_OTHER = 255
"""Class of a character outside the alphabet."""

_INDEX = {character: index for index, character in enumerate(ALPHABET)}


def classes_of(text: str) -> NDArray[np.uint8]:
    """uint8[N], the classes of a text's characters; 255 for those outside the alphabet."""
    return np.array([_INDEX.get(character, _OTHER) for character in text], np.uint8)


def check_characters(text: str, allowed: str = ANY) -> str:
    """A text as people type it, in upper case and without separators.

    Raises:
        UsageError: it is empty, or has other characters than letters, digits and those allowed.
    """
    word = "".join(character for character in text.upper() if character not in " -·.\t")
    strangers = sorted(set(word) - set(ALPHABET) - set(allowed))
    if not word or strangers:
        what = f"holds {''.join(strangers)!r}" if strangers else "is empty"
        marks = f" and {' '.join(allowed)}" if allowed else ""
        raise UsageError(f"{text!r} {what}; a plate has letters A-Z, digits{marks}")
    return word


def substitution_costs(character: str, confusable: bool = True) -> NDArray[np.uint8]:
    """uint8[256]: what it costs to read each class in place of a character, in half edits; nothing for `?`."""
    costs = np.full(256, 0 if character == ANY else WHOLE, np.uint8)
    if character != ANY:
        costs[_INDEX[character]] = 0
        for pair in CONFUSABLE if confusable else ():
            if character in pair:
                costs[_INDEX[pair.replace(character, "")]] = HALF
    return costs


def edit_distances(text: str, texts: NDArray[np.uint8], confusable: bool = True) -> NDArray[np.uint8]:
    """Distances of many texts from one: the least cost of edits that make one the other.

    An insertion, a deletion and a substitution cost one edit, a confusable character half of one.

    Args:
        text: of the alphabet and `?`.
        texts: uint8[L, N], the classes of N texts, character by character.
        confusable: whether such characters cost half.

    Returns:
        uint8[N], in half edits.
    """
    length, count = texts.shape
    row = [np.full(count, min(WHOLE * position, 250), np.uint8) for position in range(length + 1)]
    for number, character in enumerate(text, start=1):
        costs = substitution_costs(character, confusable)
        following = [np.full(count, min(WHOLE * number, 250), np.uint8)]
        for position in range(length):
            best = row[position] + costs[texts[position]]
            np.minimum(best, row[position + 1] + WHOLE, out=best)
            np.minimum(best, following[position] + WHOLE, out=best)
            following.append(best)
        row = following
    return row[length]

"""How far texts of plates are apart, where some characters are easily taken for others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, normalise
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
_FAR = 200
"""Half edits beyond all that are looked for."""
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
    word = normalise(text)
    strangers = sorted(set(word) - set(ALPHABET) - set(allowed))
    if not word or strangers:
        what = f"holds {''.join(strangers)!r}" if strangers else "is empty"
        marks = f" and {' '.join(allowed)}" if allowed else ""
        raise UsageError(f"{text!r} {what}; a plate has letters A-Z, digits{marks}")
    return word


def substitution_costs(character: str, classes: NDArray[np.uint8], confusable: bool = True) -> NDArray[np.uint8]:
    """What it costs to read other characters in place of one, in half edits; nothing for `?`.

    Args:
        character: of the alphabet, or `?`.
        classes: uint8[N], of the others.
        confusable: whether characters that are easily taken for each other cost half.

    Returns:
        uint8[N].
    """
    if character == ANY:
        return np.zeros(len(classes), np.uint8)
    # Comparisons, since a look-up in a table takes many times as long.
    same = np.equal(classes, _INDEX[character]).view(np.uint8)
    costs = WHOLE - WHOLE * same
    for pair in CONFUSABLE if confusable else ():
        if character in pair:
            costs -= np.equal(classes, _INDEX[pair.replace(character, "")]).view(np.uint8)
    return costs


def edit_distances(
    text: str, texts: NDArray[np.uint8], confusable: bool = True, most: int | None = None
) -> NDArray[np.uint8]:
    """Distances of many texts from one: the least cost of edits that make one the other.

    An insertion, a deletion and a substitution cost one edit, a confusable character half of one.

    Args:
        text: of the alphabet and `?`.
        texts: uint8[L, N], the classes of N texts, character by character.
        confusable: whether such characters cost half.
        most: half edits of interest; larger distances are only known to be larger. None computes all.

    Returns:
        uint8[N], in half edits.
    """
    length, count = texts.shape
    band = length + len(text) if most is None else most // WHOLE
    far = np.full(count, _FAR, np.uint8)
    row = [far if place > band else np.full(count, WHOLE * place, np.uint8) for place in range(length + 1)]
    for number, character in enumerate(text, start=1):
        following = [far if number > band else np.full(count, WHOLE * number, np.uint8)]
        for place in range(length):
            if abs(number - place - 1) > band:
                following.append(far)
                continue
            best = substitution_costs(character, texts[place], confusable)
            best += row[place]
            if row[place + 1] is not far:
                np.minimum(best, row[place + 1] + np.uint8(WHOLE), out=best)
            if following[place] is not far:
                np.minimum(best, following[place] + np.uint8(WHOLE), out=best)
            following.append(best)
        row = following
    return row[length]

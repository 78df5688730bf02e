"""Names that a user picks one of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from lpsr_core.errors import UsageError

Word = TypeVar("Word", bound=str)


def choice(word: str, choices: Iterable[Word], what: str) -> Word:
    """Return the name that a user chose.

    Args:
        word: as typed.
        choices: the names there are, in the order to show them; may be the keys of a mapping.
        what: they are names of.

    Raises:
        UsageError: there is none of that name.
    """
    for name in choices:
        if word == name:
            return name
    raise UsageError(f"unknown {what} {word!r}; there are: {', '.join(choices)}")

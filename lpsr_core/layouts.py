"""Plate layouts: which positions hold letters and which hold digits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import DIGITS, IS_DIGIT, LETTERS, PLATE_LENGTH
from lpsr_core.errors import UsageError


@dataclass(frozen=True)
class Layout:
    """One pattern of letters and digits.

    Attributes:
        name: how reads name it, e.g. `brazilian`.
        pattern: seven of `L` (letter) and `D` (digit), e.g. `LLLDDDD`.
    """

    name: str
    pattern: str

    def __post_init__(self) -> None:
        if len(self.pattern) != PLATE_LENGTH or set(self.pattern) - set("LD"):
            raise UsageError(f"layout {self.pattern!r} is not {PLATE_LENGTH} of the letters L and D, e.g. LLLDLDD")

    @property
    def mask(self) -> NDArray[np.bool_]:
        """bool[7, 36]: the classes that each position may hold."""
        return np.array([IS_DIGIT if kind == "D" else ~IS_DIGIT for kind in self.pattern])

    def fits(self, text: str) -> bool:
        """Whether every character of the text is of its position's kind."""
        kinds = {"L": LETTERS, "D": DIGITS}
        return len(text) == PLATE_LENGTH and all(c in kinds[k] for c, k in zip(text, self.pattern, strict=True))


BRAZILIAN = Layout("brazilian", "LLLDDDD")
MERCOSUR = Layout("mercosur", "LLLDLDD")
DEFAULT_LAYOUTS = (BRAZILIAN, MERCOSUR)
KNOWN_LAYOUTS = {
    layout.name: layout
    for layout in (
        *DEFAULT_LAYOUTS,
        Layout("argentina", "LLDDDLL"),
        Layout("paraguay", "LLLLDDD"),
        Layout("uruguay", "LLLDDDD"),
    )
}


def parse_layouts(names: Iterable[str]) -> tuple[Layout, ...]:
    """Layouts from what a user types: known names, or patterns such as `LLDDDLL`.

    Raises:
        UsageError: a word is neither.
    """
    found: list[Layout] = []
    for name in names:
        word = name.strip()
        if word.lower() in KNOWN_LAYOUTS:
            found.append(KNOWN_LAYOUTS[word.lower()])
        elif word and not set(word.upper()) - set("LD"):
            found.append(Layout(word.upper(), word.upper()))
        else:
            known = ", ".join(KNOWN_LAYOUTS)
            raise UsageError(f"unknown layout {name!r}; give one of {known}, or a pattern such as LLLDLDD")
    return tuple(found) or DEFAULT_LAYOUTS


def layout_of(text: str, layouts: Iterable[Layout] = DEFAULT_LAYOUTS) -> Layout | None:
    """The first layout that the text fits, or None."""
    return next((layout for layout in layouts if layout.fits(text)), None)

"""Plate layouts: which positions hold letters and which hold digits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import DIGITS, IS_DIGIT, LETTERS, PLATE_LENGTH
from lpsr_core.errors import UsageError
from lpsr_core.tomlfile import read_toml


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
        if not self.pattern or set(self.pattern) - set("LD"):
            raise UsageError(f"layout {self.pattern!r} is not made of the letters L and D, as LLLDLDD is")
        if len(self.pattern) != PLATE_LENGTH:
            raise UsageError(
                f"layout {self.pattern!r} has {len(self.pattern)} characters; the networks read {PLATE_LENGTH}, "
                "so only layouts of that length work"
            )

    @property
    def mask(self) -> NDArray[np.bool_]:
        """bool[7, 36]: the classes that each position may hold; not to be written to."""
        return masks_of((self.pattern,))[0]

    def fits(self, text: str) -> bool:
        """Return whether every character of the text is of its position's kind."""
        kinds = {"L": LETTERS, "D": DIGITS}
        return len(text) == PLATE_LENGTH and all(c in kinds[k] for c, k in zip(text, self.pattern, strict=True))


@cache
def masks_of(patterns: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return bool[M, 7, 36], the cached masks of patterns; read-only."""
    masks = np.array([[IS_DIGIT if kind == "D" else ~IS_DIGIT for kind in pattern] for pattern in patterns])
    masks.flags.writeable = False
    return masks


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
"""By name. Argentina's plates before Mercosur (LLLDDD) have six characters, which the networks do not read."""


def parse_layouts(names: Iterable[str]) -> tuple[Layout, ...]:
    """Return layouts from what a user types: known names, patterns such as `LLDDDLL`, or TOML files of them.

    Raises:
        UsageError: a word is none of these, or a file does not hold layouts.
    """
    found: list[Layout] = []
    for name in names:
        word = name.strip()
        if word.lower() in KNOWN_LAYOUTS:
            found.append(KNOWN_LAYOUTS[word.lower()])
        elif word.lower().endswith(".toml"):
            found.extend(load_layouts(Path(word)))
        elif word and not set(word.upper()) - set("LD"):
            found.append(Layout(word.upper(), word.upper()))
        else:
            known = ", ".join(KNOWN_LAYOUTS)
            raise UsageError(
                f"unknown layout {name!r}; give one of {known}, a pattern such as LLLDLDD, or a TOML file of layouts"
            )
    return tuple(found) or DEFAULT_LAYOUTS


def load_layouts(path: Path) -> tuple[Layout, ...]:
    """Read a user's own layouts from a TOML file.

        [[layout]]
        name = "argentina"
        pattern = "LLDDDLL"

    Raises:
        UsageError: the file cannot be read or holds something else.
    """
    values = read_toml(path)
    tables = values.get("layout")
    if set(values) != {"layout"} or not isinstance(tables, list) or not tables:
        raise UsageError(f"{path}: holds no layouts; write [[layout]] with a name and a pattern for each")
    return tuple(_layout(table, f"{path}, layout {number}") for number, table in enumerate(tables, start=1))


def _layout(table: object, where: str) -> Layout:
    if (
        not isinstance(table, dict)
        or set(table) != {"name", "pattern"}
        or not all(isinstance(value, str) and value for value in table.values())
    ):
        raise UsageError(f'{where}: needs a name and a pattern and nothing else, e.g. pattern = "LLDDDLL"')
    try:
        return Layout(table["name"], table["pattern"].upper())
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def layout_of(text: str, layouts: Iterable[Layout] = DEFAULT_LAYOUTS) -> Layout | None:
    """Return the first layout that the text fits, or None."""
    return next((layout for layout in layouts if layout.fits(text)), None)

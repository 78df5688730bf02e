"""What one plate looks like before anybody photographs it: every random choice of its face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lpsr_core.alphabet import DIGITS, LETTERS
from lpsr_core.layouts import KNOWN_LAYOUTS
from lpsr_train.plates.typefaces import PENS

Country = Literal["brazilian", "mercosur"]
Colour = tuple[float, float, float]
"""Reflectance of red, green and blue, 0..1."""

_GRAY: tuple[Colour, Colour] = ((0.72, 0.72, 0.71), (0.08, 0.08, 0.09))
# (face, ink) by category: private, commercial, official, driving school (FIELD: Brazilian plates to 2018).
_BRAZILIAN: tuple[tuple[float, tuple[Colour, Colour]], ...] = (
    (0.80, _GRAY),
    (0.10, ((0.62, 0.10, 0.10), (0.92, 0.92, 0.92))),
    (0.06, ((0.92, 0.92, 0.92), (0.08, 0.08, 0.09))),
    (0.04, ((0.92, 0.92, 0.92), (0.66, 0.10, 0.10))),
)
# Private, commercial, official, diplomatic, special.
_MERCOSUR: tuple[tuple[float, tuple[Colour, Colour]], ...] = (
    (0.78, ((0.92, 0.92, 0.92), (0.06, 0.06, 0.07))),
    (0.12, ((0.92, 0.92, 0.92), (0.68, 0.08, 0.10))),
    (0.04, ((0.92, 0.92, 0.92), (0.08, 0.18, 0.52))),
    (0.03, ((0.92, 0.92, 0.92), (0.62, 0.48, 0.14))),
    (0.03, ((0.92, 0.92, 0.92), (0.08, 0.42, 0.18))),
)


@dataclass(frozen=True)
class PlateStyle:
    """One plate; lengths in millimetres on a plate 400 mm wide (200 mm for motorcycles).

    Attributes:
        text: the seven characters.
        country: which drawing.
        rows: 1 for cars, 2 for motorcycles.
        face, ink: reflectances.
        pen: index of the pen (see `typefaces.pen`).
        open_typeface: path of an installed typeface to use instead, or None.
        glyph_height: height of the characters.
        glyph_width: factor on the characters' widths.
        pitch: distance from one character's middle to the next.
        shift: of the whole row, right and down.
        jitter: standard deviation of each character's own displacement.
        strip: text of the strip above the characters.
        seal: colour of the lead seal, or None without one.
        emboss: strength of the light and dark edges of the pressed characters.
        wear: share of the ink that flaked off.
        dirt: strength of the stains.
        sheen: strength of the pattern in the retroreflective sheet.
        frame: whether a dealer's frame surrounds the plate.
    """

    text: str
    country: Country
    rows: int
    face: Colour
    ink: Colour
    pen: int
    open_typeface: str | None
    glyph_height: float
    glyph_width: float
    pitch: float
    shift: tuple[float, float]
    jitter: float
    strip: str
    seal: Colour | None
    emboss: float
    wear: float
    dirt: float
    sheen: float
    frame: bool


def random_text(pattern: str, rng: np.random.Generator) -> str:
    """A text of a layout's pattern of `L` and `D`, every letter equally likely: no state's prefixes are taught."""
    return "".join(_one(rng, LETTERS if kind == "L" else DIGITS) for kind in pattern)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What a source of plates says about their faces.

    Attributes:
        countries: drawn evenly.
        patterns: of texts (see `lpsr_core.layouts`), drawn evenly; each country's own when there are none.
        open_typefaces: paths of installed typefaces that widen the variety.
        open_share: how often one replaces the project's own skeletons.
    """

    countries: tuple[Country, ...] = ("brazilian", "mercosur")
    patterns: tuple[str, ...] = ()
    open_typefaces: Sequence[str] = ()
    open_share: float = 0.0


def style_of(source: Drawing, rng: np.random.Generator, motorcycles: float = 0.0) -> PlateStyle:
    """Draw a plate of a source, of two rows in the fraction `motorcycles`."""
    country = source.countries[int(rng.integers(len(source.countries)))]
    pattern = source.patterns[int(rng.integers(len(source.patterns)))] if source.patterns else None
    return random_style(rng, country, source.open_typefaces, source.open_share, motorcycles, pattern)


def random_style(
    rng: np.random.Generator,
    country: Country | None = None,
    open_typefaces: Sequence[str] = (),
    open_share: float = 0.0,
    motorcycles: float = 0.0,
    pattern: str | None = None,
) -> PlateStyle:
    """Draws a plate.

    Args:
        rng: source of every choice.
        country: drawn evenly when None.
        open_typefaces: paths of typefaces that may replace the project's own skeletons.
        open_share: how often one does, 0..1.
        motorcycles: share of two-row plates.
        pattern: of the text (see `lpsr_core.layouts`); the country's own when None.
    """
    if country is None:
        country = "brazilian" if rng.random() < 0.5 else "mercosur"
    brazilian = country == "brazilian"
    rows = 2 if rng.random() < motorcycles else 1
    face, ink = _category(rng, _BRAZILIAN if brazilian else _MERCOSUR)
    if rng.random() < 0.3:  # faded ink, down to what is barely there
        share = float(rng.uniform(0.1, 0.75))
        ink = _mix(ink, _mix(face, (0.5, 0.5, 0.5), 0.4), share)
    if rng.random() < 0.25:
        face = _mix(face, (0.62, 0.52, 0.36), float(rng.uniform(0, 0.5)))  # yellowed
    face = _jittered(face, rng, 0.08)
    ink = _jittered(ink, rng, 0.04)
    use_open = bool(open_typefaces) and rng.random() < open_share
    return PlateStyle(
        text=random_text(pattern or KNOWN_LAYOUTS[country].pattern, rng),
        country=country,
        rows=rows,
        face=face,
        ink=ink,
        pen=int(rng.integers(PENS)),
        open_typeface=_one(rng, open_typefaces) if use_open else None,
        glyph_height=float(rng.uniform(60, 68)),
        glyph_width=float(rng.uniform(0.94, 1.06)),
        pitch=float(rng.normal(47.5 if brazilian else 46.0, 0.6)),
        shift=(float(rng.normal(0, 4)), float(rng.normal(0, 2))),
        jitter=float(rng.uniform(0, 0.9)),
        strip=_strip(rng),
        seal=_seal(rng) if brazilian and rng.random() < 0.75 else None,
        emboss=float(rng.uniform(0, 0.35)),
        wear=float(rng.uniform(0.02, 0.25)) if rng.random() < 0.12 else 0.0,
        dirt=float(rng.uniform(0.1, 0.7)) if rng.random() < 0.35 else 0.0,
        sheen=float(rng.uniform(0.02, 0.16)) if rng.random() < 0.4 else 0.0,
        frame=bool(rng.random() < 0.12),
    )


def _category(
    rng: np.random.Generator, table: tuple[tuple[float, tuple[Colour, Colour]], ...]
) -> tuple[Colour, Colour]:
    point = rng.random()
    for share, colours in table:
        if point < share:
            return colours
        point -= share
    return table[0][1]


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (a * (1 - share) + b * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def _jittered(colour: Colour, rng: np.random.Generator, amount: float) -> Colour:
    common = rng.normal(0, amount)
    red, green, blue = (float(np.clip(c + common + rng.normal(0, amount / 3), 0.02, 1)) for c in colour)
    return red, green, blue


def _seal(rng: np.random.Generator) -> Colour:
    colours: tuple[Colour, ...] = ((0.72, 0.12, 0.12), (0.75, 0.68, 0.1), (0.15, 0.45, 0.3), (0.75, 0.72, 0.7))
    return colours[int(rng.choice(4, p=[0.6, 0.15, 0.1, 0.15]))]


def _strip(rng: np.random.Generator) -> str:
    """Two letters, a gap, and a word or three: the shape of UF-MUNICIPALITY."""
    words = [
        "".join(_one(rng, "BCDFGJLMNPRSTVZ") + _one(rng, "AEIOU") for _ in range(int(rng.integers(1, 5))))
        for _ in range(int(rng.integers(1, 4)))
    ]
    return f"{_one(rng, LETTERS)}{_one(rng, LETTERS)}-{' '.join(words)}"[:24]


def _one(rng: np.random.Generator, items: Sequence[str]) -> str:
    """`rng.choice`, which makes an array of the items first, five times as fast."""
    return items[int(rng.integers(len(items)))]

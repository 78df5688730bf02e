"""The characters of plates of the world: what they are made of, how they stand in a row, and the seals between them.

The forms are those that countries issue, as their registers publish them; which letters a district has is not kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import DIGITS, LETTERS
from lpsr_train.plates.typefaces import PENS, RASTER_HEIGHT, Typeface, open_raster, paste, skeleton_raster

Point = tuple[int, int]
CHARACTERS = LETTERS + DIGITS

_LONG = (
    "LL*DDDLL",  # Slovakia
    "DLD*DDDD",  # Czechia
    "L*LL DDDD",  # Germany: one to three letters of a district, two of the owner
    "LL*LL DDD",
    "LLL*LL DD",
    "LL-DDD-LL",  # France, Italy
    "DDDD LLL",  # Spain
    "LLDD LLL",  # United Kingdom
    "LL DDDDD",  # Poland, Norway, Denmark
    "LLL DDD",  # Sweden, Finland, Lithuania, Hungary
    "LL-DDD-L",  # Netherlands
    "D-LLL-DDD",  # Belgium
    "LL*DDDDL",  # Austria, Slovenia
    "LL*DDD-LL",  # Croatia, Serbia
    "LL DD LLL",  # Romania
    "L DDD LL DD",  # Russia
    "LL DDDD LL",  # Ukraine, Bulgaria
    "L*LDDDDD",  # China
)
_SHORT = (
    "LLL DDDD",
    "LLL-DDD",
    "DLLLDDD",
    "LLDDDDD",
    "DDD LLL",
    "LLLDDD",
    "LLL*DDD",
    "DLL*DLL",
    "DDDDD",
    "LL DDDD",
    "LLDLL",
)
_UPPER, _LOWER = ("LLL", "LL", "LLD", "DD LL", "L DD", "LL*"), ("DDD", "DDDD", "DD DD", "LL DD", "DDDL", "LDD")
_KNOWN = 0.65
"""How often a row has the form of a country; the others hold characters at random."""


def random_row(ratio: float, row: int | None, rng: np.random.Generator) -> str:
    """Draw the characters of a row; a blank is a gap, a hyphen one with a mark, an asterisk one with a seal.

    Args:
        ratio: the plate's width over its height.
        row: 0 and 1 of two, None where there is only one.
        rng: source of every choice.
    """
    if rng.random() < _KNOWN:
        forms = (_UPPER, _LOWER)[row] if row is not None else _LONG if ratio > 3.3 else _SHORT
        form = str(rng.choice(forms))
    else:
        span = (2, 5) if row is not None else (6, 9) if ratio > 4 else (5, 9) if ratio > 2.3 else (4, 8)
        form = "A" * int(rng.integers(*span))
        for _ in range(int(rng.integers(0, 3)) if len(form) > 3 else 0):
            place = int(rng.integers(1, len(form)))
            if form[place - 1] == form[place] == "A":
                form = form[:place] + str(rng.choice(list("  -"))) + form[place:]
    of = {"L": LETTERS, "D": DIGITS, "A": CHARACTERS}
    return "".join(of[sign][int(rng.integers(len(of[sign])))] if sign in of else sign for sign in form)


def random_face(typefaces: Sequence[str], rng: np.random.Generator) -> str | tuple[Typeface, int]:
    """Draw a typeface: the path of an installed one, or a skeleton of the project and its pen."""
    if typefaces and rng.random() < 0.5:
        return typefaces[int(rng.integers(len(typefaces)))]
    return ("fe" if rng.random() < 0.5 else "mandatory"), int(rng.integers(PENS))


def draw_row(
    letters: NDArray[np.uint8],
    text: str,
    typeface: str | tuple[Typeface, int],
    box: tuple[Point, Point],
    rng: np.random.Generator,
) -> tuple[list[Point], float]:
    """Write a row.

    Args:
        letters: uint8[H, W], how much ink is where; changed in place.
        text: of `random_row`.
        typeface: of `random_face`.
        box: left top and right bottom, in pixels.
        rng: source of the spacing.

    Returns:
        Where seals belong, and the height of the characters, in pixels.
    """
    (left, top), (right, bottom) = box
    room = (right - left) * float(rng.uniform(0.84, 0.97))
    tall = (bottom - top) * float(rng.uniform(0.8, 1.0))
    gap = float(rng.uniform(0.3, 1.0))
    places = [1.0 if sign in CHARACTERS else gap for sign in text]
    pitch = room / sum(places)
    broad = min(0.92 * pitch, tall * float(rng.uniform(0.45, 0.75)))
    if broad < 0.75 * pitch:  # narrow characters stand together, in the middle
        pitch = broad * float(rng.uniform(1.08, 1.4))
        room = pitch * sum(places)
    x, middle = left + (right - left - room) / 2, round((top + bottom) / 2)
    seals: list[Point] = []
    for sign, place in zip(text, places, strict=True):
        centre = round(x + place * pitch / 2), middle
        x += place * pitch
        if sign == "*":
            seals.append(centre)
        elif sign == "-":
            _hyphen(letters, centre, (min(0.5 * gap * pitch, 0.2 * tall), tall), rng)
        elif sign != " ":
            raster = open_raster(typeface, sign) if isinstance(typeface, str) else skeleton_raster(*typeface, sign)
            natural = raster.shape[1] / RASTER_HEIGHT * tall
            paste(letters, raster, centre, (max(min(natural, broad), 0.2 * broad), tall))
    return seals, tall


def _hyphen(letters: NDArray[np.uint8], centre: Point, size: tuple[float, float], rng: np.random.Generator) -> None:
    """A dash or a dot."""
    (x, y), (wide, tall) = centre, size
    if rng.random() < 0.6:
        half, thick = max(round(wide / 2), 1), max(round(0.05 * tall), 1)
        cv2.rectangle(letters, (x - half, y - thick), (x + half, y + thick), 255, -1)
    else:
        cv2.circle(letters, centre, max(round(0.1 * tall), 1), 255, -1, cv2.LINE_AA)


def draw_seals(picture: NDArray[np.float32], places: Sequence[Point], tall: float, rng: np.random.Generator) -> None:
    """Draw what stands between two groups: a coat of arms, or one or two round stickers above each other.

    The picture is float32[H, W, 3] in 0..1, places are pixels, and `tall` is the height of the characters.
    """
    radius = max(round(float(rng.uniform(0.1, 0.19)) * tall), 1)
    for x, y in places:
        for middle in (y - round(0.25 * tall), y + round(0.25 * tall)) if rng.random() < 0.6 else (y,):
            if rng.random() < 0.15:
                continue
            outer, inner = (tuple(float(c) for c in rng.uniform(0.05, 0.95, 3)) for _ in range(2))
            if rng.random() < 0.25:  # a shield
                ends = (x - radius, middle - radius), (x + radius, middle + radius)
                cv2.rectangle(picture, *ends, outer, -1)
            else:
                cv2.circle(picture, (x, middle), radius, outer, -1, cv2.LINE_AA)
            cv2.circle(picture, (x, middle), max(round(0.5 * radius), 1), inner, -1, cv2.LINE_AA)

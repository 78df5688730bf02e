"""Plates of the world as a locator sees them: shapes, colours, bands and rows of characters that spell nothing.

They are drawn to be found, not to be read: proportions from square to five to one, with the furniture that countries
put on plates. Brazilian and Mercosur plates, which are read, have a drawing of their own (`lpsr_train.plates.face`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import LETTERS
from lpsr_train.plates.face import Face
from lpsr_train.plates.registration import draw_row, draw_seals, random_face, random_row
from lpsr_train.plates.style import Colour

HEIGHT = 110.0
"""Of every plate drawn here, in its own units: about millimetres."""
_MARGIN = 30.0
_At = Callable[[float, float], tuple[int, int]]
"""From the plate's units to pixels of its picture."""


@dataclass(frozen=True)
class _Format:
    """A family of plates: how common it is here, least and greatest width over height, millimetres across, rows."""

    share: float
    narrowest: float
    widest: float
    across: float
    rows: int


_FORMATS = (
    _Format(0.32, 4.3, 4.95, 520, 1),  # Europe, China
    _Format(0.28, 1.9, 2.1, 305, 1),  # North America, Japan, Gulf
    _Format(0.06, 2.6, 3.3, 380, 1),  # Australia, South America
    _Format(0.06, 3.3, 4.3, 460, 1),
    _Format(0.10, 1.25, 1.7, 300, 2),  # two rows on cars
    _Format(0.08, 1.0, 1.3, 190, 2),  # motorcycles
    _Format(0.10, 1.6, 5.0, 420, 1),
)


@dataclass(frozen=True)
class WorldPlate:
    """A drawn plate.

    Attributes:
        face: its picture and corners.
        across: width in millimetres, by which a vehicle is drawn to scale.
        frame: pixels of a frame around it, left and right, above, below.
    """

    face: Face
    across: float
    frame: tuple[float, float, float]


def draw_world_plate(width: float, typefaces: Sequence[str], rng: np.random.Generator) -> WorldPlate:
    """Draws a plate of any country.

    Args:
        width: that it will have in the scene, in pixels; it is drawn a little larger, within bounds.
        typefaces: paths of installed typefaces; the project's own skeletons are used beside them.
        rng: of everything.
    """
    shape = _FORMATS[int(rng.choice(len(_FORMATS), p=[each.share for each in _FORMATS]))]
    ratio = float(rng.uniform(shape.narrowest, shape.widest))
    wide = ratio * HEIGHT
    scale = float(np.clip(1.3 * width / wide, 0.25, 2.2))
    size = round((wide + 2 * _MARGIN) * scale), round((HEIGHT + 2 * _MARGIN) * scale)
    picture = np.empty((size[1], size[0], 3), np.float32)
    picture[:] = float(rng.uniform(0, 0.3))
    ground, ink = _colours(ratio, rng)

    def at(x: float, y: float) -> tuple[int, int]:
        return round((_MARGIN + x) * scale), round((_MARGIN + y) * scale)

    frame = _frame(picture, at, wide, scale, rng)
    cv2.rectangle(picture, at(0, 0), at(wide, HEIGHT), ground, -1)
    if rng.random() < (0.5 if ratio < 2.3 else 0.06):
        _artwork(picture, at, wide, ink, rng)
    left, right = _bands(picture, at, wide, scale, rng) if ratio > 2.5 else (0.0, wide)
    top, bottom = 0.14 * HEIGHT, 0.86 * HEIGHT
    small: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    if ratio < 2.3 and shape.rows == 1 and rng.random() < 0.85:  # a state above, a motto below
        top = 0.3 * HEIGHT
        _small_print(small, at, wide, 0.14 * HEIGHT, scale, rng)
        if rng.random() < 0.6:
            bottom = 0.8 * HEIGHT
            _small_print(small, at, wide, 0.89 * HEIGHT, scale, rng)
    elif rng.random() < 0.15:
        top = 0.32 * HEIGHT
        _small_print(small, at, wide, 0.15 * HEIGHT, scale, rng)
    letters: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    typeface = random_face(typefaces, rng)
    rows = [(top, bottom)]
    if shape.rows == 2:
        middle = float(rng.uniform(0.42, 0.55)) * HEIGHT
        rows = [(0.08 * HEIGHT, middle), (middle + 4, 0.94 * HEIGHT)]
    for number, (above, below) in enumerate(rows):
        text = random_row(ratio, number if len(rows) == 2 else None, rng)
        seals, tall = draw_row(letters, text, typeface, (at(left, above), at(right, below)), rng)
        draw_seals(picture, seals, tall, rng)
    if rng.random() < 0.45:  # seals and stickers
        for _ in range(int(rng.integers(1, 3))):
            colour = tuple(float(c) for c in rng.uniform(0.05, 0.95, 3))
            place = at(float(rng.uniform(0.05, 0.95)) * wide, float(rng.choice([0.14, 0.5, 0.84])) * HEIGHT)
            if rng.random() < 0.5:
                cv2.circle(picture, place, max(round(rng.uniform(5, 11) * scale), 1), colour, -1, cv2.LINE_AA)
            else:
                half = max(round(rng.uniform(6, 11) * scale), 1)
                cv2.rectangle(
                    picture, (place[0] - half, place[1] - half), (place[0] + half, place[1] + half), colour, -1
                )
    small_ink = ink if rng.random() < 0.6 else _bright(rng, 0.05, 0.8)
    for cover, colour in ((small, small_ink), (letters, ink)):
        _ink(picture, cover, colour)
    if rng.random() < 0.5:  # an edge
        edge = ink if rng.random() < 0.6 else tuple(float(c) for c in rng.uniform(0.05, 0.9, 3))
        inset = float(rng.uniform(0.5, 4))
        thick = max(round(float(rng.uniform(1, 4)) * scale), 1)
        cv2.rectangle(picture, at(inset, inset), at(wide - inset, HEIGHT - inset), edge, thick)
    _bolts(picture, at, wide, scale, rng)
    if rng.random() < 0.3:
        _dirt(picture, rng)
    corners = np.array([at(0, 0), at(wide, 0), at(wide, HEIGHT), at(0, HEIGHT)], np.float32)
    across = shape.across * float(rng.uniform(0.9, 1.1))
    return WorldPlate(Face(picture, corners), across, (frame[0] * scale, frame[1] * scale, frame[2] * scale))


def _colours(ratio: float, rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Ground and ink."""
    kind = rng.random()
    dark = tuple(float(c) for c in np.clip(rng.uniform(0.02, 0.14) + rng.normal(0, 0.02, 3), 0, 1))
    light = tuple(float(c) for c in np.clip(rng.uniform(0.75, 0.98) + rng.normal(0, 0.03, 3), 0, 1))
    if kind < (0.62 if ratio > 2.3 else 0.4):
        ground, ink = light, dark
    elif kind < 0.74:
        ground, ink = (float(rng.uniform(0.75, 0.95)), float(rng.uniform(0.55, 0.78)), float(rng.uniform(0, 0.2))), dark
    elif kind < 0.86:  # pale, in any colour
        ground, ink = _bright(rng, 0.55, 0.98), _bright(rng, 0.02, 0.4)
    elif kind < 0.94:
        ground, ink = _bright(rng, 0.02, 0.4), light
    else:
        ground, ink = dark, light
    if rng.random() < 0.2:  # faded, or taken in light in which they hardly differ
        share = float(rng.uniform(0.1, 0.65))
        ink = tuple(float(a + share * (b - a)) for a, b in zip(ink, ground, strict=True))
    if rng.random() < 0.2 and ink[0] < 0.3 and ratio < 3:
        ink = _bright(rng, 0.0, 0.5)
    return ground, ink  # type: ignore[return-value]


def _bright(rng: np.random.Generator, low: float, high: float) -> Colour:
    red, green, blue = rng.uniform(low, high, 3)
    return float(red), float(green), float(blue)


def _frame(
    picture: NDArray[np.float32], at: _At, wide: float, scale: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """A dealer's frame, with a line of print below."""
    if rng.random() < 0.6:
        return 0.0, 0.0, 0.0
    side, above, below = float(rng.uniform(2, 9)), float(rng.uniform(2, 12)), float(rng.uniform(3, 24))
    shade = float(rng.uniform(0.01, 0.12)) if rng.random() < 0.75 else float(rng.uniform(0.5, 0.95))
    cv2.rectangle(picture, at(-side, -above), at(wide + side, HEIGHT + below), (shade,) * 3, -1)
    if below > 10 and rng.random() < 0.8:
        text = "".join(LETTERS[i] for i in rng.integers(0, 26, int(rng.integers(6, 16))))
        height = 0.55 * below * scale / 22
        tone = (1 - shade,) * 3
        _print(picture, text, at(0.15 * wide, HEIGHT + 0.8 * below), height, tone)
    return side, above, below


def _artwork(picture: NDArray[np.float32], at: _At, wide: float, ink: Colour, rng: np.random.Generator) -> None:
    """A pale picture behind the characters, or a gradient from top to bottom."""
    (x0, y0), (x1, y1) = at(0, 0), at(wide, HEIGHT)
    region = picture[y0:y1, x0:x1]
    if rng.random() < 0.5:
        ramp = np.linspace(0, 1, len(region), dtype=np.float32)[:, None, None] ** np.float32(rng.uniform(0.5, 3))
        ramp = ramp if rng.random() < 0.5 else ramp[::-1]
        region += np.float32(rng.uniform(0.2, 0.8)) * ramp * (np.array(_bright(rng, 0.2, 1), np.float32) - region)
    else:
        cells = rng.random((int(rng.integers(3, 7)), int(rng.integers(4, 10)), 3)).astype(np.float32)
        field = cv2.resize(cells, (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
        region += np.float32(rng.uniform(0.1, 0.45)) * (np.clip(field, 0, 1) - region)
    if sum(ink) < 1:
        np.maximum(region, 0.25, out=region)


def _bands(
    picture: NDArray[np.float32], at: _At, wide: float, scale: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Coloured bands at the ends; what they leave to the characters."""
    left, right = 0.0, wide
    for end in (0, 1):
        if rng.random() < (0.7 if end == 0 else 0.12):
            broad = float(rng.uniform(0.07, 0.12)) * wide
            blue = (float(rng.uniform(0, 0.2)), float(rng.uniform(0.1, 0.3)), float(rng.uniform(0.4, 0.75)))
            colour = blue if rng.random() < 0.85 else _bright(rng, 0.1, 0.9)
            x = 0.0 if end == 0 else wide - broad
            cv2.rectangle(picture, at(x, 0), at(x + broad, HEIGHT), colour, -1)
            yellow = (0.85, 0.75, 0.15)
            cv2.circle(picture, at(x + broad / 2, 0.3 * HEIGHT), max(round(0.26 * broad * scale), 1), yellow, 1)
            text = "".join(LETTERS[i] for i in rng.integers(0, 26, int(rng.integers(1, 3))))
            place = at(x + broad * 0.2, 0.86 * HEIGHT)
            _print(picture, text, place, 0.03 * broad * scale / len(text), (0.9,) * 3)
            left, right = (broad, right) if end == 0 else (left, x)
    return left, right


def _small_print(
    small: NDArray[np.uint8], at: _At, wide: float, y: float, scale: float, rng: np.random.Generator
) -> None:
    text = "".join(LETTERS[i] for i in rng.integers(0, 26, int(rng.integers(4, 14))))
    size = float(rng.uniform(0.4, 0.75)) * scale
    (long, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 1)
    size *= min(1.0, 0.8 * wide * scale / max(long, 1))
    (long, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 1)
    x, middle = at(wide / 2, y)
    thick = max(round(1.2 * size), 1)
    cv2.putText(
        small, text, (x - long // 2, middle + tall // 2), cv2.FONT_HERSHEY_DUPLEX, size, 255, thick, cv2.LINE_AA
    )


def _print(picture: NDArray[np.float32], text: str, place: tuple[int, int], size: float, colour: Colour) -> None:
    cover: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    cv2.putText(cover, text, place, cv2.FONT_HERSHEY_DUPLEX, size, 255, 1, cv2.LINE_AA)
    _ink(picture, cover, colour)


def _ink(picture: NDArray[np.float32], cover: NDArray[np.uint8], colour: Colour) -> None:
    x, y, width, height = cv2.boundingRect(cover)
    if width and height:
        region = picture[y : y + height, x : x + width]
        share = cover[y : y + height, x : x + width, None].astype(np.float32) * np.float32(1 / 255)
        region += share * (np.array(colour, np.float32) - region)


def _bolts(picture: NDArray[np.float32], at: _At, wide: float, scale: float, rng: np.random.Generator) -> None:
    for x in (0.15, 0.85):
        for y in (0.09, 0.91):
            if rng.random() < 0.35:
                shade = float(rng.uniform(0.05, 0.8))
                cv2.circle(
                    picture, at(x * wide, y * HEIGHT), max(round(rng.uniform(2, 5) * scale), 1), (shade,) * 3, -1
                )


def _dirt(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Stains, thicker where a smooth noise is high."""
    height, width = picture.shape[:2]
    cells = rng.random((int(rng.integers(3, 9)), int(rng.integers(5, 16)))).astype(np.float32)
    field = np.clip(cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) - 0.4, 0, 1)
    earth = np.array([0.36, 0.3, 0.22], np.float32) * np.float32(rng.uniform(0.3, 2.0))
    picture += cv2.merge([np.float32(rng.uniform(0.2, 1.2)) * field] * 3).clip(0, 1) * (earth - picture)

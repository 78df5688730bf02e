"""What sits on cars beside plates, and is none: makers' badges, lamps, wheels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_train.scenes.surroundings import LETTERS, Picture, put_text, random_colour

Colour = tuple[float, float, float]


def emblem(picture: Picture, centre: NDArray[np.float64], size: float, rng: np.random.Generator) -> None:
    """Draw a maker's badge, a lock, a name in a few letters; centre and half of its width are in pixels."""
    x, y = (round(float(value)) for value in centre)
    wide, tall = max(round(size), 2), max(round(size * rng.uniform(0.35, 1.0)), 2)
    metal = float(rng.uniform(0.55, 1.0))
    ground = random_colour(rng)
    rim = max(1, round(size * rng.uniform(0.06, 0.2)))
    kind = rng.random()
    thick = max(1, round(size * rng.uniform(0.08, 0.16)))
    if kind < 0.5:  # an oval with a rim
        cv2.ellipse(picture, (x, y), (wide, tall), 0, 0, 360, ground, -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, y), (wide, tall), 0, 0, 360, (metal,) * 3, rim, cv2.LINE_AA)
        if rng.random() < 0.3:
            cv2.ellipse(picture, (x, y), (wide // 2, tall // 2), 0, 0, 360, (metal,) * 3, rim, cv2.LINE_AA)
    elif kind < 0.65:  # a shield or a bar
        box = [(x - wide, y - tall), (x + wide, y - tall), (x + wide, y + tall // 2), (x, y + tall), (x - wide, y)]
        cv2.fillPoly(picture, [np.array(box, np.int32)], ground, cv2.LINE_AA)
        cv2.polylines(picture, [np.array(box, np.int32)], True, (metal,) * 3, rim, cv2.LINE_AA)
    elif kind < 0.75:  # a field within a disc
        _field(picture, (x, y), wide, ground, metal, rng)
    what = rng.random()
    if what < 0.5:  # its name
        _name(picture, (x, y), size, metal, thick, rng)
    elif what < 0.75:  # its sign, the same to the left and to the right
        _sign(picture, (x, y), (wide, tall), metal, thick, rng)
    else:  # a few strokes
        ends = rng.uniform(-0.8, 0.8, (int(rng.integers(3, 6)), 2)) * [wide, tall] + [x, y]
        cv2.polylines(picture, [ends.astype(np.int32)], False, (metal,) * 3, thick, cv2.LINE_AA)


def _field(
    picture: Picture, centre: tuple[int, int], wide: int, ground: Colour, metal: float, rng: np.random.Generator
) -> None:
    """A disc, and on it a field with corners, which its name fills."""
    x, y = centre
    cv2.circle(picture, centre, wide, (metal,) * 3, -1, cv2.LINE_AA)
    half, high = rng.uniform(0.6, 0.8) * wide, rng.uniform(0.35, 0.65) * wide
    narrower = half * rng.uniform(0.8, 1.0)
    corners = np.array([(x - half, y - high), (x + half, y - high), (x + narrower, y + high), (x - narrower, y + high)])
    cv2.fillPoly(picture, [np.round(corners).astype(np.int32)], ground, cv2.LINE_AA)


def _name(
    picture: Picture, centre: tuple[int, int], size: float, metal: float, thick: int, rng: np.random.Generator
) -> None:
    text = "".join(LETTERS[i] for i in rng.integers(0, 36, int(rng.integers(1, 10))))
    heavy = max(1, round(thick * rng.uniform(0.8, 2.0)))
    scale = 1.5 * size / (14 * len(text))
    (across, down), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, heavy)
    tone = (metal,) * 3 if rng.random() < 0.7 else random_colour(rng)
    place = centre[0] - across // 2, centre[1] + down // 2
    put_text(picture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, tone, heavy)


def _sign(
    picture: Picture,
    centre: tuple[int, int],
    sides: tuple[int, int],
    metal: float,
    thick: int,
    rng: np.random.Generator,
) -> None:
    """Strokes that are mirrored: letters within a ring, wings, a star of rings."""
    for _ in range(int(rng.integers(1, 3))):
        ends = rng.uniform(-0.85, 0.85, (int(rng.integers(3, 6)), 2)) * sides
        ends[:, 0] = np.sort(np.abs(ends[:, 0]))
        for sign in (1, -1):
            stroke = ends * [sign, 1] + centre
            cv2.polylines(picture, [stroke.astype(np.int32)], False, (metal,) * 3, thick, cv2.LINE_AA)
    if rng.random() < 0.3:
        inner = max(int(sides[0] * rng.uniform(0.2, 0.6)), 1), max(int(sides[1] * rng.uniform(0.3, 0.8)), 1)
        cv2.ellipse(picture, centre, inner, 0, 0, 360, (metal,) * 3, thick, cv2.LINE_AA)


def lamp(picture: Picture, corners: NDArray[np.float64], colour: Colour, rng: np.random.Generator) -> None:
    """Draw the inside of a lamp: chambers, bulbs with reflectors, the ribs of its pane.

    Corners are left, top, right and bottom in pixels; the colour is the pane's.
    """
    left, top, right, bottom = (float(value) for value in corners)
    if right - left < 4 or bottom - top < 4:
        return
    if rng.random() < 0.5:  # chambers beside or above each other
        count = int(rng.integers(2, 4))
        upright = rng.random() < 0.5
        for index in range(count):
            tint = random_colour(rng) if rng.random() < 0.4 else tuple(c * float(rng.uniform(0.5, 1.6)) for c in colour)
            low, high = (index + 0.08) / count, (index + 0.92) / count
            x, u = (left, right) if upright else (left + low * (right - left), left + high * (right - left))
            y, v = (top + low * (bottom - top), top + high * (bottom - top)) if upright else (top, bottom)
            cv2.rectangle(picture, (round(x), round(y)), (round(u), round(v)), tint, -1)
    for _ in range(int(rng.integers(0, 4))):
        radius = max(round(min(right - left, bottom - top) * rng.uniform(0.15, 0.5)), 1)
        spot = round(rng.uniform(left, right)), round(rng.uniform(top, bottom))
        cv2.circle(picture, spot, radius, (float(rng.uniform(0.3, 0.7)),) * 3, -1, cv2.LINE_AA)
        cv2.circle(picture, spot, max(radius // 2, 1), (float(rng.uniform(0.6, 1.0)),) * 3, -1, cv2.LINE_AA)
    if rng.random() < 0.4:
        tone = float(rng.uniform(0.1, 1.0))
        for x in np.linspace(left, right, int(rng.integers(4, 16))):
            cv2.line(picture, (round(x), round(top)), (round(x), round(bottom)), (tone,) * 3, 1, cv2.LINE_AA)
    if rng.random() < 0.3:
        for y in np.linspace(top, bottom, int(rng.integers(3, 8))):
            cv2.line(picture, (round(left), round(y)), (round(right), round(y)), (0.1,) * 3, 1, cv2.LINE_AA)


def wheel(picture: Picture, centre: tuple[int, int], sides: tuple[int, int], rng: np.random.Generator) -> None:
    """Draw a tyre, a rim with spokes or holes, a hub; centre, half width and half height are in pixels."""
    wide, tall = max(sides[0], 1), max(sides[1], 1)
    cv2.ellipse(picture, centre, (wide, tall), 0, 0, 360, (0.03,) * 3, -1, cv2.LINE_AA)
    share = rng.uniform(0.55, 0.75)
    rim = max(int(wide * share), 1), max(int(tall * share), 1)
    metal, dark = (float(rng.uniform(0.3, 0.95)),) * 3, (float(rng.uniform(0.0, 0.25)),) * 3
    spoked = rng.random() < 0.7
    cv2.ellipse(picture, centre, rim, 0, 0, 360, dark if spoked else metal, -1, cv2.LINE_AA)
    thick = max(1, round(wide * rng.uniform(0.06, 0.16)))
    turn = rng.uniform(0, np.pi)
    count = int(rng.integers(5, 13))
    for angle in turn + 2 * np.pi * np.arange(count) / count:
        out = np.array([np.cos(angle) * rim[0], np.sin(angle) * rim[1]])
        if spoked:
            end = np.round(np.array(centre) + out).astype(int)
            cv2.line(picture, centre, (int(end[0]), int(end[1])), metal, thick, cv2.LINE_AA)
        else:
            hole = np.round(np.array(centre) + 0.75 * out).astype(int)
            cv2.circle(picture, (int(hole[0]), int(hole[1])), thick, dark, -1, cv2.LINE_AA)
    cv2.ellipse(picture, centre, rim, 0, 0, 360, metal, max(1, thick // 2), cv2.LINE_AA)
    cv2.ellipse(picture, centre, (max(rim[0] // 5, 1), max(rim[1] // 5, 1)), 0, 0, 360, metal, -1, cv2.LINE_AA)

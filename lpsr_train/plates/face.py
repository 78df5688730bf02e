"""Draws a plate's face, seen straight on, in even light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_train.plates.style import PlateStyle
from lpsr_train.plates.typefaces import RASTER_HEIGHT, Typeface, open_raster, paste, skeleton_raster, write

BORDER = 0.16
"""Surroundings drawn around the plate, as a share of its width, on every side."""

_BLUE = np.array([0.05, 0.16, 0.50], np.float32)


@dataclass(frozen=True)
class Face:
    """A drawn plate.

    Attributes:
        picture: float32[H, W, 3], reflectance 0..1, with the surroundings.
        corners: float32[4, 2], the plate's corners in it, in pixels: top left, then clockwise.
    """

    picture: NDArray[np.float32]
    corners: NDArray[np.float32]


def plate_size(style: PlateStyle) -> tuple[float, float]:
    """Width and height in millimetres."""
    return (400.0, 130.0) if style.rows == 1 else (200.0, 170.0)


def draw_face(style: PlateStyle, scale: float, rng: np.random.Generator) -> Face:
    """Draw a plate and what is behind it, at a scale in pixels a millimetre.

    The style gives only the strength of textures, which `rng` draws.
    """
    width, height = plate_size(style)
    margin = BORDER * width
    size = (round((width + 2 * margin) * scale), round((height + 2 * margin) * scale))
    origin = np.array([margin, margin]) * scale
    picture = _surroundings(size, rng)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(float(origin[0]) + x * scale), round(float(origin[1]) + y * scale)

    if style.frame:
        shade = float(rng.uniform(0.02, 0.12))
        _rounded(picture, at(-9, -9), at(width + 9, height + 12), (shade, shade, shade), round(8 * scale))
    _rounded(picture, at(0, 0), at(width, height), style.face, round(8 * scale))
    _sheen(picture, at(0, 0), at(width, height), style, scale, rng)

    ink: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    small: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    if style.country == "brazilian":
        _brazilian_furniture(picture, small, style, at, scale, rng)
    else:
        _mercosur_furniture(picture, small, style, at, scale, rng)
    _characters(ink, style, origin, scale, rng)
    if style.wear > 0:
        _wear(ink, style, scale, rng)
    if style.emboss > 0:
        _emboss(picture, ink, style.emboss, scale)
    _blend(picture, small, style.ink)
    _blend(picture, ink, style.ink)
    if style.country == "brazilian":
        _bolts(picture, style, at, scale, rng)
    if style.dirt > 0:
        _dirt(picture, style, rng)
    corners = np.array([at(0, 0), at(width, 0), at(width, height), at(0, height)], np.float32)
    return Face(picture, corners)


def _characters(
    ink: NDArray[np.uint8], style: PlateStyle, origin: NDArray[np.float64], scale: float, rng: np.random.Generator
) -> None:
    typeface: Typeface = "mandatory" if style.country == "brazilian" else "fe"
    height = style.glyph_height if style.rows == 1 else 0.94 * style.glyph_height
    stray = rng.normal(0, style.jitter, (7, 2))
    for (x, y), character, (dx, dy) in zip(character_centres(style), style.text, stray, strict=True):
        if style.open_typeface:
            raster = open_raster(style.open_typeface, character)
            # An open typeface is fitted to the plate's cell, whatever its own proportions.
            natural = min(raster.shape[1] / RASTER_HEIGHT, 0.66 if character not in "MW" else 0.78)
        else:
            raster = skeleton_raster(typeface, style.pen, character)
            natural = raster.shape[1] / RASTER_HEIGHT
        wide = min(natural * height * style.glyph_width, 1.06 * style.pitch)
        centre = (float(origin[0]) + (x + dx) * scale, float(origin[1]) + (y + dy) * scale)
        paste(ink, raster, centre, (wide * scale, height * scale))


def character_centres(style: PlateStyle) -> list[tuple[float, float]]:
    """The middles of the seven characters, in millimetres from the plate's top left corner."""
    shift_x, shift_y = style.shift
    if style.rows == 2:
        upper = [(100 + (k - 1) * style.pitch + shift_x / 2, 62.0 + shift_y) for k in range(3)]
        lower = [(100 + (k - 1.5) * style.pitch + shift_x / 2, 130.0 + shift_y) for k in range(4)]
        return upper + lower
    if style.country == "brazilian":
        starts = [50 + k * style.pitch for k in range(3)] + [219 + k * style.pitch for k in range(4)]
        return [(x + shift_x - 3, 80 + shift_y) for x in starts]
    return [(63 + k * style.pitch + shift_x / 2, 80.5 + shift_y) for k in range(7)]


def _surroundings(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Bumper, grille or bodywork: a shade, a gradient and some edges."""
    width, height = size
    dark = rng.random() < 0.7
    shade = rng.uniform(0.02, 0.25) if dark else rng.uniform(0.25, 0.9)
    colour = np.clip(shade + rng.normal(0, 0.03, 3), 0, 1).astype(np.float32)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = _row(colour, width)
    for _ in range(int(rng.integers(0, 4))):
        level = float(np.clip(shade + rng.normal(0, 0.12), 0, 1))
        y = int(rng.integers(0, height))
        tilt = int(rng.normal(0, 0.06 * height))
        cv2.line(picture, (0, y), (width, y + tilt), (level, level, level), int(rng.integers(1, max(height // 8, 2))))
    return picture


def _rounded(
    picture: NDArray[np.float32], low: tuple[int, int], high: tuple[int, int], colour: tuple[float, ...], radius: int
) -> None:
    """A filled rectangle with round corners."""
    (x0, y0), (x1, y1) = low, high
    cv2.rectangle(picture, (x0 + radius, y0), (x1 - radius, y1), colour, -1)
    cv2.rectangle(picture, (x0, y0 + radius), (x1, y1 - radius), colour, -1)
    for x in (x0 + radius, x1 - radius):
        for y in (y0 + radius, y1 - radius):
            cv2.circle(picture, (x, y), radius, colour, -1)


def _sheen(
    picture: NDArray[np.float32],
    low: tuple[int, int],
    high: tuple[int, int],
    style: PlateStyle,
    scale: float,
    rng: np.random.Generator,
) -> None:
    """The pattern of the retroreflective sheet: stripes, squares or a cross-hatch, lighter than the face."""
    if style.sheen <= 0:
        return
    region = picture[low[1] : high[1], low[0] : high[0]]
    height, width = region.shape[:2]
    kind = int(rng.integers(3))
    if kind == 0:
        rows = rng.random((max(round(height / (4 * scale)), 2), 1)).astype(np.float32)
        pattern = cv2.resize(rows, (width, height), interpolation=cv2.INTER_LINEAR)
    elif kind == 1:
        cells = rng.random((max(round(height / (7 * scale)), 2), max(round(width / (7 * scale)), 2)))
        pattern = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    else:
        step = 6 * scale
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        pattern = 0.5 + 0.25 * (np.cos((x + y) * (2 * np.pi / step)) + np.cos((x - y) * (2 * np.pi / step)))
    lighter = np.float32(style.sheen) * (pattern.astype(np.float32) - 0.5)
    region += cv2.merge([lighter] * 3)


def _brazilian_furniture(picture, small, style: PlateStyle, at, scale: float, rng: np.random.Generator) -> None:  # type: ignore[no-untyped-def]
    width, height = (400, 130) if style.rows == 1 else (200, 170)
    edge = tuple(float(np.clip(c * f, 0, 1)) for c, f in zip(style.face, rng.uniform(0.6, 1.15, 3), strict=True))
    line = max(round(1.4 * scale), 1)
    cv2.rectangle(picture, at(4, 4), at(width - 4, height - 4), edge, line)
    if rng.random() < 0.92:  # the strip with state and municipality
        left, right = (0.16, 0.86) if style.rows == 1 else (0.14, 0.86)
        top, bottom = (22.0, 45.0) if style.rows == 1 else (8.0, 24.0)
        x0, x1 = left * width + float(rng.normal(0, 4)), right * width + float(rng.normal(0, 4))
        plain = float(rng.uniform(0.85, 1.15))
        shade = tuple(float(np.clip(c * plain, 0, 1)) for c in style.face)
        cv2.rectangle(picture, at(x0, top), at(x1, bottom), shade, -1)
        cv2.rectangle(picture, at(x0, top), at(x1, bottom), edge, max(line // 2, 1))
        length = min(len(style.strip) * float(rng.uniform(7.5, 11)), 0.92 * (x1 - x0))
        tall = float(rng.uniform(11, 17)) * (1 if style.rows == 1 else 0.8)
        start = (x0 + x1 - length) / 2 + float(rng.normal(0, 8))
        left_px, middle_px = at(start, (top + bottom) / 2)
        write(small, style.strip, "mandatory", style.pen, left_px, middle_px, tall * scale, length * scale)
    if style.rows == 1:
        x, y = at(180 + style.shift[0] - 3 + float(rng.normal(0, 1.5)), 80 + style.shift[1] + float(rng.normal(0, 3)))
        half = max(round(float(rng.uniform(2.5, 5)) * scale), 1)
        if rng.random() < 0.9:
            cv2.rectangle(small, (x - half, y - half), (x + half, y + half), 255, -1)


def _mercosur_furniture(picture, small, style: PlateStyle, at, scale: float, rng: np.random.Generator) -> None:  # type: ignore[no-untyped-def]
    width, height = (400, 130) if style.rows == 1 else (200, 170)
    fade = float(rng.uniform(0, 0.35))
    band = _BLUE * (1 - fade) + np.float32(0.6 * fade)
    top = float(rng.uniform(1.5, 4))
    cv2.rectangle(picture, at(top, top), at(width - top, top + 30), tuple(float(c) for c in band), -1)
    letters: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    x, y = at(width / 2 - 52, 16)
    write(letters, "BRASIL", "fe", style.pen, x, y, 15 * scale, 104 * scale)
    _blend(picture, letters, (0.9, 0.9, 0.92))
    flag = at(width - 34, 6), at(width - 8, 25)
    cv2.rectangle(picture, *flag, (0.05, 0.45, 0.2), -1)
    cv2.circle(picture, at(width - 21, 15.5), max(round(6 * scale), 1), (0.85, 0.78, 0.1), -1)
    cv2.circle(picture, at(22, 16), max(round(9 * scale), 1), (0.35, 0.45, 0.7), max(round(2 * scale), 1))
    if style.rows == 1:
        if rng.random() < 0.85:
            cells = rng.integers(0, 2, (9, 9)).astype(np.uint8) * 255
            (x0, y0), (x1, y1) = at(12, 42), at(32, 62)
            if x1 > x0 and y1 > y0:
                code = cv2.resize(cells, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
                small[y0:y1, x0:x1] = np.maximum(small[y0:y1, x0:x1], code)
        x, y = at(10, 112)
        write(small, "BR", "fe", style.pen, x, y, 12 * scale, 20 * scale)
    if rng.random() < 0.4:
        edge = tuple(float(c) * 0.8 for c in style.face)
        cv2.rectangle(picture, at(1, 1), at(width - 1, height - 1), edge, max(round(scale), 1))


def _bolts(picture, style: PlateStyle, at, scale: float, rng: np.random.Generator) -> None:  # type: ignore[no-untyped-def]
    places = [(115, 14), (280, 14), (108, 119), (278, 119)] if style.rows == 1 else [(50, 9), (150, 9)]
    for x, y in places:
        if rng.random() < 0.75:
            shade = float(rng.uniform(0.02, 0.55))
            colour = (shade, 0.93 * shade, 0.85 * shade)
            reach = float(rng.uniform(2.5, 6))
            axes = max(round(reach * scale), 1), max(round(reach * float(rng.uniform(0.4, 1)) * scale), 1)
            place = at(x + float(rng.normal(0, 4)), y + float(rng.normal(0, 2)))
            cv2.ellipse(picture, place, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    if style.seal:
        x, y = (43, 24) if style.rows == 1 else (20, 18)
        place = at(x + float(rng.normal(0, 6)), y + float(rng.normal(0, 5)))
        radius = max(round(float(rng.uniform(6, 10)) * scale), 1)
        cv2.circle(picture, place, radius, style.seal, -1, cv2.LINE_AA)


def _wear(ink: NDArray[np.uint8], style: PlateStyle, scale: float, rng: np.random.Generator) -> None:
    """Flakes the ink off where a coarse noise is high."""
    height, width = ink.shape
    grain = float(rng.uniform(3, 14)) * scale
    cells = rng.random((max(round(height / grain), 2), max(round(width / grain), 2))).astype(np.float32)
    field = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    keep = np.clip((field - style.wear) * 5 + 0.5, 0.25, 1)
    ink[:] = (ink * keep).astype(np.uint8)


def _emboss(picture: NDArray[np.float32], ink: NDArray[np.uint8], strength: float, scale: float) -> None:
    """Light above and to the left of the pressed characters, shade below: what their slopes reflect."""
    reach = max(round(2.2 * scale), 1)
    x, y, width, height = cv2.boundingRect(ink)
    around = np.s_[max(y - reach, 0) : y + height + reach, max(x - reach, 0) : x + width + reach]
    edges = ink[around].astype(np.float32) * np.float32(0.5 * strength / 255)
    slope = np.roll(edges, (-reach, -reach), (0, 1)) - np.roll(edges, (reach, reach), (0, 1))
    picture[around] += cv2.merge([slope] * 3)


def _dirt(picture: NDArray[np.float32], style: PlateStyle, rng: np.random.Generator) -> None:
    """Stains of one earthy colour, thicker where a smooth noise is high."""
    height, width = picture.shape[:2]
    cells = rng.random((int(rng.integers(3, 9)), int(rng.integers(6, 20)))).astype(np.float32)
    field = np.clip(cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) - 0.45, 0, 1)
    earth = np.array([0.35, 0.28, 0.2], np.float32) * np.float32(rng.uniform(0.4, 1.6))
    _tint(picture, np.float32(style.dirt) * field, earth)


def _blend(picture: NDArray[np.float32], cover: NDArray[np.uint8], colour: tuple[float, float, float]) -> None:
    x, y, width, height = cv2.boundingRect(cover)
    if width and height:
        share = cover[y : y + height, x : x + width].astype(np.float32) / np.float32(255)
        _tint(picture[y : y + height, x : x + width], share, np.array(colour, np.float32))


def _tint(region: NDArray[np.float32], share: NDArray[np.float32], colour: NDArray[np.float32]) -> None:
    """Moves float32[H, W, 3], in place, towards a colour by a share of its distance, float32[H, W]."""
    change = _row(colour, region.shape[1]) - region
    change *= cv2.merge([share] * 3)
    region += change


def _row(colour: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """float32[width, 3], one colour: NumPy takes whole rows at a time many times as fast as three values."""
    return np.tile(colour, (width, 1))

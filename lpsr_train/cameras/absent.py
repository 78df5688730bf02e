"""What a crop shows that holds no plate: lettering, grilles, walls, wheels, badges, bare paint, all sorts of things.

The reader learns to know nothing of them. Words are told from plates by their number of characters, since many
typefaces of plates are also those of signs.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, PLATE_LENGTH
from lpsr_train.plates.typefaces import PENS, RASTER_HEIGHT, Typeface, open_raster, paste, skeleton_raster
from lpsr_train.scenes.fittings import emblem, wheel
from lpsr_train.scenes.streets import building, texture
from lpsr_train.scenes.surroundings import FONTS, LETTERS, Picture, put_text, random_colour, surroundings

COUNTS = tuple(n for n in range(1, 15) if n != PLATE_LENGTH)
"""Characters that a word may have."""


def absent_scene(size: tuple[int, int], rng: np.random.Generator, open_typefaces: Sequence[str] = ()) -> Picture:
    """Draw what a crop without a plate may show: float32[H, W, 3] in 0..1.

    Args:
        size: width and height in pixels.
        rng: source of every choice.
        open_typefaces: paths of installed typefaces that words may be set in.
    """
    kind = rng.random()
    if kind < 0.4:
        return _word(size, rng, open_typefaces)
    if kind < 0.52:
        return _stripes(size, rng)
    if kind < 0.62:
        return _bare(size, rng)
    if kind < 0.70:
        picture = _ground(size, rng)
        building(picture, (-10, -10, size[0] + 10, size[1] + 10), rng)
        return np.clip(picture, 0, 1)
    if kind < 0.78:
        picture = _ground(size, rng)
        centre = np.array([size[0] * rng.uniform(0.3, 0.7), size[1] * rng.uniform(0.3, 0.7)])
        emblem(picture, centre, float(rng.uniform(0.2, 0.6)) * size[0], rng)
        return np.clip(picture, 0, 1)
    if kind < 0.86:
        return _wheel(size, rng)
    return surroundings(size, rng)


def _ground(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """One colour with a gradient and a little texture."""
    width, height = size
    picture: Picture = np.empty((height, width, 3), np.float32)
    picture[:] = random_colour(rng)
    if rng.random() < 0.6:
        across = np.linspace(rng.uniform(0.4, 1.4), rng.uniform(0.4, 1.4), width, dtype=np.float32)[None, :, None]
        down = np.linspace(rng.uniform(0.6, 1.2), rng.uniform(0.6, 1.2), height, dtype=np.float32)[:, None, None]
        picture *= across * down
    if rng.random() < 0.5:
        picture *= 1 + np.float32(rng.uniform(0, 0.15)) * texture(width, height, rng)[..., None]
    return np.clip(picture, 0, 1)


def _bare(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Paint, road or sky, perhaps with one edge."""
    picture = _ground(size, rng)
    if rng.random() < 0.4:
        y = int(rng.uniform(0, size[1]))
        tilt = int(rng.normal(0, 0.2 * size[1]))
        ends = np.array([(0, y), (size[0], y + tilt), (size[0], size[1]), (0, size[1])])
        cv2.fillPoly(picture, [ends], random_colour(rng), cv2.LINE_AA)
    return picture


def _stripes(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A grille, a fence or louvres over the whole crop."""
    picture = _ground(size, rng)
    width, height = size
    step = max(int(np.exp(rng.uniform(np.log(0.02), np.log(0.25))) * width), 3)
    thick = max(int(step * rng.uniform(0.15, 0.7)), 1)
    colour, tilt, ways = random_colour(rng), float(rng.normal(0, 0.08)), rng.random()
    if ways < 0.65:
        for x in range(-height, width + height, step):
            ends = (x, 0), (int(x + tilt * height), height)
            cv2.line(picture, *ends, colour, thick, cv2.LINE_AA)
    if ways > 0.4:
        for y in range(-width // 4, height + width // 4, step):
            ends = (0, y), (width, int(y + tilt * width))
            cv2.line(picture, *ends, colour, thick, cv2.LINE_AA)
    return picture


def _wheel(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A tyre with a rim and its spokes, whole or in part."""
    picture = _ground(size, rng)
    width, height = size
    centre = int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height)
    radius = int(rng.uniform(0.4, 1.4) * height)
    wheel(picture, centre, (radius, radius), rng)
    return picture


def _word(size: tuple[int, int], rng: np.random.Generator, open_typefaces: Sequence[str]) -> Picture:
    """One or two lines of a sign, a lorry, a shop or a badge, none of as many characters as a plate."""
    picture = _ground(size, rng)
    width, height = size
    colour = random_colour(rng)
    lines = 1 if rng.random() < 0.8 else 2
    for line in range(lines):
        count = int(rng.choice(COUNTS))
        middle = height * (line + 0.5) / lines + float(rng.normal(0, 0.05)) * height
        tall = float(rng.uniform(0.3, 0.75)) * height / lines
        long = min(float(rng.uniform(0.5, 1.1)) * width, count * tall * 1.3)
        left = (width - long) / 2 + float(rng.normal(0, 0.06)) * width
        _line(picture, count, (left, middle), (long, tall), colour, rng, open_typefaces)
    return picture


def _line(
    picture: Picture,
    count: int,
    start: tuple[float, float],
    size: tuple[float, float],
    colour: tuple[float, float, float],
    rng: np.random.Generator,
    open_typefaces: Sequence[str],
) -> None:
    """Write characters from a left end at a middle height, over a width and height in pixels."""
    (left, middle), (long, tall) = start, size
    if rng.random() < 0.4:
        text = "".join(LETTERS[i] for i in rng.integers(0, len(LETTERS), count))
        font, thick = int(rng.choice(FONTS)), int(rng.integers(1, 5))
        (wide, high), _ = cv2.getTextSize(text, font, 1.0, thick)
        scale = min(long / wide, tall / high)
        put_text(picture, text, (int(left), int(middle + tall / 2)), font, scale, colour, max(round(thick * scale), 1))
        return
    ink: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    typeface: Typeface = "fe" if rng.random() < 0.5 else "mandatory"
    pen, path = int(rng.integers(PENS)), None
    if open_typefaces and rng.random() < 0.5:
        path = str(rng.choice(list(open_typefaces)))
    pitch = long / count
    for k, i in enumerate(rng.integers(0, len(ALPHABET), count)):
        raster = open_raster(path, ALPHABET[i]) if path else skeleton_raster(typeface, pen, ALPHABET[i])
        wide = min(raster.shape[1] * tall / RASTER_HEIGHT, 0.92 * pitch)
        paste(ink, raster, (left + (k + 0.5) * pitch, middle), (wide, tall))
    cover = ink[..., None].astype(np.float32) / np.float32(255)
    picture *= 1 - cover
    picture += cover * np.array(colour, np.float32)

"""What a crop shows that holds no plate: lettering, grilles, walls, wheels, badges, bare paint, all sorts of things.

The reader learns to know nothing of them, and to tell them from plates.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lpsr_train.cameras.lettering import draw_words
from lpsr_train.scenes.fittings import emblem, wheel
from lpsr_train.scenes.streets import building, texture
from lpsr_train.scenes.surroundings import Picture, random_colour, surroundings

KINDS = {
    "words": 0.5,
    "stripes": 0.1,
    "bare": 0.08,
    "building": 0.07,
    "badge": 0.07,
    "wheel": 0.06,
    "surroundings": 0.12,
}
"""What there may be, and how often; `stripes` are grilles, fences and louvres."""


def absent_scene(
    size: tuple[int, int], rng: np.random.Generator, typefaces: Sequence[str] = (), kind: str | None = None
) -> Picture:
    """Draw what a crop without a plate may show: float32[H, W, 3] in 0..1.

    Args:
        size: width and height in pixels.
        rng: source of every choice.
        typefaces: paths of installed typefaces that words may be set in.
        kind: one of KINDS; drawn when None.
    """
    if kind is None:
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind == "surroundings":
        return surroundings(size, rng)
    picture = _ground(size, rng)
    if kind == "words":
        draw_words(picture, rng, typefaces)
    elif kind == "building":  # a wall with windows
        building(picture, (-10, -10, size[0] + 10, size[1] + 10), rng)
    elif kind == "badge":
        centre = np.array([size[0] * rng.uniform(0.3, 0.7), size[1] * rng.uniform(0.3, 0.7)])
        emblem(picture, centre, float(rng.uniform(0.2, 0.6)) * size[0], rng)
    else:
        {"stripes": _stripes, "bare": _edge, "wheel": _wheel}[kind](picture, rng)
    return np.clip(picture, 0, 1, out=picture)


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


def _edge(picture: Picture, rng: np.random.Generator) -> None:
    """Perhaps one edge in paint, road or sky."""
    if rng.random() < 0.4:
        height, width = picture.shape[:2]
        y = int(rng.uniform(0, height))
        tilt = int(rng.normal(0, 0.2 * height))
        ends = np.array([(0, y), (width, y + tilt), (width, height), (0, height)])
        cv2.fillPoly(picture, [ends], random_colour(rng), cv2.LINE_AA)


def _stripes(picture: Picture, rng: np.random.Generator) -> None:
    """A grille, a fence or louvres over the whole crop."""
    height, width = picture.shape[:2]
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


def _wheel(picture: Picture, rng: np.random.Generator) -> None:
    """A tyre with a rim and its spokes, whole or in part."""
    height, width = picture.shape[:2]
    centre = int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height)
    radius = int(rng.uniform(0.4, 1.4) * height)
    wheel(picture, centre, (radius, radius), rng)

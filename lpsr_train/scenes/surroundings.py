"""Surroundings that look like a photograph to a small network, without being one.

Natural pictures are objects of all sizes that hide each other, so their contrasts follow a power law; the dead-leaves
model (Lee, Mumford and Huang, 2001) draws just that. On top come what plates are mistaken for: lettering, grids,
fences, stripes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz.-:&!/"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)


def surroundings(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Draw a scene without plates of a width and height in pixels: float32[H, W, 3] in 0..1."""
    picture = _leaves(size, rng)
    for _ in range(rng.poisson(0.8)):
        _grid(picture, rng)
    if rng.random() < 0.35:
        _foliage(picture, rng)
    for _ in range(rng.poisson(2.5)):
        lettering(picture, rng)
    texture = cv2.merge([_noise(size, rng)] * 3)
    picture *= 1 + np.float32(rng.uniform(0, 0.35)) * texture
    return np.clip(picture, 0, 1, out=picture)


def random_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Mostly greys, as streets are."""
    level = rng.beta(1.1, 1.3)
    spread = 0.03 if rng.random() < 0.6 else 0.2
    red, green, blue = np.clip(level + rng.normal(0, spread, 3), 0, 1)
    return float(red), float(green), float(blue)


def lettering(picture: Picture, rng: np.random.Generator) -> None:
    """Writes a line of a sign, a shop or a sticker, on its ground or on a board of its own."""
    height, width = picture.shape[:2]
    # Seven characters on a board of a plate's shape would be a plate.
    board = rng.random() < 0.5
    count = int(rng.choice([2, 3, 4, 5, 9, 10, 12, 14] if board else [3, 4, 5, 6, 7, 8, 9, 11]))
    text = "".join(LETTERS[i] for i in rng.integers(0, len(LETTERS), count))
    scale = float(np.exp(rng.uniform(np.log(0.25), np.log(1.8))))
    thick = max(1, round(scale * rng.uniform(1, 3)))
    font = int(rng.choice(FONTS))
    (wide, tall), _ = cv2.getTextSize(text, font, scale, thick)
    x, y = int(rng.integers(-wide // 2, width)), int(rng.integers(0, height + tall))
    if board:
        margin = int(tall * rng.uniform(0.2, 0.8))
        corners = (x - margin, y - tall - margin), (x + wide + margin, y + margin)
        cv2.rectangle(picture, *corners, random_colour(rng), -1)
    put_text(picture, text, (x, y), font, scale, random_colour(rng), thick)


def put_text(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    font: int,
    scale: float,
    colour: tuple[float, float, float],
    thick: int,
) -> None:
    """OpenCV's putText for pictures of floats, which it does not take."""
    (wide, tall), below = cv2.getTextSize(text, font, scale, thick)
    edge = thick + 2
    mask: NDArray[np.uint8] = np.zeros((tall + below + 2 * edge, wide + 2 * edge), np.uint8)
    cv2.putText(mask, text, (edge, tall + edge), font, scale, 255, thick, cv2.LINE_AA)
    height, width = picture.shape[:2]
    left, top = place[0] - edge, place[1] - tall - edge
    x, y, u, v = max(left, 0), max(top, 0), min(left + mask.shape[1], width), min(top + mask.shape[0], height)
    if x >= u or y >= v:
        return
    cover = mask[y - top : v - top, x - left : u - left, None].astype(np.float32) / np.float32(255)
    part = picture[y:v, x:u]
    part *= 1 - cover
    part += cover * np.array(colour, np.float32)


def _leaves(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    width, height = size
    picture: Picture = np.empty((height, width, 3), np.float32)
    picture[:] = random_colour(rng)
    if rng.random() < 0.8:  # ground and sky, or wall
        ramp = np.linspace(rng.uniform(0.2, 1), rng.uniform(0.2, 1), height, dtype=np.float32)
        picture *= ramp[:, None, None]
    count = int(rng.integers(40, 260))
    smallest, longest = float(rng.uniform(2, 8)), 0.9 * max(size)
    # Densities between r^-3, which is nature's and shows mostly ground, and r^-1; the largest often come first.
    share = rng.random(count)
    steep = rng.uniform(0.2, 2.0)
    radii = smallest * (1 - share * (1 - (smallest / longest) ** steep)) ** (-1 / steep)
    radii = np.sort(radii)[::-1] if rng.random() < 0.7 else radii
    centres = rng.uniform([0, 0], [width, height], (count, 2))
    for radius, centre in zip(radii, centres, strict=True):
        colour = random_colour(rng)
        kind = rng.random()
        angle = 0.0 if rng.random() < 0.5 else float(rng.uniform(0, 180))
        sides = radius * np.exp(rng.normal(0, 0.5, 2))
        if kind < 0.45:
            box = cv2.boxPoints(((float(centre[0]), float(centre[1])), (float(sides[0]), float(sides[1])), angle))
            cv2.fillPoly(picture, [box.astype(np.int32)], colour, cv2.LINE_AA)
        elif kind < 0.75:
            axes = max(int(sides[0] / 2), 1), max(int(sides[1] / 2), 1)
            cv2.ellipse(picture, (int(centre[0]), int(centre[1])), axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            corners = centre + rng.normal(0, radius / 2, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    for _ in range(rng.poisson(4)):
        ends = rng.uniform([0, 0], [width, height], (2, 2)).astype(int)
        thick = int(rng.integers(1, 4))
        cv2.line(picture, tuple(ends[0].tolist()), tuple(ends[1].tolist()), random_colour(rng), thick, cv2.LINE_AA)
    return picture


def _grid(picture: Picture, rng: np.random.Generator) -> None:
    """Stripes one way or both: a grille, a fence, bricks, a zebra crossing."""
    height, width = picture.shape[:2]
    wide, tall = (int(v) for v in rng.uniform(0.08, 0.7, 2) * [width, height])
    left, top = int(rng.uniform(-0.2, 0.9) * width), int(rng.uniform(-0.2, 0.9) * height)
    right, bottom = left + wide, top + tall
    step = int(np.exp(rng.uniform(np.log(3), np.log(30))))
    thick = max(1, int(step * rng.uniform(0.15, 0.6)))
    colour = random_colour(rng)
    if rng.random() < 0.6:
        cv2.rectangle(picture, (left, top), (right, bottom), random_colour(rng), -1)
    both = rng.random()
    if both < 0.7:
        for y in range(top, bottom, step):
            cv2.line(picture, (left, y), (right, y), colour, thick)
    if both > 0.4:
        for x in range(left, right, step):
            cv2.line(picture, (x, top), (x, bottom), colour, thick)


def _foliage(picture: Picture, rng: np.random.Generator) -> None:
    """A patch of fine contrasts without order: leaves, gravel, a crowd."""
    height, width = picture.shape[:2]
    fine, coarse = float(rng.uniform(0.8, 4)), float(rng.uniform(15, 60))
    grain = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), fine)
    grain = grain / max(float(grain.std()), 1e-6)  # type: ignore[assignment]
    where = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), coarse)
    cover = np.clip((where / max(float(where.std()), 1e-6) - rng.uniform(-0.3, 1.0)) * 3, 0, 1)
    patch = np.clip(rng.uniform(0.1, 0.6) + rng.uniform(0.05, 0.3) * grain, 0, 1)[..., None]
    colour = np.array(random_colour(rng), np.float32) + np.float32(0.3)
    cover = cover[..., None].astype(np.float32)
    picture *= 1 - cover
    picture += cover * (patch * colour).astype(np.float32)


def _noise(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Texture of all sizes, mean 0 and about 1 large."""
    width, height = size
    total: Picture = np.zeros((height, width), np.float32)
    weight = 1.0
    for cells in (4, 9, 20, 45, 100):
        shape = max(height * cells // width, 1), cells
        grain = rng.standard_normal(shape, np.float32)
        total += np.float32(weight) * cv2.resize(grain, size, interpolation=cv2.INTER_LINEAR)
        weight *= rng.uniform(0.5, 0.9)
    return total / np.float32(1.6)

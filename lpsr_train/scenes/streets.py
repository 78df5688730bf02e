"""Where vehicles stand: streets with buildings, trees and lanes, yards before a wall, garages."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_train.scenes.surroundings import Picture, lettering, random_colour

_TILES, _TILE = 6, 512


@cache
def _tile(index: int) -> NDArray[np.float32]:
    """A texture, float32[512, 512], mean 0 and about 1 large; made once, since noise is dear."""
    rng = np.random.default_rng([index, 0x7E])
    total = np.zeros((_TILE, _TILE), np.float32)
    for power in range(7):
        grain = rng.standard_normal((2 << power, 2 << power), np.float32)
        weight = np.float32(rng.uniform(0.5, 1.0) * (0.8**power if index % 2 else 0.9 ** (6 - power)))
        total += weight * cv2.resize(grain, (_TILE, _TILE), interpolation=cv2.INTER_LINEAR)
    if index % 3 == 0:
        total += 0.6 * rng.standard_normal((_TILE, _TILE), np.float32)
    return total / np.float32(total.std())


def texture(width: int, height: int, rng: np.random.Generator, fineness: float = 1.0) -> NDArray[np.float32]:
    """A piece of texture, float32[height, width], of mean 0 and deviation 1."""
    tile = _tile(int(rng.integers(_TILES)))
    wide, tall = (int(np.clip(side * fineness, 2, _TILE)) for side in (width, height))
    x, y = int(rng.integers(0, _TILE - wide + 1)), int(rng.integers(0, _TILE - tall + 1))
    part = tile[y : y + tall, x : x + wide]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if (wide, tall) == (width, height):
        return part
    return cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def street(picture: Picture, rng: np.random.Generator) -> float:
    """Draw a place with a ground over the whole picture; returns the row of the horizon."""
    height, width = picture.shape[:2]
    horizon = int(rng.uniform(-0.2, 0.55) * height)
    if horizon > 0:
        _sky(picture[:horizon], rng)
        for _ in range(int(rng.integers(0, 4))):
            left = int(rng.uniform(-0.3, 0.9) * width)
            right = left + int(rng.uniform(0.2, 1.2) * width)
            top = horizon - int(rng.uniform(0.2, 1.2) * horizon)
            building(picture, (left, top, right, horizon + int(rng.uniform(0, 0.08) * height)), rng)
        for _ in range(rng.poisson(1.2)):
            middle = (float(rng.uniform(0, width)), horizon - rng.uniform(0, 0.5) * horizon)
            vegetation(picture, middle, float(rng.uniform(0.06, 0.35)) * width, rng)
    _ground(picture[max(horizon, 0) :], rng)
    _markings(picture, horizon, rng)
    if horizon > 0 and rng.random() < 0.4:
        _fence(picture, horizon, rng)
    for _ in range(rng.poisson(0.7)):
        lettering(picture, rng)
    return float(horizon)


def wall(picture: Picture, rng: np.random.Generator) -> float:
    """Draws a wall with a floor before it; returns the row in which they meet."""
    height, width = picture.shape[:2]
    foot = int(rng.uniform(0.3, 1.1) * height)
    building(picture, (-10, -10, width + 10, min(foot, height)), rng)
    if foot < height:
        _ground(picture[foot:], rng)
        if rng.random() < 0.4:
            _tiles(picture, foot, rng)
    if rng.random() < 0.4:
        vegetation(picture, (rng.uniform(0, width), float(foot)), float(rng.uniform(0.1, 0.4)) * width, rng)
    for _ in range(rng.poisson(1.5)):
        lettering(picture, rng)
    return float(foot)


def building(picture: Picture, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    """A front of brick, plaster, boards or sheet metal with windows, in a box of left, top, right and bottom."""
    height, width = picture.shape[:2]
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    if right - left < 4 or bottom - top < 4:
        return
    part = picture[top:bottom, left:right]
    tall, wide = part.shape[:2]
    part[:] = np.array(random_colour(rng), np.float32)
    part *= 1 + np.float32(rng.uniform(0.02, 0.2)) * texture(wide, tall, rng)[..., None]
    kind = rng.random()
    step = max(int(np.exp(rng.uniform(np.log(4), np.log(30)))), 3)
    joint = tuple(float(c) for c in np.clip(np.array(random_colour(rng)), 0, 1))
    if kind < 0.4:  # bricks
        for row, y in enumerate(range(top, bottom, step)):
            cv2.line(picture, (left, y), (right - 1, y), joint, 1)
            for x in range(left + (row % 2) * step, right, 2 * step):
                cv2.line(picture, (x, y), (x, min(y + step, bottom - 1)), joint, 1)
    elif kind < 0.6:  # boards or sheet metal
        for x in range(left, right, step):
            cv2.line(picture, (x, top), (x, bottom - 1), joint, 1)
    elif kind < 0.7:
        for y in range(top, bottom, step):
            cv2.line(picture, (left, y), (right - 1, y), joint, 1)
    if rng.random() < 0.6:  # windows
        across, down = rng.uniform(0.06, 0.3) * wide, rng.uniform(0.1, 0.35) * tall
        gap_x, gap_y = across * rng.uniform(1.15, 2.5), down * rng.uniform(1.2, 2.2)
        glass = tuple(float(c) for c in np.array(random_colour(rng)) * rng.uniform(0.3, 1))
        rim = random_colour(rng)
        for y in np.arange(top + 0.4 * down, bottom - down, max(gap_y, 3)):
            for x in np.arange(left + 0.3 * across, right - across, max(gap_x, 3)):
                ends = (int(x), int(y)), (int(x + across), int(y + down))
                cv2.rectangle(picture, *ends, glass, -1)
                cv2.rectangle(picture, *ends, rim, max(int(0.06 * across), 1))


def vegetation(picture: Picture, centre: tuple[float, float], radius: float, rng: np.random.Generator) -> None:
    """A tree's crown, a hedge or a bush: many leaves in greens and browns, lit from above."""
    hue = np.array([rng.uniform(0.1, 0.45), rng.uniform(0.25, 0.6), rng.uniform(0.05, 0.25)])
    if rng.random() < 0.25:
        hue = np.array([rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.3)])
    leaves = int(rng.integers(60, 260))
    offsets = rng.normal(0, [0.5, rng.uniform(0.25, 0.5)], (leaves, 2))
    sizes = radius * np.exp(rng.normal(np.log(0.09), 0.5, leaves))
    tones = np.clip(rng.uniform(0.5, 1.2) - 0.5 * offsets[:, 1] + rng.normal(0, 0.25, leaves), 0.05, 1.8)
    angles = rng.uniform(0, 180, leaves)
    for (dx, dy), size, tone, angle in zip(offsets, sizes, tones, angles, strict=True):
        red, green, blue = np.minimum(hue * tone, 1).tolist()
        place = int(centre[0] + dx * radius), int(centre[1] + dy * radius)
        cv2.ellipse(picture, place, (max(int(size), 1), max(int(0.6 * size), 1)), angle, 0, 360, (red, green, blue), -1)


def _sky(part: Picture, rng: np.random.Generator) -> None:
    height, width = part.shape[:2]
    high, low = np.array([0.35, 0.55, 0.85]), np.array([0.8, 0.87, 0.95])
    if rng.random() < 0.5:
        high = low = np.full(3, rng.uniform(0.5, 0.98))
    ramp = np.linspace(0, 1, height)[:, None]
    part[:] = ((1 - ramp) * high + ramp * low).astype(np.float32)[:, None]
    if rng.random() < 0.5:
        clouds = np.clip(texture(width, height, rng, 0.3), 0, 2)[..., None]
        part += np.float32(rng.uniform(0.05, 0.3)) * clouds


def _ground(part: Picture, rng: np.random.Generator) -> None:
    height, width = part.shape[:2]
    if height < 1:
        return
    grey = rng.uniform(0.15, 0.75)
    colour = np.clip(grey + rng.normal(0, 0.02, 3), 0, 1)
    if rng.random() < 0.2:  # grass, earth
        colour = np.array([rng.uniform(0.2, 0.55), rng.uniform(0.3, 0.5), rng.uniform(0.1, 0.3)])
    part[:] = colour.astype(np.float32)
    ramp = np.linspace(rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.3), height, dtype=np.float32)
    part *= ramp[:, None, None]
    part *= 1 + np.float32(rng.uniform(0.03, 0.25)) * texture(width, height, rng, float(rng.uniform(0.4, 1)))[..., None]


def _markings(picture: Picture, horizon: float, rng: np.random.Generator) -> None:
    """Lanes and kerbs that run to a vanishing point, and strips across."""
    height, width = picture.shape[:2]
    far = np.array([rng.uniform(-0.5, 1.5) * width, horizon - rng.uniform(0, 0.2) * height])
    for _ in range(rng.poisson(2.0)):
        near = np.array([rng.uniform(-1, 2) * width, height * 1.1])
        broad = rng.uniform(0.005, 0.06) * width
        start, stop = np.sort(rng.uniform(0.1, 1.0, 2))
        ends = [far + start * (near - far), far + stop * (near - far)]
        shape = np.array(
            [
                ends[0] - [start * broad, 0],
                ends[0] + [start * broad, 0],
                ends[1] + [stop * broad, 0],
                ends[1] - [stop * broad, 0],
            ]
        )
        if shape[:, 1].min() < horizon:
            continue
        white, yellow = (0.85, 0.85, 0.83), (0.85, 0.65, 0.1)
        colour = white if rng.random() < 0.5 else yellow if rng.random() < 0.6 else random_colour(rng)
        cv2.fillPoly(picture, [shape.astype(np.int32)], colour, cv2.LINE_AA)


def _tiles(picture: Picture, top: int, rng: np.random.Generator) -> None:
    """Joints of a tiled floor in perspective."""
    height, width = picture.shape[:2]
    colour = random_colour(rng)
    middle = rng.uniform(0, width)
    for x in np.linspace(-2 * width, 3 * width, int(rng.integers(10, 40))):
        cv2.line(picture, (int(middle + 0.3 * (x - middle)), top), (int(x), height), colour, 1, cv2.LINE_AA)
    for share in np.linspace(0.05, 1, int(rng.integers(4, 12))) ** 1.7:
        y = int(top + share * (height - top))
        cv2.line(picture, (0, y), (width, y), colour, 1)


def _fence(picture: Picture, horizon: float, rng: np.random.Generator) -> None:
    """Posts with two rails, from the horizon upwards."""
    height, width = picture.shape[:2]
    tall = rng.uniform(0.06, 0.35) * height
    low = int(horizon + rng.uniform(0, 0.06) * height)
    top = int(low - tall)
    colour = random_colour(rng)
    step = max(int(rng.uniform(0.012, 0.06) * width), 3)
    thick = max(step // int(rng.integers(3, 6)), 1)
    for x in range(int(rng.integers(0, step)), width, step):
        cv2.line(picture, (x, top), (x, low), colour, thick)
    for y in (top + int(0.1 * tall), low - int(0.1 * tall)):
        cv2.line(picture, (0, y), (width, y), colour, thick)

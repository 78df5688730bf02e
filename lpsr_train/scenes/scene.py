"""Scenes: surroundings, vehicles, plates in perspective, and what light and camera make of it all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.degradation import jpeg, to_uint8
from lpsr_core.geometry import Image
from lpsr_train.plates.face import Face, draw_face, plate_size
from lpsr_train.plates.photograph import light
from lpsr_train.plates.style import random_style
from lpsr_train.plates.world import draw_world_plate
from lpsr_train.scenes.fittings import emblem
from lpsr_train.scenes.streets import street, texture, vegetation, wall
from lpsr_train.scenes.surroundings import Picture, put_text, random_colour, surroundings
from lpsr_train.scenes.vehicle import draw_vehicle


@dataclass(frozen=True)
class SceneSource:
    """What is rendered.

    Attributes:
        size: width and height of a scene in pixels.
        narrowest, widest: of its plates, in pixels; drawn evenly in proportion.
        empty: share of scenes without a plate.
        bare: share of plates without a vehicle around them.
        motorcycles: share of Brazilian and Mercosur plates of two rows.
        world: share of plates of other countries, which are drawn to be found and not to be read.
        open_typefaces: paths of installed typefaces that widen the variety.
        open_share: how often one replaces the project's own skeletons.
    """

    size: tuple[int, int] = (416, 416)
    narrowest: float = 16
    widest: float = 300
    empty: float = 0.08
    bare: float = 0.15
    motorcycles: float = 0.12
    world: float = 0.62
    open_typefaces: tuple[str, ...] = ()
    open_share: float = 0.3


MOST = 6
"""Plates in a scene."""
_HIDDEN = 0.4
"""Share of a plate that may be hidden; a plate of which less can be seen is none."""


@dataclass(frozen=True)
class Scene:
    """A picture, uint8[H, W, 3], and the corners of its plates, float32[N, 4, 2] in pixels: clockwise from the top
    left as one reads. A plate may be cut by the border."""

    image: Image
    quads: NDArray[np.float32]


def render_scene(source: SceneSource, seed: int, index: int) -> Scene:
    """Renders one scene; the same source, seed and index give the same bytes, in any order and process."""
    rng = np.random.default_rng([seed, index, 0x5C])
    width, height = source.size
    picture, horizon = _place(source.size, rng)
    night = rng.random() < 0.14
    wanted = 0 if rng.random() < source.empty else 1 + int(rng.choice(6, p=[0.3, 0.22, 0.16, 0.14, 0.1, 0.08]))
    places: list[tuple[NDArray[np.float64], float]] = []
    for _ in range(wanted):
        plate = float(np.exp(rng.uniform(np.log(source.narrowest), np.log(source.widest))))
        low = 0.02 * height if horizon < 0 or rng.random() < 0.3 else min(max(horizon, 0.02 * height), 0.9 * height)
        centre = rng.uniform([0.02 * width, low], [0.98 * width, 0.98 * height])
        if all(np.abs(other - centre).max() > 0.7 * (plate + other_width) for other, other_width in places):
            places.append((centre, plate))
    for _ in range(rng.poisson(0.5)):  # vehicles whose plate cannot be seen
        spot = rng.uniform([0, max(horizon, 0)], [width, max(height, horizon + 1)])
        draw_vehicle(picture, spot, float(np.exp(rng.uniform(np.log(14), np.log(90)))), rng, 450.0)
    for _ in range(rng.poisson(0.9)):
        size = float(np.exp(rng.uniform(np.log(4), np.log(90))))
        emblem(picture, rng.uniform([0, 0], [width, height]), size, rng)
    put: list[_Put] = []
    for centre, plate in sorted(places, key=lambda place: place[1]):  # the near ones hide the far ones
        put.append(_put_plate(picture, centre, plate, source, night, rng))
    for _ in range(rng.poisson(0.25)):
        _hide(picture, rng)
    quads = [each.corners for each in put if _hidden(picture, each) <= _HIDDEN][:MOST]
    return Scene(_photograph(picture, night, rng), np.array(quads, np.float32).reshape(-1, 4, 2))


@dataclass(frozen=True)
class _Put:
    """A plate that was put into a picture: its corners, the part of the picture around it as it was then, where that
    part begins, and how much of each of its pixels is the plate's."""

    corners: NDArray[np.float64]
    part: Picture
    origin: tuple[int, int]
    cover: NDArray[np.float32]


def _place(size: tuple[int, int], rng: np.random.Generator) -> tuple[Picture, float]:
    """Surroundings, and from which row on vehicles stand."""
    kind = rng.random()
    if kind < 0.28:
        return surroundings(size, rng), -1.0
    picture: Picture = np.empty((size[1], size[0], 3), np.float32)
    horizon = street(picture, rng) if kind < 0.78 else wall(picture, rng)
    return np.clip(picture, 0, 1, out=picture), horizon


def _put_plate(
    picture: Picture,
    centre: NDArray[np.float64],
    width: float,
    source: SceneSource,
    night: bool,
    rng: np.random.Generator,
) -> _Put:
    face, across, frame = _draw_plate(width, source, rng)
    sides = np.ptp(face.corners, axis=0)
    if sides[0] < 1.8 * sides[1]:
        width = width * 0.62
    height = width * float(sides[1] / sides[0])
    if rng.random() >= source.bare:
        draw_vehicle(picture, centre, width, rng, across, across * height / width)
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    angle = np.deg2rad(rng.normal(0, 4) if rng.random() < 0.85 else rng.uniform(-30, 30))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    narrowed = rng.uniform(0.8, 1.0) if rng.random() < 0.85 else rng.uniform(0.45, 0.8)
    lean = np.array([[narrowed, rng.normal(0, 0.06)], [rng.normal(0, 0.06), rng.normal(1, 0.06)]])
    corners = corners @ (turn @ lean).T + rng.normal(0, 0.008 * width, (4, 2)) + centre
    # The plate with its frame, where it has one, and none of what is drawn behind it.
    side, above, below = frame
    grown = face.corners + np.array([[-side, -above], [side, -above], [side, below], [-side, below]], np.float32)
    mask = np.zeros(face.picture.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(grown).astype(np.int32)], 1.0, cv2.LINE_AA)
    shrink = width / max(float(sides[0]), 1.0)
    drawn = face.picture
    if shrink < 0.7:
        drawn = cv2.GaussianBlur(drawn, (0, 0), 0.4 / shrink)  # type: ignore[assignment]
        mask = cv2.GaussianBlur(mask, (0, 0), 0.4 / shrink)  # type: ignore[assignment]
    matrix = cv2.getPerspectiveTransform(face.corners, corners.astype(np.float32))
    around = cv2.perspectiveTransform(grown[None], matrix)[0]
    bounds = np.array([picture.shape[1], picture.shape[0]])
    low = np.clip(np.floor(around.min(axis=0)).astype(int) - 2, 0, bounds - 1)
    high = np.clip(np.ceil(around.max(axis=0)).astype(int) + 2, low + 1, bounds)
    moved = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], np.float64) @ matrix
    size = int(high[0] - low[0]), int(high[1] - low[1])
    plate = cv2.warpPerspective(drawn, moved, size, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(mask, moved, size, flags=cv2.INTER_LINEAR)
    # At night what shines back is the plate.
    tone = np.float32(rng.uniform(1.0, 3.5) if night else rng.uniform(0.55, 1.15))
    part = picture[low[1] : high[1], low[0] : high[0]]
    part += cover[..., None] * (np.clip(plate * tone, 0, 1.6 if night else 1) - part)
    return _Put(corners, part.copy(), (int(low[0]), int(low[1])), np.asarray(cover, np.float32))


def _draw_plate(
    width: float, source: SceneSource, rng: np.random.Generator
) -> tuple[Face, float, tuple[float, float, float]]:
    """A plate's face, its width in millimetres, and how far its frame reaches: left and right, above, below."""
    if rng.random() < source.world:
        drawn = draw_world_plate(width, source.open_typefaces, rng)
        return drawn.face, drawn.across, drawn.frame
    style = random_style(
        rng,
        country="brazilian" if rng.random() < 0.5 else "mercosur",
        open_typefaces=source.open_typefaces,
        open_share=source.open_share,
        motorcycles=source.motorcycles,
    )
    across, _ = plate_size(style)
    scale = float(np.clip(1.3 * width / across, 0.3, 1.0))
    reach = 9.0 * scale if style.frame else 0.0
    return draw_face(style, scale, rng), across, (reach, reach, reach)


def _hide(picture: Picture, rng: np.random.Generator) -> None:
    """Something before everything: a pole, a wire, a tow bar, leaves."""
    height, width = picture.shape[:2]
    x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
    kind = rng.random()
    colour = random_colour(rng)
    if kind < 0.5:
        lean = int(rng.normal(0, 0.1 * width))
        cv2.line(picture, (x, 0), (x + lean, height), colour, int(rng.integers(1, 14)), cv2.LINE_AA)
    elif kind < 0.7:
        cv2.circle(picture, (x, y), int(rng.uniform(2, 30)), colour, -1, cv2.LINE_AA)
    else:
        vegetation(picture, (float(x), float(y)), float(rng.uniform(0.05, 0.3)) * width, rng)


def _hidden(picture: Picture, put: _Put) -> float:
    """Share of a plate over which something was drawn afterwards."""
    x, y = put.origin
    now = picture[y : y + put.part.shape[0], x : x + put.part.shape[1]]
    changed = (np.abs(now - put.part).max(axis=2) > 0.02) & (put.cover > 0.5)
    return float(changed.sum()) / max(float((put.cover > 0.5).sum()), 1.0)


def _photograph(picture: Picture, night: bool, rng: np.random.Generator) -> Image:
    """Light, lens, motion, sensor, tone, compression, and what a recorder writes over the picture."""
    height, width = picture.shape[:2]
    lit = light(picture, rng)
    if night:
        lit *= np.float32(rng.uniform(0.3, 0.9))
        for _ in range(rng.poisson(1.0)):  # lamps into the lens
            x = np.arange(width, dtype=np.float32) - np.float32(rng.uniform(0, width))
            y = np.arange(height, dtype=np.float32)[:, None] - np.float32(rng.uniform(0, height))
            reach = np.float32(np.exp(rng.uniform(np.log(4), np.log(60))))
            lit += (np.float32(rng.uniform(0.5, 2)) * np.exp(-np.sqrt(x * x + y * y) / reach))[..., None]
    gain, gamma = float(rng.uniform(0.8, 1.4)), np.float32(rng.uniform(0.7, 1.3))
    if not night and rng.random() < 0.75:  # cameras expose by themselves
        gain = float(rng.uniform(0.3, 0.65)) / max(float(lit[::4, ::4].mean()), 0.05)
    lit *= np.float32(gain)
    np.clip(lit, 0, 1, out=lit)
    cv2.pow(lit, float(gamma), lit)
    if rng.random() < 0.12:  # haze, a dirty pane, light into the lens
        veil = np.float32(rng.uniform(0.1, 0.6))
        lit *= 1 - veil
        lit += veil * np.float32(rng.uniform(0.4, 1.0))
    lit *= 255
    sigma = float(abs(rng.normal(0, 0.8)))
    if sigma > 0.3:
        lit = cv2.GaussianBlur(lit, (0, 0), sigma)  # type: ignore[assignment]
    if rng.random() < 0.1:
        length = int(rng.integers(2, 8))
        lit = cv2.blur(lit, (length, 1) if rng.random() < 0.7 else (1, length))  # type: ignore[assignment]
    amount = abs(rng.normal(0, 3.5)) * (2 if night else 1)
    if amount > 1:
        grain = texture(width, height, rng, float(rng.uniform(0.5, 1.0)))
        rough = grain - cv2.GaussianBlur(grain, (0, 0), 2.0)
        lit += np.float32(amount) * (rough / np.float32(max(float(rough.std()), 1e-6)))[..., None]
    if rng.random() < 0.3:
        lit = lit + np.float32(rng.uniform(0.3, 1.2)) * (lit - cv2.GaussianBlur(lit, (0, 0), 1.2))
    if rng.random() < (0.5 if night else 0.06):  # infrared and monochrome cameras
        lit = cv2.merge([lit.mean(axis=2)] * 3)
    if rng.random() < 0.1:
        _stamp(lit, rng)
    image = to_uint8(lit)
    return jpeg(image, int(rng.integers(30, 96))) if rng.random() < 0.75 else image


def _stamp(lit: Picture, rng: np.random.Generator) -> None:
    """The date or the name that a recorder writes into a corner."""
    height, width = lit.shape[:2]
    digits = "".join("0123456789"[i] for i in rng.integers(0, 10, 14))
    text = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}:{digits[12:]}"
    scale = float(rng.uniform(0.3, 0.9))
    place = int(rng.uniform(0, 0.4) * width), int(height * (0.06 if rng.random() < 0.5 else 0.97))
    put_text(lit, text, (place[0] + 1, place[1] + 1), cv2.FONT_HERSHEY_SIMPLEX, scale, (0.0,) * 3, 2)
    put_text(lit, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (float(rng.uniform(200, 255)),) * 3, 1)

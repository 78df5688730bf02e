"""Scenes: surroundings, vehicles, plates in perspective, and what light and camera make of it all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.degradation import jpeg, to_uint8
from lpsr_core.geometry import Image
from lpsr_train.plates.face import draw_face, plate_size
from lpsr_train.plates.photograph import light
from lpsr_train.plates.style import random_style
from lpsr_train.scenes.surroundings import Picture, lettering, surroundings
from lpsr_train.scenes.vehicle import draw_vehicle, emblem


@dataclass(frozen=True)
class SceneSource:
    """What is rendered.

    Attributes:
        size: width and height of a scene in pixels.
        narrowest, widest: of its plates, in pixels; drawn evenly in proportion.
        empty: share of scenes without a plate.
        bare: share of plates without a vehicle around them.
        motorcycles: share of plates of two rows.
        open_typefaces: paths of installed typefaces that widen the variety.
        open_share: how often one replaces the project's own skeletons.
    """

    size: tuple[int, int] = (320, 320)
    narrowest: float = 16
    widest: float = 260
    empty: float = 0.12
    bare: float = 0.3
    motorcycles: float = 0.12
    open_typefaces: tuple[str, ...] = ()
    open_share: float = 0.3


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
    picture = surroundings(source.size, rng)
    places: list[tuple[NDArray[np.float64], float]] = []
    wanted = 0 if rng.random() < source.empty else 1 + int(rng.choice([0, 1, 2, 3], p=[0.6, 0.22, 0.12, 0.06]))
    for _ in range(wanted):
        plate = float(np.exp(rng.uniform(np.log(source.narrowest), np.log(source.widest))))
        centre = rng.uniform([0.02 * width, 0.02 * height], [0.98 * width, 0.98 * height])
        if all(np.abs(other - centre).max() > 0.8 * (plate + other_width) for other, other_width in places):
            places.append((centre, plate))
    for centre, plate in places:
        if rng.random() >= source.bare:
            draw_vehicle(picture, centre, plate, rng)
            if rng.random() < 0.3:
                lettering(picture, rng)
    for _ in range(rng.poisson(0.8)):
        emblem(picture, rng.uniform([0, 0], [width, height]), float(np.exp(rng.uniform(np.log(4), np.log(90)))), rng)
    # Plates last, so that none is hidden: what is told can be seen.
    quads = [_put_plate(picture, centre, plate, source, rng) for centre, plate in places]
    return Scene(_photograph(picture, rng), np.array(quads, np.float32).reshape(-1, 4, 2))


def _put_plate(
    picture: Picture, centre: NDArray[np.float64], width: float, source: SceneSource, rng: np.random.Generator
) -> NDArray[np.float64]:
    style = random_style(
        rng,
        country="brazilian" if rng.random() < 0.5 else "mercosur",
        open_typefaces=source.open_typefaces,
        open_share=source.open_share,
        motorcycles=source.motorcycles,
        pattern=None,
    )
    across, tall = plate_size(style)
    width = width if style.rows == 1 else 0.6 * width
    height = width * tall / across
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    angle = np.deg2rad(rng.normal(0, 5))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lean = np.array([[rng.uniform(0.75, 1.0), rng.normal(0, 0.08)], [rng.normal(0, 0.08), rng.normal(1, 0.06)]])
    corners = corners @ (turn @ lean).T + rng.normal(0, 0.008 * width, (4, 2)) + centre
    face = draw_face(style, float(np.clip(1.3 * width / across, 0.3, 1.0)), rng)
    # The plate with its frame, where it has one, and none of what is drawn behind it.
    middle = face.corners.mean(axis=0)
    grown = middle + (face.corners - middle) * (1 + (0.05 if style.frame else 0.0) * np.array([1, across / tall]))
    mask = np.zeros(face.picture.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(grown).astype(np.int32)], 1.0, cv2.LINE_AA)
    matrix = cv2.getPerspectiveTransform(face.corners, corners.astype(np.float32))
    shrink = width / max(float(np.ptp(face.corners[:, 0])), 1.0)
    drawn = face.picture
    if shrink < 0.7:
        drawn = cv2.GaussianBlur(drawn, (0, 0), 0.4 / shrink)  # type: ignore[assignment]
        mask = cv2.GaussianBlur(mask, (0, 0), 0.4 / shrink)  # type: ignore[assignment]
    size = picture.shape[1], picture.shape[0]
    plate = cv2.warpPerspective(drawn, matrix, size, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    tone = np.float32(rng.uniform(0.6, 1.15))
    picture *= 1 - cover
    picture += cover * np.clip(plate * tone, 0, 1)
    return corners


def _photograph(picture: Picture, rng: np.random.Generator) -> Image:
    """Light, lens, motion, sensor, tone and compression."""
    lit = light(picture, rng)
    gain, gamma = np.float32(rng.uniform(0.8, 1.4)), np.float32(rng.uniform(0.7, 1.3))
    lit *= gain
    np.clip(lit, 0, 1, out=lit)
    np.power(lit, gamma, out=lit)
    lit *= 255
    sigma = float(abs(rng.normal(0, 0.9)))
    if sigma > 0.3:
        lit = cv2.GaussianBlur(lit, (0, 0), sigma)  # type: ignore[assignment]
    if rng.random() < 0.1:
        length = int(rng.integers(2, 8))
        lit = cv2.blur(lit, (length, 1) if rng.random() < 0.7 else (1, length))  # type: ignore[assignment]
    amount = abs(rng.normal(0, 6))
    if amount > 1:
        height, width = lit.shape[:2]
        share = float(rng.uniform(0.5, 1.0))
        grain = rng.standard_normal((max(int(height * share), 1), max(int(width * share), 1), 3), np.float32)
        lit = lit + np.float32(amount) * cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        lit = lit + np.float32(rng.uniform(0.3, 1.2)) * (lit - cv2.GaussianBlur(lit, (0, 0), 1.2))
    if rng.random() < 0.08:  # infrared and monochrome cameras
        lit = cv2.merge([lit.mean(axis=2)] * 3)
    image = to_uint8(lit)
    return jpeg(image, int(rng.integers(35, 96))) if rng.random() < 0.7 else image

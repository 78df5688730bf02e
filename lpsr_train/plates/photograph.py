"""Photographs of a plate: perspective, light, lens and sensor, and how tightly the plate is cut out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.degradation import jpeg, to_uint8
from lpsr_core.geometry import Image
from lpsr_train.plates.face import Face, draw_face, plate_size
from lpsr_train.plates.style import PlateStyle


@dataclass(frozen=True)
class View:
    """How a plate lies in its crop.

    Attributes:
        width: of the plate, in pixels.
        corners: float32[4, 2], where the plate's corners are in the crop, clockwise from the top left.
        size: width and height of the crop in pixels.
    """

    width: float
    corners: NDArray[np.float32]
    size: tuple[int, int]


RECTIFIED = 0.33
"""Share of plates that are cut out rectified and tight, as those of RodoSol are; the others as loose boxes cut them."""


def random_view(style: PlateStyle, rng: np.random.Generator, rectified: float = RECTIFIED) -> View:
    """Draws a view of a plate; `rectified` is the share that is cut out as RodoSol's plates are."""
    plate_width, plate_height = plate_size(style)
    width = float(np.exp(rng.uniform(np.log(105), np.log(430))))
    height = width * plate_height / plate_width
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    if rng.random() < rectified:
        corners += rng.normal(0, 0.008 * width, (4, 2))
        margins = rng.uniform(-0.01, 0.03, 2) * width
    else:
        angle = np.deg2rad(rng.normal(0, 3.2))
        shear = rng.normal(0, 0.05)
        squeeze = rng.normal(1, 0.05)
        centre = corners.mean(axis=0)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        lean = np.array([[1.0, shear], [0.0, squeeze]])
        corners = (corners - centre) @ (turn @ lean).T + centre
        corners += rng.normal(0, 0.012 * width, (4, 2))
        margins = rng.uniform(-0.02, 0.09, 2) * width
    low, high = corners.min(axis=0), corners.max(axis=0)
    if rng.random() < 0.5:
        # Labelled boxes have the plate's ratio whatever its tilt, and are not quite in the middle.
        middle = (low + high) / 2 + rng.normal(0, [0.015 * width, 0.05 * height])
        box_width = width * rng.uniform(0.97, 1.12)
        half = np.array([box_width, box_width * plate_height / plate_width * rng.uniform(0.94, 1.06)]) / 2
        low, high = middle - half, middle + half
    else:
        low, high = low - margins * [1, 0.5], high + margins * [1, 0.5]
    size = (max(round(high[0] - low[0]), 8), max(round(high[1] - low[1]), 4))
    return View(width, (corners - low).astype(np.float32), size)


def photograph(style: PlateStyle, view: View, rng: np.random.Generator) -> Image:
    """Take a sharp, usable photograph of a plate: the HR crop, uint8[H, W, 3] of the view's size.

    Light, lens and noise are drawn.
    """
    plate_width, _ = plate_size(style)
    scale = float(np.clip(1.05 * view.width / plate_width, 0.3, 1.0))
    face: Face = draw_face(style, scale, rng)
    matrix = cv2.getPerspectiveTransform(face.corners, view.corners)
    picture = cv2.warpPerspective(
        face.picture, matrix, view.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    lit = light(picture, rng)  # type: ignore[arg-type]
    return _expose(lit, view, rng)


def light(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Multiplies reflectance by light: level, tint, gradient, shadow; adds glare."""
    height, width = picture.shape[:2]
    tint = 1 + rng.normal(0, 0.06, 3)
    if rng.random() < 0.25:
        tint *= np.array([0.78, 0.92, 1.12]) if rng.random() < 0.6 else np.array([1.15, 0.95, 0.75])
    field: NDArray
    if rng.random() < 0.1:  # night: a lamp lights a part of the plate
        level = rng.uniform(0.12, 0.4)
        x = np.linspace(-1, 1, width, dtype=np.float32) - np.float32(rng.normal(0, 0.4))
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.normal(0, 0.4))
        field = 1 + np.float32(rng.uniform(0, 1.5)) * np.exp(-(x * x + y * y) / np.float32(rng.uniform(0.3, 1.5)))
    else:
        level = float(np.exp(rng.uniform(np.log(0.42), np.log(1.4))))
        cells = 1 + rng.normal(0, rng.uniform(0.02, 0.2), (2, 3))
        field = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.18:
        field = field * _shadow(width, height, rng)
    # A plane at a time, since NumPy is slow at running over three values again and again.
    lit = picture * cv2.merge([field * share for share in (level * tint).astype(np.float32)])
    if rng.random() < 0.15:
        x = np.arange(width, dtype=np.float32) - np.float32(rng.uniform(0, width))
        y = np.arange(height, dtype=np.float32)[:, None] - np.float32(rng.uniform(0, height))
        reach = np.float32(rng.uniform(0.05, 0.3) * width)
        glare = np.float32(rng.uniform(0.05, 0.5)) * np.exp(-(x * x + y * y) / (2 * reach * reach))
        lit += cv2.merge([glare] * 3)
    return lit


def _shadow(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A half plane in shade, with a soft edge."""
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    side = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.6, 0.6)
    soft = np.clip(side * rng.uniform(3, 30) + 0.5, 0, 1)
    return (1 - rng.uniform(0.2, 0.6) * soft).astype(np.float32)


def _expose(lit: NDArray[np.float32], view: View, rng: np.random.Generator) -> Image:
    """Lens, sensor, tone curve and compression of a decent camera."""
    gamma = rng.uniform(0.8, 1.25)
    gain = rng.uniform(0.95, 1.25) if rng.random() < 0.85 else rng.uniform(1.3, 2.0)
    floor = rng.uniform(0, 0.14) if rng.random() < 0.3 else 0.0  # haze lifts the blacks
    picture = lit * np.float32(gain)
    np.clip(picture, 0, 1, out=picture)
    np.power(picture, np.float32(gamma), out=picture)
    picture *= np.float32(1 - floor)
    picture += np.float32(floor)
    picture *= 255
    sigma = float(rng.uniform(0.0008, 0.005)) * view.width
    if rng.random() < 0.12:
        sigma *= 1.8
    if sigma > 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)  # type: ignore[assignment]
    amount = rng.uniform(0, 5) if rng.random() < 0.6 else 0.0
    if amount > 0.5:
        height, width = picture.shape[:2]
        # Real noise is smoothed by the camera: drawn at two thirds of the size and enlarged.
        small = rng.standard_normal((max(height * 2 // 3, 1), max(width * 2 // 3, 1), 3), np.float32)
        grain = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        picture += np.float32(amount) * grain
    if rng.random() < 0.3:
        soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.7, 1.6)))
        picture += np.float32(rng.uniform(0.3, 1.5)) * (picture - soft)
    image = to_uint8(picture)
    return jpeg(image, int(rng.integers(45, 97))) if rng.random() < 0.75 else image

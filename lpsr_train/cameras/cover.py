"""What hides characters: tape, mud, a tow bar, leaves, a reflection of the sun."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_train.plates.face import Face, character_centres, plate_size
from lpsr_train.plates.style import PlateStyle

COVERED = 0.28
"""Fraction of plates of which something is covered."""
HIDDEN_FROM, HIDDEN_AT = 0.35, 0.65
"""Of a character's area: covered by less it counts as known, by more as hidden, and in between by degrees."""


def character_boxes(style: PlateStyle) -> NDArray[np.float64]:
    """float64[7, 4]: left, top, right and bottom of each character, in fractions of the plate's width and height."""
    width, height = plate_size(style)
    centres = np.array(character_centres(style))
    half = np.array([0.42 * style.pitch, 0.5 * style.glyph_height])
    boxes: NDArray[np.float64] = np.hstack([centres - half, centres + half]) / [width, height, width, height]
    return boxes


def cover(face: Face, style: PlateStyle, rng: np.random.Generator) -> NDArray[np.float64]:
    """Cover parts of a plate, in place, and return float64[7]: how much of each character is covered, 0..1."""
    boxes = character_boxes(style)
    origin, size = face.corners[0], face.corners[2] - face.corners[0]
    height, width = face.picture.shape[:2]
    mask: NDArray[np.float32] = np.zeros((height, width), np.float32)
    whole = rng.random() < 0.6  # characters are hidden rather than touched
    first = int(rng.integers(7))
    last = min(first + (1 if rng.random() < 0.3 else 0), 6)
    low = origin + boxes[first, :2] * size
    high = origin + boxes[last, 2:] * size
    if not whole:
        span = high - low
        part = rng.uniform(0.15, 0.85)
        side = int(rng.integers(4))
        if side == 0:
            high[0] = low[0] + part * span[0]
        elif side == 1:
            low[0] = high[0] - part * span[0]
        elif side == 2:
            high[1] = low[1] + 0.7 * part * span[1]
        else:
            low[1] = high[1] - 0.7 * part * span[1]
    reach = (high - low) * rng.uniform(0.0, 0.12, 2)
    _shape(mask, low - reach, high + reach, rng)
    colour = _colour(style, rng)
    opacity = float(rng.uniform(0.9, 1.0))
    grain = cv2.resize(rng.standard_normal((6, 20), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    texture = cv2.merge([1 + np.float32(0.1) * grain] * 3)
    shade = cv2.merge([np.float32(opacity) * mask] * 3)
    picture = face.picture
    picture += shade * (colour * texture - picture)
    np.clip(picture, 0, 1.5, out=picture)
    return np.array([_fraction(mask, origin + box[:2] * size, origin + box[2:] * size) for box in boxes])


def known(covered: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much can be known of characters of which so much is covered: 1 all, 0 nothing."""
    return np.clip((HIDDEN_AT - covered) / (HIDDEN_AT - HIDDEN_FROM), 0.0, 1.0)


def _colour(style: PlateStyle, rng: np.random.Generator) -> NDArray[np.float32]:
    point = rng.random()
    if point < 0.45:  # tape or paper of the plate's own colour
        return np.array(style.face, np.float32) * np.float32(rng.uniform(0.85, 1.1))
    if point < 0.62:
        return np.full(3, rng.uniform(0.01, 0.2), np.float32)
    if point < 0.78:  # earth
        return np.array([0.35, 0.28, 0.2], np.float32) * np.float32(rng.uniform(0.4, 1.6))
    if point < 0.85:  # the sun
        return np.full(3, rng.uniform(1.1, 1.5), np.float32)
    return rng.uniform(0.05, 0.95, 3).astype(np.float32)


def _shape(mask: NDArray[np.float32], low: NDArray, high: NDArray, rng: np.random.Generator) -> None:
    """Draws a patch over a rectangle: straight edges, a bar over the plate's whole height, or a blot."""
    (x0, y0), (x1, y1) = low, high
    kind = rng.random()
    if kind < 0.5:
        tilt = rng.normal(0, 0.04 * (y1 - y0), 4)
        points = np.array([[x0 + tilt[0], y0], [x1 + tilt[1], y0], [x1 + tilt[2], y1], [x0 + tilt[3], y1]])
        cv2.fillPoly(mask, [points.round().astype(np.int32)], 1.0, cv2.LINE_AA)
    elif kind < 0.65:
        cv2.rectangle(mask, (round(x0), 0), (round(x1), mask.shape[0]), 1.0, -1)
    else:
        centre, axes = ((x0 + x1) / 2, (y0 + y1) / 2), (0.62 * (x1 - x0), 0.62 * (y1 - y0))
        turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        radius = 1 + 0.18 * rng.standard_normal(24)
        points = np.stack([centre[0] + axes[0] * radius * np.cos(turns), centre[1] + axes[1] * radius * np.sin(turns)])
        cv2.fillPoly(mask, [points.T.round().astype(np.int32)], 1.0, cv2.LINE_AA)
        soft = float(rng.uniform(0.5, 4))
        mask[:] = cv2.GaussianBlur(mask, (0, 0), soft)


def _fraction(mask: NDArray[np.float32], low: NDArray, high: NDArray) -> float:
    (x0, y0), (x1, y1) = low.round().astype(int), high.round().astype(int)
    part = mask[max(y0, 0) : y1, max(x0, 0) : x1]
    return float(part.mean()) if part.size else 0.0

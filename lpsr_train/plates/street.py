"""Made-up street videos: cars that drive up to a fixed camera, each with a plate whose text and place are known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_train.plates.face import draw_face
from lpsr_train.plates.style import PlateStyle, random_style

_CAR = (900, 700)
_PLATE_WIDTH = 230  # of the car's picture, whose car is 1.7 m wide


@dataclass(frozen=True)
class StreetConfig:
    """A video.

    Attributes:
        cars: how many drive up, one after another.
        seed: of everything.
        size: width and height of the frames in pixels.
        rate: frames a second.
        seconds: that each car is in view.
        smallest, largest: width of a plate in pixels when its car appears and when it leaves.
        noise: standard deviation of the sensor noise in grey levels.
    """

    cars: int = 8
    seed: int = 1
    size: tuple[int, int] = (960, 540)
    rate: int = 12
    seconds: float = 3.0
    smallest: float = 44
    largest: float = 150
    noise: float = 2.5


@dataclass(frozen=True)
class StreetFrame:
    """One frame: the picture, uint8[H, W, 3], the plate's text, and its corners, float32[4, 2] in pixels."""

    image: Image
    text: str
    corners: NDArray[np.float32]


def street(config: StreetConfig) -> Iterator[StreetFrame]:
    """The frames of a video, in order."""
    rng = np.random.default_rng([config.seed, 0x57])
    background = _background(config.size, rng)
    frames = round(config.rate * config.seconds)
    for _ in range(config.cars):
        style = _clean(random_style(rng))
        car, corners = _car(style, rng)
        lane = rng.uniform(0.38, 0.62)
        drift = rng.uniform(-0.06, 0.06)
        tilt = np.deg2rad(rng.normal(0, 1.5))
        for index in range(frames):
            share = index / max(frames - 1, 1)
            # At constant speed, the distance shrinks evenly, so the size grows as its inverse.
            width = 1 / ((1 - share) / config.smallest + share / config.largest)
            zoom = width / _PLATE_WIDTH
            x = (lane + drift * share) * config.size[0]
            y = config.size[1] * (0.30 + 0.52 * (width - config.smallest) / (config.largest - config.smallest))
            shake = rng.normal(0, 0.4, 2)
            turn = zoom * np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
            plate = corners.mean(axis=0)
            offset = np.array([x, y]) + shake - turn @ plate
            matrix = np.hstack([turn, offset[:, None]])
            image = _compose(background, car, matrix, zoom, config, rng)
            placed = (corners @ turn.T + offset).astype(np.float32)
            yield StreetFrame(image, style.text, placed)


def write_street(path: Path, config: StreetConfig) -> int:
    """Write a video as MP4 and, beside it, a CSV of what is in it: frame, text, x, y, width, height.

    Returns:
        The number of frames.

    Raises:
        LpsrError: the video cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), config.rate, config.size)
    if not writer.isOpened():
        raise LpsrError(f"{path}: this OpenCV cannot write MP4 here")
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(["frame", "text", "x", "y", "width", "height"])
    count = 0
    try:
        for count, frame in enumerate(street(config), start=1):
            writer.write(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
            low, high = frame.corners.min(axis=0), frame.corners.max(axis=0)
            table.writerow([count - 1, frame.text, *(round(float(v), 1) for v in (*low, *(high - low)))])
    finally:
        writer.release()
    path.with_suffix(".csv").write_text(rows.getvalue(), encoding="utf-8")
    return count


def _clean(style: PlateStyle) -> PlateStyle:
    """The plate without what no camera could see through: a gate's light is decent."""
    return replace(style, wear=0.0, dirt=min(style.dirt, 0.3), ink=(0.08, 0.08, 0.09), face=(0.82, 0.82, 0.80))


def _background(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """A yard: wall, asphalt, lane marks, a post and a barrier, with grain."""
    width, height = size
    picture = np.empty((height, width, 3), np.float32)
    horizon = round(0.28 * height)
    picture[:horizon] = np.array([0.55, 0.54, 0.50], np.float32)
    ramp = np.linspace(0.30, 0.42, height - horizon, dtype=np.float32)[:, None, None]
    picture[horizon:] = ramp * np.array([1.0, 1.0, 1.03], np.float32)
    for x in range(0, width, max(width // 14, 1)):
        cv2.line(picture, (x, 0), (x, horizon), (0.47, 0.46, 0.43), 2)
    for side in (-1, 1):
        near, far = width / 2 + side * 0.62 * width, width / 2 + side * 0.16 * width
        cv2.line(picture, (round(far), horizon), (round(near), height), (0.75, 0.75, 0.72), 5, cv2.LINE_AA)
    post = round(0.9 * width)
    cv2.rectangle(picture, (post, round(0.1 * height)), (post + 24, round(0.75 * height)), (0.75, 0.55, 0.12), -1)
    grain = rng.normal(0, 0.03, (height // 2, width // 2)).astype(np.float32)
    picture += cv2.resize(grain, size, interpolation=cv2.INTER_LINEAR)[..., None]
    return picture


def _car(style: PlateStyle, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A car from the front: float32[H, W, 4] with its cover in the last channel, and the plate's corners in it."""
    width, height = _CAR
    picture = np.zeros((height, width, 4), np.float32)
    shade = rng.uniform(0.05, 0.75, 3) * (0.3 if rng.random() < 0.4 else 1.0)
    paint = tuple(float(c) for c in shade)

    def polygon(points: list[tuple[int, int]], colour: tuple[float, ...]) -> None:
        cv2.fillPoly(picture, [np.array(points, np.int32)], (*colour, 1.0), cv2.LINE_AA)

    polygon([(40, 660), (25, 420), (90, 330), (810, 330), (875, 420), (860, 660)], paint)
    polygon([(110, 335), (215, 90), (685, 90), (790, 335)], paint)
    polygon([(165, 325), (245, 120), (655, 120), (735, 325)], (0.10, 0.12, 0.14))
    polygon([(240, 400), (660, 400), (640, 465), (260, 465)], (0.05, 0.05, 0.06))
    for y in (415, 432, 449):
        cv2.line(picture, (255, y), (645, y), (0.35, 0.35, 0.36, 1.0), 3)
    for side in (0, 1):
        x = 60 if side == 0 else 690
        polygon([(x, 395), (x + 150, 405), (x + 140, 465), (x + 15, 455)], (0.85, 0.86, 0.82))
    polygon([(45, 540), (855, 540), (845, 655), (55, 655)], tuple(0.75 * c for c in paint))
    for x in (70, 740):
        polygon([(x, 640), (x + 90, 640), (x + 90, 699), (x, 699)], (0.03, 0.03, 0.03))

    face = draw_face(style, _PLATE_WIDTH * 2 / 400, rng)  # twice as large, for a clean reduction
    left, top = face.corners.min(axis=0).astype(int)
    right, bottom = face.corners.max(axis=0).astype(int)
    plate = cv2.resize(face.picture[top:bottom, left:right], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    tall, wide = plate.shape[:2]
    x, y = (width - wide) // 2, 560
    picture[y : y + tall, x : x + wide, :3] = plate
    picture[y : y + tall, x : x + wide, 3] = 1
    corners = np.array([[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]], np.float64)
    return picture, corners


def _compose(
    background: NDArray[np.float32],
    car: NDArray[np.float32],
    matrix: NDArray[np.float64],
    zoom: float,
    config: StreetConfig,
    rng: np.random.Generator,
) -> Image:
    if zoom < 0.8:  # blurred before it shrinks, or thin strokes would flicker
        car = cv2.GaussianBlur(car, (0, 0), 0.35 / zoom)  # type: ignore[assignment]
    warped = cv2.warpAffine(car, matrix, config.size, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0))
    cover = warped[..., 3:]
    picture: NDArray = (background * (1 - cover) + warped[..., :3]) * 235
    picture = cv2.GaussianBlur(picture, (0, 0), 0.5)
    picture = picture + rng.normal(0, config.noise, picture.shape).astype(np.float32)
    image: Image = np.rint(picture.clip(0, 255)).astype(np.uint8)
    return image

"""Street pictures with plates whose texts and corners are known, written as RodoSol-ALPR and LRLPR-26 have them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from lpsr_core.geometry import Image
from lpsr_core.layouts import layout_of
from lpsr_train.plates.face import draw_face
from lpsr_train.plates.style import random_style


@dataclass(frozen=True)
class StreetPicture:
    """uint8[H, W, 3], the plate's text, and its corners, float32[4, 2], clockwise from the top left."""

    image: Image
    text: str
    corners: np.ndarray


def street_picture(seed: int, motorcycle: bool = False, width: float = 130) -> StreetPicture:
    """A grey street with a plate in perspective; the plate is about `width` pixels wide."""
    rng = np.random.default_rng([seed, 0x57EE7])
    style = random_style(rng, motorcycles=1.0 if motorcycle else 0.0)
    style = replace(style, ink=(0.05, 0.05, 0.06), face=(0.8, 0.8, 0.78), wear=0.0, dirt=0.0, frame=False)
    face = draw_face(style, 1.0, rng)
    tall = width * (0.85 if motorcycle else 0.325)
    seen = np.array([[0, 0], [width, 0.06 * width], [0.98 * width, 0.06 * width + tall], [-0.03 * width, 0.94 * tall]])
    seen = (seen + rng.uniform([60, 60], [150, 100])).astype(np.float32)
    background = np.full((240, 400, 3), 0.35, np.float32)
    cv2.rectangle(background, (20, 20), (380, 215), (0.25, 0.12, 0.1), -1)
    matrix = cv2.getPerspectiveTransform(face.corners - 0.5, seen - 0.5)
    sharp = cv2.GaussianBlur(face.picture, (0, 0), 0.7)
    warped = cv2.warpPerspective(sharp, matrix, (400, 240), flags=cv2.INTER_AREA)
    cover = np.zeros((240, 400), np.uint8)
    cv2.fillPoly(cover, [np.rint(seen).astype(np.int32)], 255)
    picture = np.where(cover[..., None] > 0, warped, background) * 235 + rng.normal(0, 2, background.shape)
    return StreetPicture(np.rint(picture.clip(0, 255)).astype(np.uint8), style.text, seen)


def write_rodosol(folder: Path, cars: int = 6, motorcycles: int = 1) -> list[StreetPicture]:
    """Pictures, labels and split file, with the parts of the data in turn; motorcycles come last."""
    pictures, lines = [], []
    for number in range(cars + motorcycles):
        motorcycle = number >= cars
        picture = street_picture(number, motorcycle)
        layout = layout_of(picture.text)
        assert layout is not None
        name = f"images/{'motorcycles' if motorcycle else 'cars'}-{layout.name[:2]}/img_{number:06d}"
        save(folder / f"{name}.jpg", picture.image)
        corners = " ".join(f"{x:.0f},{y:.0f}" for x, y in np.roll(picture.corners, number, axis=0))
        (folder / f"{name}.txt").write_text(
            f"type: {'motorcycle' if motorcycle else 'car'}\nplate: {picture.text}\n"
            f"layout: {layout.name.capitalize()}\ncorners: {corners}\n"
        )
        lines.append(f"{name}.jpg;{('training', 'validation', 'testing')[number % 3]}\n")
        pictures.append(picture)
    (folder / "split.txt").write_text("".join(lines))
    return pictures


def write_track(folder: Path, seed: int, frames: int = 3, annotated: bool = True) -> str:
    """One track of LRLPR-26's form; returns its text."""
    corners = {}
    for number in range(1, frames + 1):
        for kind, size in (("lr", 0.3), ("hr", 1.0)):
            if kind == "hr" and not annotated:
                continue
            picture = street_picture(seed)
            left, top = (picture.corners.min(axis=0) - 6).astype(int)
            right, bottom = (picture.corners.max(axis=0) + 6).astype(int)
            crop = cv2.resize(picture.image[top:bottom, left:right], None, fx=size, fy=size)
            points = ((picture.corners - [left, top]) * size).round(1).tolist()
            save(folder / f"{kind}-{number:03d}.png", crop)
            names = ("top-left", "top-right", "bottom-right", "bottom-left")
            corners[f"{kind}-{number:03d}.png"] = dict(zip(names, points, strict=True))
    if annotated:
        notes = {"plate_layout": "Brazilian", "plate_text": picture.text, "corners": corners}
        (folder / "annotations.json").write_text(json.dumps(notes))
    return picture.text


def save(path: Path, image: Image) -> Path:
    """Writes an RGB picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path

"""HR-LR pairs: a rendered plate, its photograph, and what a bad camera makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lpsr_core.degradation import SSIM_TARGET, Method, blur, blur_fast, degrade, noise
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, to_hr, to_lr
from lpsr_train.plates.photograph import RECTIFIED, photograph, random_view
from lpsr_train.plates.style import Country, Drawing, style_of


@dataclass(frozen=True, kw_only=True)
class PlateSource(Drawing):
    """What is rendered.

    Attributes:
        motorcycles: share of two-row plates; the paper leaves them out.
        rectified: share that is cut out rectified and tight, as the paper's plates are.
        degradations: weight of every way to make the LR picture.
        easy: share of blurred pictures that stop at an SSIM between the target and 0.75.
        target: SSIM that blur and noise fall below.
        exact: blur step by step as released, for evaluation, instead of the fast equivalent.
    """

    motorcycles: float = 0.0
    rectified: float = RECTIFIED
    degradations: dict[Method, float] = field(
        default_factory=lambda: {"blur": 0.40, "camera": 0.45, "noise": 0.05, "none": 0.10}
    )
    easy: float = 0.2
    target: float = SSIM_TARGET
    exact: bool = False


@dataclass(frozen=True)
class Plate:
    """One photographed plate.

    Attributes:
        crop: uint8[H, W, 3], the photograph at its own resolution.
        text: seven characters.
        country: which drawing.
    """

    crop: Image
    text: str
    country: Country


@dataclass(frozen=True)
class Pair(Plate):
    """One plate in two resolutions.

    Attributes:
        hr: uint8[32, 96, 3].
        lr: uint8[16, 48, 3].
        method: how the LR picture was made.
    """

    hr: Image
    lr: Image
    method: Method


def render_plate(source: PlateSource, seed: int, index: int) -> Plate:
    """Renders the plate of `render_pair`, without an LR picture."""
    return _plate(source, np.random.default_rng([seed, index]))


def render_pair(source: PlateSource, seed: int, index: int) -> Pair:
    """Renders one pair; the same source, seed and index give the same bytes, in any order and process."""
    rng = np.random.default_rng([seed, index])
    plate = _plate(source, rng)
    methods = list(source.degradations)
    weights = np.array([source.degradations[method] for method in methods], np.float64)
    method = methods[int(rng.choice(len(methods), p=weights / weights.sum()))]
    low = degraded(plate.crop, method, source, rng)
    return Pair(plate.crop, plate.text, plate.country, to_hr(plate.crop), to_lr(low), method)


def _plate(source: PlateSource, rng: np.random.Generator) -> Plate:
    style = style_of(source, rng, source.motorcycles)
    return Plate(photograph(style, random_view(style, rng, source.rectified), rng), style.text, style.country)


def write_crops(folder: Path, count: int, seed: int) -> None:
    """Writes HR crops at their own resolution as `TEXT.jpg`.

    Raises:
        LpsrError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pair = render_pair(PlateSource(), seed, index)
        bgr = cv2.cvtColor(pair.crop, cv2.COLOR_RGB2BGR)
        path = folder / f"{pair.text}.jpg"
        if not cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, 90]):
            raise LpsrError(f"{path}: cannot be written")


def degraded(crop: Image, method: Method, source: PlateSource, rng: np.random.Generator) -> Image:
    """What a bad camera makes of a crop, by one of a source's methods."""
    if method not in ("blur", "noise"):
        return degrade(crop, method, rng)
    target = source.target
    if source.easy > 0 and rng.random() < source.easy:
        target = float(rng.uniform(source.target, 0.75))
    if method == "noise":
        return noise(crop, rng, target)
    return blur(crop, target) if source.exact else blur_fast(crop, target)

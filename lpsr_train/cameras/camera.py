"""One surveillance camera: every amount that the chain in `chain` uses, and how they are drawn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from lpsr_core.codec import Codec

Step = Literal[
    "optics",
    "motion",
    "haze",
    "exposure",
    "noise",
    "denoising",
    "tone",
    "cast",
    "sharpening",
    "interlacing",
    "codec",
    "rescaling",
    "pixels",
]
STEPS: tuple[Step, ...] = get_args(Step)
"""The steps that can be left out, to measure what each is worth."""
Cast = Literal["none", "tint", "gray", "night"]


@dataclass(frozen=True)
class Encoding:
    """A compression.

    Attributes:
        codec: `jpeg` compresses each frame alone, `h264` and `hevc` a group of frames.
        level: JPEG quality (1..100), or the quantiser of a video codec (0..51).
        frame: index of the frame that is delivered; 0 is the intra-coded one.
    """

    codec: Codec = "none"
    level: int = 0
    frame: int = 0


@dataclass(frozen=True)
class Surveillance:
    """One camera, its scene's light, and the recorder behind it.

    Attributes:
        width: pixels across the crop on the sensor.
        pixel_ratio: width of a pixel by its height.
        rows: fraction of the rows that the sensor delivers; the others are interpolated.
        optics: standard deviation of the lens blur in pixels.
        motion: displacement during the exposure in pixels, x and y.
        drift: displacement from frame to frame in pixels, x and y.
        level: mean of the crop after exposure, 0..1 in linear light.
        haze: fraction of the light that is veiling glare, at two corners of the crop.
        haze_colour: of the veil, linear.
        shot_noise: standard deviation of the noise at full exposure, in fractions of full scale.
        read_noise: of the noise in darkness.
        temporal: weight of a new frame in the temporal noise reduction; 1 for none.
        spatial: standard deviation in grey levels of the bilateral filter; 0 for none.
        gamma: exponent of the tone curve.
        contrast: gain around the mean after the tone curve; above 1 it clips.
        saturation: of colours.
        cast: of the whole picture.
        cast_colour: factors of red, green and blue.
        sharpening: amount of unsharp masking, and its radius in pixels.
        comb: displacement of the second field in pixels; 0 for progressive frames.
        encoding: of the recorder.
        rescaling: factor by which the recorder or the player resized the picture afterwards.
    """

    width: float
    pixel_ratio: float = 1.0
    rows: float = 1.0
    optics: float = 0.5
    motion: tuple[float, float] = (0.0, 0.0)
    drift: tuple[float, float] = (0.0, 0.0)
    level: float = 0.3
    haze: tuple[float, float] = (0.0, 0.0)
    haze_colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shot_noise: float = 0.01
    read_noise: float = 0.002
    temporal: float = 1.0
    spatial: float = 0.0
    gamma: float = 1 / 2.2
    contrast: float = 1.0
    saturation: float = 1.0
    cast: Cast = "none"
    cast_colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sharpening: tuple[float, float] = (0.0, 1.0)
    comb: float = 0.0
    encoding: Encoding = Encoding()
    rescaling: float = 1.0

    @property
    def frames(self) -> int:
        """Number of frames that the chain needs."""
        if self.encoding.codec in ("h264", "hevc"):
            return GROUP
        return 3 if self.temporal < 1 or self.comb else 1

    @property
    def delivered(self) -> int:
        """Index of the frame that is delivered."""
        return self.encoding.frame if self.encoding.codec in ("h264", "hevc") else self.frames - 1


GROUP = 4
"""Frames that a video codec is given; one of them is delivered."""
NARROWEST, WIDEST = 24.0, 210.0
"""Pixels across a crop."""


def random_camera(
    rng: np.random.Generator, without: Collection[Step] = (), widths: tuple[float, float] = (NARROWEST, WIDEST)
) -> Surveillance:
    """Draws a camera; widths are spread evenly over their logarithm.

    Args:
        rng: source of every choice; the same draws are made whatever is left out.
        without: steps that stay at their neutral setting.
        widths: least and most pixels across a crop.
    """

    def chance(share: float) -> bool:
        return bool(rng.random() < share)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def spread(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    width = spread(*widths)
    # Few cameras have all faults at once, and what narrow crops can bear is less.
    trouble = between(0.1, 0.9) * float(np.clip(width / 80, 0.4, 1.0))
    ratio = (between(1.15, 1.9) if chance(0.6) else between(0.55, 0.9)) if chance(0.5) else between(0.93, 1.08)
    rows = 0.5 if chance(0.15) else 1.0
    optics = min(spread(0.35, 1.7) * (1.5 if chance(0.2 * trouble) else 1.0), 0.024 * width)
    motion, angle = between(0.4, 3.5) if chance(0.5 * trouble) else 0.0, float(rng.normal(0, 0.5))
    angle += np.pi / 2 if chance(0.3) else 0.0
    motion = min(motion, 0.05 * width)
    drift = (float(rng.normal(0, 1.2)), float(rng.normal(0, 0.7)))
    dark = chance(0.3 * trouble)
    level = spread(0.012, 0.08) if dark else spread(0.1, 0.6)
    veil = between(0.45, 0.9) if chance(0.5 * trouble) else between(0.0, 0.25)
    haze = (veil, float(np.clip(veil + (rng.normal(0, 0.12) if chance(0.5) else 0.0), 0.0, 0.95)))
    haze_colour = tuple(float(c) for c in np.clip(rng.normal(1, 0.12, 3), 0.6, 1.4))
    noise = trouble * between(0.0, 0.045) * (1.6 if dark else 1.0)
    read_noise = trouble * between(0.0, 0.005) * (1.5 if dark else 1.0)
    temporal = between(0.35, 0.8) if chance(0.3) else 1.0
    spatial = between(6, 30) if chance(0.2) else 0.0
    gamma = (1 / 2.2) * float(np.exp(rng.normal(0, 0.2)))
    contrast = between(1.1, 2.2) if chance(0.35 * trouble) else between(0.7, 1.1)
    saturation = between(0.3, 1.4)
    point = rng.random()
    cast: Cast = "night" if point < 0.12 else "gray" if point < 0.27 else "tint" if point < 0.55 else "none"
    tint = np.exp(rng.normal(0, 0.22, 3))
    dim = between(0.02, 0.6)
    if cast == "night":
        tint = np.array([dim * between(0.3, 1.0), 1.0, between(0.3, 0.9) if chance(0.7) else dim])
    sharpening = (between(0.3, 3.0), between(0.6, 1.6)) if chance(0.45) else (0.0, 1.0)
    comb = float(rng.choice([-1, 1])) * min(between(0.8, 5.0), 0.035 * width) if chance(0.18 * trouble) else 0.0
    found = Surveillance(
        width=width,
        pixel_ratio=ratio,
        rows=rows,
        optics=optics,
        motion=(motion * float(np.cos(angle)), motion * float(np.sin(angle))),
        drift=drift,
        level=level,
        haze=haze,
        haze_colour=(haze_colour[0], haze_colour[1], haze_colour[2]),
        shot_noise=noise,
        read_noise=read_noise,
        temporal=temporal,
        spatial=spatial,
        gamma=gamma,
        contrast=contrast,
        saturation=saturation,
        cast=cast,
        cast_colour=(float(tint[0]), float(tint[1]), float(tint[2])),
        sharpening=sharpening,
        comb=comb,
        encoding=_random_encoding(rng, trouble),
        rescaling=between(0.6, 1.7) if chance(0.25) else 1.0,
    )
    return replace(found, **{name: value for step in without for name, value in _NEUTRAL[step].items()})


def _random_encoding(rng: np.random.Generator, trouble: float = 0.6) -> Encoding:
    point, frame = rng.random() / (0.55 + 0.45 * trouble), 0 if rng.random() < 0.2 else int(rng.integers(1, GROUP))
    if point < 0.40:
        return Encoding("h264", int(rng.integers(20, 39)), frame)
    if point < 0.50:
        return Encoding("hevc", int(rng.integers(20, 38)), frame)
    if point < 0.75:
        return Encoding("jpeg", int(rng.integers(30, 96)))
    return Encoding()


_NEUTRAL: dict[Step, dict[str, Any]] = {
    "optics": {"optics": 0.0},
    "motion": {"motion": (0.0, 0.0)},
    "haze": {"haze": (0.0, 0.0)},
    "exposure": {"level": 0.3},
    "noise": {"shot_noise": 0.0, "read_noise": 0.0},
    "denoising": {"temporal": 1.0, "spatial": 0.0},
    "tone": {"gamma": 1 / 2.2, "contrast": 1.0},
    "cast": {"cast": "none", "saturation": 1.0},
    "sharpening": {"sharpening": (0.0, 1.0)},
    "interlacing": {"comb": 0.0, "rows": 1.0},
    "codec": {"encoding": Encoding()},
    "rescaling": {"rescaling": 1.0},
    "pixels": {"pixel_ratio": 1.0},
}

"""How a sharp plate becomes an unreadable one.

Four ways, all at the crop's own resolution and seeded; resizing to 16x48 comes after
(`geometry.to_lr`):

- `blur`: as the authors' released code does (Valfride/lpr-rsr-ext), the protocol of their evaluation.
- `noise`: as section IV-A of the paper says: Gaussian noise and bicubic resizing by turns.
- `camera`: what cheap surveillance cameras do: optics and motion blur, few pixels, sensor noise, unsharp
  masking with its halos, clipping, compression.
- `hard`: one such camera, always the same, to compare by: 33 pixels across.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image
from lpsr_core.metrics import SsimReference, gray
from lpsr_core.settings import METHODS as METHODS
from lpsr_core.settings import Method as Method

SSIM_TARGET = 0.1
"""SSIM (with `data_range=1`, see `metrics.ssim`) below which the paper's LR images lie."""
_MAX_STEPS = 400


def blur(crop: Image, target: float = SSIM_TARGET) -> Image:
    """Blur a crop until its SSIM falls below a target, step by step as the released code does.

    A 3x3 Gaussian is applied again and again; once a step lowers the SSIM by less than 0.001, it starts again
    from the sharp crop with a kernel two pixels wider.

    Args:
        crop: uint8[H, W, 3].
        target: SSIM to fall below, with the authors' `data_range=1`.

    Returns:
        uint8[H, W, 3].
    """
    sharp = crop.astype(np.float32)
    reference = SsimReference(gray(sharp), data_range=1.0)
    current, kernel, previous = sharp, 3, 1.0
    for _ in range(_MAX_STEPS):
        current = cv2.GaussianBlur(current, (kernel, kernel), 0)  # type: ignore[assignment]
        similarity = reference.similarity(gray(current))
        if similarity < target:
            break
        if previous - similarity < 0.001:
            kernel += 2
            current = sharp
        previous = similarity
    else:  # very wide crops: so many small steps do not get there
        return blur_fast(crop, target)
    return to_uint8(current)


def blur_fast(crop: Image, target: float = SSIM_TARGET) -> Image:
    """Blur as `blur` does, by bisecting the width of a single Gaussian; a tenth of the time, for training data.

    Repeated small Gaussians are one large Gaussian, so the two differ only in where they stop: here at the
    target, there up to one step below it.
    """
    luma = gray(crop)
    reference = SsimReference(luma, data_range=1.0)
    low, high = 0.2, 0.1 * crop.shape[1]
    while reference.similarity(_gaussian(luma, high)) >= target and high < crop.shape[1]:
        low, high = high, 2 * high
    while high / low > 1.06:
        middle = float(np.sqrt(low * high))
        if reference.similarity(_gaussian(luma, middle)) < target:
            high = middle
        else:
            low = middle
    return to_uint8(_gaussian(crop.astype(np.float32), high))


BLURS = tuple(float(share) for share in np.geomspace(0.003, 0.12, 16))
"""Widths of Gaussians, as shares of a plate's width, at which `blur_curve` measures."""


def blur_curve(crop: Image) -> NDArray[np.float32]:
    """Return the SSIM of a crop and its blurred versions, which `blur_fast` searches, for every target at once.

    Args:
        crop: uint8[H, W, 3].

    Returns:
        float32[16], the SSIM (with the authors' `data_range=1`) after each of `BLURS`; falls from one to the next.
    """
    luma = gray(crop)
    reference = SsimReference(luma, data_range=1.0)
    found = [reference.similarity(_gaussian(luma, share * crop.shape[1])) for share in BLURS]
    return np.minimum.accumulate(np.array(found, np.float32))


def noise(crop: Image, rng: np.random.Generator, target: float = SSIM_TARGET) -> Image:
    """Add Gaussian noise and resize bicubically in turn until the SSIM falls below a target.

    The paper gives no amounts; here each step draws a standard deviation of 2-12 grey levels, and shrinks the
    picture to a size that falls by 10 % from step to step, and back. The way down averages, since bicubic
    interpolation would alias. The noise is drawn at the small size, where n pixels' average has 1/sqrt(n) of
    their deviation: what the picture keeps of it is the same, and there is far less to draw.

    Args:
        crop: uint8[H, W, 3].
        rng: source of every random choice.
        target: SSIM to fall below, with the authors' `data_range=1`.

    Returns:
        uint8[H, W, 3].
    """
    height, width = crop.shape[:2]
    reference = SsimReference(gray(crop), data_range=1.0)
    current = crop.astype(np.float32)
    share = 1.0
    for _ in range(_MAX_STEPS):
        share *= 0.9
        small = (max(round(width * share), 4), max(round(height * share), 2))
        reduced: NDArray[np.float32] = cv2.resize(current, small, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        deviation = rng.uniform(2, 12) * min(np.sqrt(small[0] * small[1] / (width * height)), 1)
        reduced += np.float32(deviation) * rng.standard_normal(reduced.shape, np.float32)
        current = cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]
        if reference.similarity(gray(current)) < target:
            break
    return to_uint8(current)


@dataclass(frozen=True)
class Camera:
    """One cheap camera's faults; every amount as used by `camera`.

    Attributes:
        width: pixels across the plate, on the sensor.
        optics: standard deviation of the lens blur, as a share of the plate's width.
        motion: length of the motion blur, as a share of the plate's width; 0 for none.
        angle: direction of the motion in radians, 0 along the plate.
        noise: standard deviation of the sensor noise in grey levels.
        chroma_noise: how much of the noise differs between the colour channels, 0..1.
        sharpening: amount of unsharp masking after the sensor; 0 for none.
        contrast: gain around mid-grey after the sensor; values above 1 clip.
        quality: JPEG quality, 1..100; 0 for no compression.
    """

    width: float
    optics: float
    motion: float = 0.0
    angle: float = 0.0
    noise: float = 4.0
    chroma_noise: float = 1.0
    sharpening: float = 0.0
    contrast: float = 1.0
    quality: int = 50

    @classmethod
    def random(cls, rng: np.random.Generator) -> Camera:
        """Return a random camera of the kind that makes plates hard to read."""
        return cls(
            width=float(rng.uniform(26, 56)),
            optics=float(rng.uniform(0.006, 0.03)),
            motion=float(rng.uniform(0.01, 0.06)) if rng.random() < 0.25 else 0.0,
            angle=float(rng.normal(0, 0.4)),
            noise=float(rng.uniform(0, 7)),
            chroma_noise=float(rng.uniform(0.2, 1)),
            sharpening=float(rng.uniform(0.3, 2.5)) if rng.random() < 0.35 else 0.0,
            contrast=float(rng.uniform(1.1, 2.0)) if rng.random() < 0.2 else 1.0,
            quality=int(rng.integers(30, 96)) if rng.random() < 0.9 else 0,
        )


HARD = Camera(width=33, optics=0.025, noise=4, quality=50)
"""The camera of `hard`."""


def camera(crop: Image, settings: Camera, rng: np.random.Generator) -> Image:
    """Return the plate as a cheap camera delivers it.

    Args:
        crop: uint8[H, W, 3], sharp.
        settings: the camera's faults.
        rng: source of the noise.

    Returns:
        uint8[h, w, 3] with w about `settings.width` and h in proportion.
    """
    height, width = crop.shape[:2]
    picture = crop.astype(np.float32)
    if settings.optics > 0:
        picture = _gaussian(picture, settings.optics * width)
    if settings.motion > 0:
        picture = cv2.filter2D(picture, -1, _motion_kernel(settings.motion * width, settings.angle))  # type: ignore[assignment]
    across = max(round(settings.width), 8)
    size = (across, max(round(across * height / width), 4))
    shrink = cv2.INTER_AREA if across < width else cv2.INTER_CUBIC
    picture = cv2.resize(picture, size, interpolation=shrink)  # type: ignore[assignment]
    if settings.noise > 0:
        coloured = rng.standard_normal(picture.shape, np.float32)
        common = rng.standard_normal((*picture.shape[:2], 1), np.float32)
        share = np.float32(settings.chroma_noise)
        picture = picture + np.float32(settings.noise) * (np.sqrt(share) * coloured + np.sqrt(1 - share) * common)
    if settings.sharpening > 0:
        picture = picture + np.float32(settings.sharpening) * (picture - _gaussian(picture, 1.0))
    if settings.contrast != 1:
        middle = picture.mean(dtype=np.float64)
        picture = (picture - np.float32(middle)) * np.float32(settings.contrast) + np.float32(middle)
    delivered = to_uint8(picture)
    return jpeg(delivered, settings.quality) if settings.quality else delivered


def jpeg(image: Image, quality: int) -> Image:
    """Return the image after JPEG compression at a quality of 1..100."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "what imencode wrote, imdecode reads"
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def degrade(crop: Image, method: Method, rng: np.random.Generator, target: float = SSIM_TARGET) -> Image:
    """Degrade a crop by a named method; `camera` draws its settings from `rng`.

    Returns:
        uint8[h, w, 3]; the crop's own size except for `camera` and `hard`.
    """
    if method == "blur":
        return blur(crop, target)
    if method == "noise":
        return noise(crop, rng, target)
    if method == "camera":
        return camera(crop, Camera.random(rng), rng)
    if method == "hard":
        return camera(crop, HARD, rng)
    return crop


def _gaussian(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur; a wide one is made at a fraction of the size, where the picture has no detail left to lose."""
    height, width = image.shape[:2]
    factor = min(int(sigma / 1.5), 8, min(height, width) // 4)
    if factor >= 2:
        small = (max(round(width / factor), 2), max(round(height / factor), 2))
        reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        # Averaging and linear interpolation blur by themselves, as boxes of this size do: 1/12 and 2/12 of f^2.
        rest = float(np.sqrt(max(sigma * sigma / (factor * factor) - 0.25, 0.04)))
        blurred = cv2.GaussianBlur(reduced, (0, 0), rest)
        return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
    taps = 2 * max(round(3 * sigma), 1) + 1
    return cv2.GaussianBlur(image, (taps, taps), sigma)  # type: ignore[return-value]


def _motion_kernel(length: float, angle: float) -> NDArray[np.float32]:
    """A straight line of the given length in pixels, one pixel wide, summing to 1."""
    size = 2 * max(int(np.ceil(length / 2)), 1) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    for step in np.linspace(-length / 2, length / 2, 4 * size):
        x, y = middle + step * np.cos(angle), middle + step * np.sin(angle)
        kernel[min(max(round(y), 0), size - 1), min(max(round(x), 0), size - 1)] += 1
    kernel /= kernel.sum()
    return kernel


def to_uint8(image: NDArray[np.float32]) -> Image:
    """Clip an image of any shape to 0..255 and round it, halves to even."""
    rounded = np.clip(image, 0, 255)
    return np.rint(rounded, out=rounded).astype(np.uint8)

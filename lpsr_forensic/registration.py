"""Registers frames of one plate with sub-pixel accuracy, and averages them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image
from lpsr_core.metrics import gray

LEAST_CORRELATION = 0.6
"""Enhanced correlation coefficient below which a frame is not averaged."""
FINER = 2
"""Pixels of the average for each pixel of the reference, across and down, where several frames are averaged."""
_STEPS = cv2.TermCriteria_COUNT | cv2.TermCriteria_EPS, 100, 1e-6


@dataclass(frozen=True)
class Aligned:
    """How one frame lies on the reference.

    Attributes:
        warp: float32[2, 3], from pixels of the average to pixels of the frame.
        correlation: enhanced correlation coefficient with the reference, -1..1; NaN where none was found.
        shift: distance in pixels of the frame by which its middle moved from where its size alone puts it.
    """

    warp: NDArray[np.float32]
    correlation: float
    shift: float

    @property
    def used(self) -> bool:
        """Whether the frame is averaged."""
        return bool(self.correlation >= LEAST_CORRELATION)


@dataclass(frozen=True)
class Average:
    """The mean of registered frames.

    Attributes:
        picture: float32[H, W, 3], RGB, 0..255.
        scale: its pixels for each pixel of the reference, across and down.
        reference: index of the reference frame.
        aligned: one for each frame.
        noise: standard deviation of a single frame's noise in grey levels.
    """

    picture: NDArray[np.float32]
    scale: int
    reference: int
    aligned: tuple[Aligned, ...]
    noise: float

    @property
    def frames(self) -> int:
        """Number of frames in the mean."""
        return sum(each.used for each in self.aligned)

    @property
    def luma(self) -> NDArray[np.float32]:
        """float32[H, W], 0..255."""
        return gray(self.picture)


def average(frames: Sequence[Image]) -> Average:
    """Register frames onto the widest of them, and average those that align with it.

    The registration maximises the enhanced correlation coefficient over affine motions (Evangelidis and Psarakis,
    IEEE TPAMI 30, 2008; `cv2.findTransformECC`). Samples between pixels are bicubic.

    Args:
        frames: N of uint8[H, W, 3], RGB, one plate each; at least one.
    """
    reference = max(range(len(frames)), key=lambda index: (frames[index].shape[1], -index))
    height, width = frames[reference].shape[:2]
    scale = FINER if len(frames) > 1 else 1
    size = (width * scale, height * scale)
    target = gray(_warped(frames[reference], _scaling(frames[reference], size), size))
    aligned = []
    for index, frame in enumerate(frames):
        start = _scaling(frame, size)
        aligned.append(Aligned(start, 1.0, 0.0) if index == reference else _align(target, gray(frame), start, size))
    warped = [_warped(frame, each.warp, size) for frame, each in zip(frames, aligned, strict=True) if each.used]
    stack = np.stack(warped)
    if len(warped) > 1:
        spread = np.stack([gray(each) for each in warped]).var(axis=0, ddof=1)
        noise = float(np.sqrt(np.median(spread)))
    else:
        noise = noise_of(gray(frames[reference]))
    return Average(stack.mean(axis=0, dtype=np.float64).astype(np.float32), scale, reference, tuple(aligned), noise)


def noise_of(luma: NDArray[np.float32]) -> float:
    """Standard deviation of the noise of one picture in grey levels (Immerkær, CVIU 64, 1996).

    Args:
        luma: float32[H, W], 0..255.
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    if min(luma.shape) < 3:
        return 0.0
    response = cv2.filter2D(luma, cv2.CV_32F, mask)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * np.abs(response).mean() / 6)


def _align(
    target: NDArray[np.float32], frame: NDArray[np.float32], start: NDArray[np.float32], size: tuple[int, int]
) -> Aligned:
    try:
        correlation, found = cv2.findTransformECC(target, frame, start.copy(), cv2.MOTION_AFFINE, _STEPS)
    except cv2.error:  # it does not converge, or the pictures have no contrast
        return Aligned(start, float("nan"), 0.0)
    warp = np.asarray(found, np.float32)
    middle = np.array([size[0] / 2, size[1] / 2, 1.0])
    return Aligned(warp, float(correlation), float(np.linalg.norm((warp - start) @ middle)))


def _scaling(frame: Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """float32[2, 3]: from pixels of a picture of a size to those of the frame that fills it."""
    across, down = frame.shape[1] / size[0], frame.shape[0] / size[1]
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5]], np.float32)


def _warped(frame: Image, warp: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    values = frame.astype(np.float32)
    return cv2.warpAffine(values, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]

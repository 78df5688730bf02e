"""Estimates the blur of a picture, and takes it out with a Wiener filter."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST_BLUR, _MOST_BLUR = 0.3, 6.0
"""Standard deviations in pixels between which `estimate_blur` chooses."""
_AGAIN = 1.0
"""Standard deviation in pixels of the blur that is added to measure the one that is there."""
_EDGES = 0.9
"""Quantile of the gradient above which a pixel belongs to an edge."""
_LEAST_NSR, _MOST_NSR = 1e-4, 1.0


def estimate_blur(luma: NDArray[np.float32]) -> float:
    """Estimate the standard deviation in pixels of the Gaussian that blurred a picture.

    The picture is blurred again by a known Gaussian of standard deviation s; at a step edge the gradient falls by the
    ratio R = sqrt(b^2 + s^2) / b, from which b = s / sqrt(R^2 - 1) (Zhuo and Sim, Pattern Recognition 44, 2011). The
    median over the strongest edges is taken. Strokes that are narrower than the blur make it too small.

    Args:
        luma: float32[H, W], 0..255.
    """
    before, after = _gradient(luma), _gradient(cv2.GaussianBlur(luma, (0, 0), _AGAIN))  # type: ignore[arg-type]
    strong = before >= max(float(np.quantile(before, _EDGES)), 1e-3)
    if not strong.any():
        return _LEAST_BLUR
    ratio = before[strong] / np.maximum(after[strong], 1e-6)
    found = _AGAIN / np.sqrt(np.maximum(np.median(ratio) ** 2 - 1, 1e-6))
    return float(np.clip(found, _LEAST_BLUR, _MOST_BLUR))


def wiener(picture: NDArray[np.float32], blur: float, noise: float) -> NDArray[np.float32]:
    """Deconvolve a picture with a Gaussian by the Wiener filter H* / (|H|^2 + NSR).

    NSR is the power of white noise over that of the picture, which is taken to fall with the square of the frequency,
    as that of pictures does: NSR(f) = 2 pi ln(n/2) f^2 s^2 / v with the noise's standard deviation s, the picture's
    variance v and its width n. Borders are mirrored.

    Args:
        picture: float32[H, W, 3], 0..255.
        blur: standard deviation of the Gaussian in pixels.
        noise: standard deviation of the noise in grey levels.

    Returns:
        float32[H, W, 3], clipped to 0..255.
    """
    height, width = picture.shape[:2]
    border = max(int(np.ceil(4 * blur)), 8)
    framed = cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_REFLECT)
    signal = max(float(picture.mean(axis=2).var()), 1e-6)
    least = np.clip(noise * noise / signal, _LEAST_NSR, _MOST_NSR)
    down = np.fft.fftfreq(framed.shape[0])[:, None]
    across = np.fft.rfftfreq(framed.shape[1])[None]
    transfer = np.exp(-2 * (np.pi * blur) ** 2 * (down**2 + across**2))  # of a Gaussian of unit sum
    nsr = 2 * np.pi * np.log(max(width / 2, 2)) * (down**2 + across**2) * least
    spectrum = np.fft.rfft2(framed, axes=(0, 1)) * (transfer / (transfer**2 + nsr))[..., None]
    sharp = np.fft.irfft2(spectrum, s=framed.shape[:2], axes=(0, 1))
    return sharp[border : border + height, border : border + width].clip(0, 255).astype(np.float32)


def _gradient(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    across = cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=3)
    return np.hypot(across, down).astype(np.float64)

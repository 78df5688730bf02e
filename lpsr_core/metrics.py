"""How good a reading or a picture is: recognition rates with intervals, PSNR, SSIM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import PLATE_LENGTH


@dataclass(frozen=True)
class Rate:
    """A share of plates with its 95 % Wilson score interval; all in percent.

    Attributes:
        hits: plates that count.
        total: plates seen.
    """

    hits: int
    total: int

    @property
    def percent(self) -> float:
        return 100.0 * self.hits / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.total)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.percent:.1f} [{low:.1f}, {high:.1f}]"


@dataclass(frozen=True)
class RecognitionRate:
    """Plates with all seven, at least six and at least five characters right (Table I of the paper)."""

    all: Rate
    six: Rate
    five: Rate

    def as_dict(self) -> dict[str, dict[str, float | int | list[float]]]:
        """For JSON: percent, interval and counts under `all`, `six` and `five`."""
        return {
            name: {
                "percent": round(rate.percent, 2),
                "interval": [round(end, 2) for end in rate.interval],
                "hits": rate.hits,
                "total": rate.total,
            }
            for name, rate in (("all", self.all), ("six", self.six), ("five", self.five))
        }

    def __str__(self) -> str:
        return f"{self.all.percent:.1f} / {self.six.percent:.1f} / {self.five.percent:.1f}"


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a proportion, in percent; (0, 100) without observations."""
    z = 1.959964
    if total == 0:
        return 0.0, 100.0
    share = hits / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z * float(np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))) / scale
    return max(100 * (centre - half), 0.0), min(100 * (centre + half), 100.0)


def characters_right(text: str, truth: str) -> int:
    """Return the number of positions that agree; missing positions of a short text count as wrong."""
    return sum(a == b for a, b in zip(text, truth, strict=False))


def recognition_rate(texts: Sequence[str], truths: Sequence[str]) -> RecognitionRate:
    """Return recognition rates of read texts against the true ones, pair by pair.

    Raises:
        ValueError: the sequences differ in length.
    """
    hits = np.array([characters_right(text, truth) for text, truth in zip(texts, truths, strict=True)], int)
    return RecognitionRate(*(Rate(int((hits >= n).sum()), len(hits)) for n in (PLATE_LENGTH, 6, 5)))


def psnr(image: NDArray, reference: NDArray) -> float:
    """Return the peak signal-to-noise ratio in dB of two uint8 images of one shape; infinite for equal images."""
    error = float(np.mean((np.asarray(image, np.float64) - np.asarray(reference, np.float64)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))


def gray(image: NDArray) -> NDArray[np.float32]:
    """Return the luma (BT.601) of an RGB image, uint8 or float 0..255: float32[H, W]."""
    return cv2.cvtColor(np.asarray(image, np.float32), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def ssim(image: NDArray, reference: NDArray, data_range: float = 255.0) -> float:
    """Return the structural similarity of the lumas of two RGB images, -1..1.

    Gaussian window of sigma 1.5 (11 taps), population covariance, reflected borders. The authors compute it with
    scikit-image, in colour and without the outermost five pixels, which comes out about 0.01 higher; and they pass
    `data_range=1` for pixels of 0..255, which makes the two stabilising constants vanish. Pass 1.0 to reproduce
    their degradation levels, keep 255 for the usual meaning.

    Args:
        image, reference: [H, W, 3], uint8 or float 0..255.
        data_range: the span of pixel values that the constants assume.
    """
    return SsimReference(gray(reference), data_range).similarity(gray(image))


class SsimReference:
    """SSIM of many images against one; the reference's local moments are computed once.

    Args:
        luma: float32[H, W] in 0..255.
        data_range: see `ssim`.
    """

    def __init__(self, luma: NDArray[np.float32], data_range: float = 255.0) -> None:
        self._luma = luma
        self._c1, self._c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        self._mean = _window(luma)
        self._square = self._mean * self._mean
        self._variance = _window(luma * luma) - self._square

    def similarity(self, luma: NDArray[np.float32]) -> float:
        """Return the mean SSIM of float32[H, W] against the reference."""
        mean = _window(luma)
        product = mean * self._mean
        square = mean * mean
        variance = _window(luma * luma) - square
        covariance = _window(luma * self._luma) - product
        numerator = (2 * product + self._c1) * (2 * covariance + self._c2)
        denominator = (square + self._square + self._c1) * (variance + self._variance + self._c2)
        return float((numerator / denominator).mean(dtype=np.float64))


def _window(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.GaussianBlur(values, (11, 11), 1.5)  # type: ignore[return-value]

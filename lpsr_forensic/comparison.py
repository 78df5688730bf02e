"""Compares rendered candidates with the pixels: each is aligned, blurred, lit like the picture, and subtracted.

Every candidate gets the same freedom: an affine placement, a Gaussian blur, and brightness and contrast with a linear
gradient of both by least squares. All are compared over the same pixels, the row of characters. Placements are found
on pictures whose local mean and contrast were taken out, so that shadows do not draw them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.layouts import Layout
from lpsr_forensic.rendering import Rendering, drawable, render

PENS = (0, 3, 11)
"""Forms of the typeface that are tried with the likeliest candidate."""
BLURS = tuple(float(value) for value in np.geomspace(0.35, 4.0, 10))
"""Standard deviations that are tried, in pixels of the picture."""
MARGINS = (-0.04, 0.03, 0.1)
"""Surroundings of the plate in a crop that are tried, as fractions of its width and height on every side."""
TELLS_APART = 1.05
"""Ratio of squared residuals from which the comparison tells two candidates apart."""
LEAST_FIT = 0.5
"""Fraction of the picture's variance that the best rendering must explain for a comparison to count."""
_PLACING_BLUR = 1.8
"""Standard deviation in pixels with which the first placement is looked for: blurred pictures align from farther."""
_ROUNDS = 2
_LEAST_PIXELS = 40
_LOCAL = 0.35
"""Standard deviation of the Gaussian over which light is evened out, as a fraction of the picture's height."""
_LEAST_CONTRAST = 3.0
"""Grey levels that are added to the local contrast, so that noise is not raised to it."""
_CELL = 0.5
"""Standard deviation in pixels of the box that a pixel averages over, rounded up."""
_ROUGH = cv2.TermCriteria_COUNT | cv2.TermCriteria_EPS, 40, 1e-5
_FINE = cv2.TermCriteria_COUNT | cv2.TermCriteria_EPS, 60, 1e-6


@dataclass(frozen=True)
class Compared:
    """A rendered candidate beside the picture.

    Attributes:
        text: the candidate.
        picture: float32[H, W], 0..255, the rendering as it should look in the picture.
        residual: float32[H, W], picture minus rendering in grey levels; zero outside the row of characters.
        error: root mean square of the residual in grey levels.
        explained: fraction of the picture's variance, without what a gradient of light explains, that the rendering
            explains; at most 1.
        blur: standard deviation of the Gaussian that fits best, in pixels of the picture.
    """

    text: str
    picture: NDArray[np.float32]
    residual: NDArray[np.float32]
    error: float
    explained: float
    blur: float


@dataclass(frozen=True)
class _Placed:
    """Where a rendering lies: warp from picture to rendering, how well it correlates, its blur, pen and polarity."""

    warp: NDArray[np.float32]
    correlation: float
    blur: float
    pen: int
    inverted: bool


@dataclass(frozen=True)
class _Fit:
    """A comparison, and where its rendering lies."""

    compared: Compared
    placed: _Placed


def compare(luma: NDArray[np.float32], candidates: Sequence[tuple[str, Layout]]) -> tuple[Compared, ...]:
    """Compare candidates with a picture of the plate, in the given order.

    The placement is found with the first candidate. Each candidate then finds its own from there, and again from the
    placement of whichever came nearest to the picture, so that none suffers from a poor start.

    Args:
        luma: float32[H, W], 0..255.
        candidates: texts with their layouts, the likeliest first.

    Returns:
        One for each candidate whose layout the renderer draws; empty where the first one is not drawn, or nothing
        aligns with the picture.
    """
    if not candidates or not drawable(candidates[0][1].pattern) or min(luma.shape) < 8:
        return ()
    drawn = [(text, layout.pattern) for text, layout in candidates if drawable(layout.pattern)]
    start = _place(luma, *drawn[0])
    if start is None:
        return ()
    fits: list[_Fit] = []
    for _ in range(_ROUNDS):
        chosen = _characters(luma, render(*drawn[0], start.pen), start.warp)
        if int(chosen.sum()) < _LEAST_PIXELS:
            return ()
        fits = [_fit(luma, render(*each, start.pen), start, chosen) for each in drawn]
        nearest = min(fits, key=lambda fit: fit.compared.error)
        start = nearest.placed
    return tuple(fit.compared for fit in fits)


def _place(luma: NDArray[np.float32], text: str, pattern: str) -> _Placed | None:
    """Find where the likeliest candidate lies, over margins, pens, blurs and both polarities."""
    found: list[_Placed] = []
    for inverted in (False, True):
        drawn = render(text, pattern, PENS[0])
        for margins in product(MARGINS, MARGINS):
            start = _filling(luma, drawn, *margins)
            found += _aligned(luma, drawn, start, _PLACING_BLUR, PENS[0], inverted, _ROUGH)
    if not found:
        return None
    best = max(found, key=lambda each: each.correlation)
    for pen in PENS[1:]:
        drawn = render(text, pattern, pen)
        found += _aligned(luma, drawn, best.warp, best.blur, pen, best.inverted, _ROUGH)
    return max(found, key=lambda each: each.correlation)


def _aligned(
    luma: NDArray[np.float32],
    drawn: Rendering,
    start: NDArray[np.float32],
    blur: float,
    pen: int,
    inverted: bool,
    steps: tuple[int, int, float],
) -> list[_Placed]:
    """The placement that maximises the correlation from a start; none where that does not converge."""
    source = _blurred(drawn, start, blur, inverted)
    mask: NDArray[np.uint8] = np.zeros(source.shape, np.uint8)
    left, top, right, bottom = drawn.characters
    mask[top:bottom, left:right] = 255
    reach = luma.shape[0] * _LOCAL
    across, down = float(np.hypot(*start[:, 0])), float(np.hypot(*start[:, 1]))
    target, moving = _flattened(luma, reach, reach), _flattened(source, reach * across, reach * down)
    try:
        correlation, found = cv2.findTransformECC(target, moving, start.copy(), cv2.MOTION_AFFINE, steps, mask, 1)
    except cv2.error:
        return []
    warp: NDArray[np.float32] = np.asarray(found, np.float32)
    if not _plausible(warp, start):
        return []
    return [_Placed(warp, float(correlation), blur, pen, inverted)]


def _fit(luma: NDArray[np.float32], drawn: Rendering, start: _Placed, chosen: NDArray[np.bool_]) -> _Fit:
    """The rendering of one candidate that comes nearest to the picture, over neighbouring blurs from a start."""
    tried: dict[int, _Fit] = {}

    def at(index: int) -> float:
        if not 0 <= index < len(BLURS):
            return np.inf
        if index not in tried:
            tried[index] = _fit_at(luma, drawn, start, BLURS[index], chosen)
        return tried[index].compared.error

    index = int(np.argmin(np.abs(np.log(np.array(BLURS) / start.blur))))
    while (nearest := min((index, index - 1, index + 1), key=at)) != index:
        index = nearest
    return tried[index]


def _fit_at(
    luma: NDArray[np.float32], drawn: Rendering, start: _Placed, blur: float, chosen: NDArray[np.bool_]
) -> _Fit:
    found = _aligned(luma, drawn, start.warp, blur, start.pen, start.inverted, _FINE)
    placed = found[0] if found else replace(start, blur=blur)
    source = _blurred(drawn, placed.warp, blur, start.inverted)
    fitted = _lit(luma, _sampled(source, placed.warp, luma.shape), chosen)
    residual = np.where(chosen, luma - fitted, 0).astype(np.float32)
    error = float(np.sqrt((residual[chosen] ** 2).mean()))
    unlit = (luma - _lit(luma, None, chosen))[chosen]
    explained = 1 - error**2 / max(float((unlit**2).mean()), 1e-6)
    return _Fit(Compared(drawn.text, fitted, residual, error, explained, blur), placed)


def _filling(luma: NDArray[np.float32], drawn: Rendering, beside: float, above: float) -> NDArray[np.float32]:
    """float32[2, 3]: from the picture to a rendering whose plate fills the picture up to two margins."""
    margin = np.array([beside, above])
    height, width = luma.shape
    low, high = drawn.corners[0], drawn.corners[2]
    across, down = (high - low) * (1 + 2 * margin) / (width, height)
    origin = low - margin * (high - low)
    return np.array([[across, 0, origin[0] + across / 2 - 0.5], [0, down, origin[1] + down / 2 - 0.5]], np.float32)


def _blurred(drawn: Rendering, warp: NDArray[np.float32], blur: float, inverted: bool) -> NDArray[np.float32]:
    """The rendering blurred as a picture with these pixels shows it, 0..255."""
    across, down = float(np.hypot(*warp[:, 0])), float(np.hypot(*warp[:, 1]))
    total = float(np.hypot(blur, _CELL * 0.577))
    values = drawn.luma * np.float32(255)
    return cv2.GaussianBlur(255 - values if inverted else values, (0, 0), total * across, sigmaY=total * down)  # type: ignore[return-value]


def _flattened(picture: NDArray[np.float32], across: float, down: float) -> NDArray[np.float32]:
    """A picture without its local mean and contrast over Gaussians of these standard deviations in pixels."""

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        # Averaged at a quarter of the size or less, where a wide Gaussian costs little.
        height, width = values.shape
        shrink = max(int(min(across, down) / 3), 1)
        size = max(width // shrink, 2), max(height // shrink, 2)
        small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), across * size[0] / width, sigmaY=down * size[1] / height)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]

    rest = picture - mean(picture)
    return rest / np.sqrt(mean(rest * rest) + np.float32(_LEAST_CONTRAST**2))


def _sampled(source: NDArray[np.float32], warp: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, warp, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _lit(
    luma: NDArray[np.float32], rendered: NDArray[np.float32] | None, chosen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The rendering with the brightness and contrast, both linear over the picture, that come nearest to it.

    Without a rendering it is the brightness alone.
    """
    down, across = np.mgrid[-1 : 1 : luma.shape[0] * 1j, -1 : 1 : luma.shape[1] * 1j]
    terms = [np.ones(luma.shape), across, down]
    if rendered is not None:
        terms += [rendered.astype(np.float64) * each for each in terms]
    stack = np.stack(terms, axis=2)
    weights, *_ = np.linalg.lstsq(stack[chosen], luma[chosen].astype(np.float64), rcond=None)
    return (stack @ weights).clip(0, 255).astype(np.float32)


def _characters(luma: NDArray[np.float32], drawn: Rendering, warp: NDArray[np.float32]) -> NDArray[np.bool_]:
    """bool[H, W]: the pixels of the row of characters."""
    mask = np.zeros(drawn.luma.shape, np.float32)
    left, top, right, bottom = drawn.characters
    mask[top:bottom, left:right] = 1
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(mask, warp, (luma.shape[1], luma.shape[0]), flags=flags, borderValue=(0.0,))
    chosen: NDArray[np.bool_] = np.asarray(found) > 0
    return chosen


def _plausible(warp: NDArray[np.float32], start: NDArray[np.float32]) -> bool:
    """Whether a placement keeps the plate's size within a third of where it began, and does not turn it over."""
    before, after = np.abs(np.linalg.det(start[:, :2])), np.linalg.det(warp[:, :2])
    return bool(before / 2 < after < 2 * before)

"""Rows of characters: connected strokes of one height, side by side on a line, spaced as a plate spaces them.

The picture is thresholded against its neighbourhood at several scales, in both polarities. Components shaped
like characters are linked to their neighbours, linked groups are cleaned with a robust line, and the spacing of
what remains is fitted to the cells of a plate, which tells where the plate begins and ends even when one or two
characters were not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lpsr_core.geometry import Quad
from lpsr_run.locate.base import Location


@dataclass(frozen=True)
class PlateForm:
    """Where a car plate's characters lie, in millimetres.

    Attributes:
        centres: of the seven cells, from the plate's left edge.
        character: height of a character.
        middle: of the row of characters, from the upper edge.
        size: width and height of the plate.
    """

    centres: tuple[float, ...]
    character: float
    middle: float
    size: tuple[float, float] = (400.0, 130.0)


BRAZILIAN_FORM = PlateForm((45.0, 92.5, 140.0, 213.0, 260.0, 307.0, 354.0), 63.0, 80.0)
MERCOSUR_FORM = PlateForm((63.0, 109.0, 155.0, 201.0, 247.0, 293.0, 339.0), 65.0, 80.0)
FORMS = (BRAZILIAN_FORM, MERCOSUR_FORM)


@dataclass(frozen=True)
class RowSettings:
    """What counts as a row of characters. Lengths are in pixels of the scale at hand, or in character heights.

    Attributes:
        shortest, tallest: heights of a character at one scale; scales are an octave apart.
        window: side of the neighbourhood whose mean is the threshold.
        contrast: least difference from that mean: a constant and a share of the mean.
        tilt: steepest slope of a row.
        fewest: characters that a row needs.
        slim: median width of a row's characters, in heights, below which they look like a fence.
        misfit: largest RMS distance of characters from their cells, in character heights.
    """

    shortest: int = 7
    tallest: int = 30
    window: int = 25
    contrast: tuple[float, float] = (4.0, 0.05)
    tilt: float = 0.4
    fewest: int = 5
    misfit: float = 0.16
    slim: float = 0.42


@dataclass(frozen=True)
class _Components:
    """Components that may be characters: centres, widths and heights, float64[N] each, sorted by x."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    width: NDArray[np.float64]
    height: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, chosen: NDArray) -> _Components:
        return _Components(self.x[chosen], self.y[chosen], self.width[chosen], self.height[chosen])


def rows_of(gray: NDArray[np.uint8], settings: RowSettings) -> Iterator[Location]:
    """Plates around the rows of characters of one scale, unfiltered.

    Args:
        gray: uint8[H, W].
        settings: what counts as a row.
    """
    mean = cv2.blur(gray, (settings.window, settings.window))
    constant, share = settings.contrast
    margin = cv2.convertScaleAbs(mean, alpha=share, beta=constant)
    for mask in (cv2.subtract(mean, gray) > margin, cv2.subtract(gray, mean) > margin):
        components = _character_like(mask.view(np.uint8), settings)
        for group in _groups(components, settings):
            yield from _plates(group, components, settings)


def _character_like(mask: NDArray[np.uint8], settings: RowSettings) -> _Components:
    """Components of a binary picture with a character's size, proportions and fill."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4, ltype=cv2.CV_32S)
    left, top, width, height, area = stats[1:].astype(np.float64).T
    fits = (height >= settings.shortest) & (height <= settings.tallest)
    fits &= (width >= 0.1 * height) & (width <= 1.15 * height) & (area > 0.15 * width * height)
    left, top, width, height = left[fits], top[fits], width[fits], height[fits]
    found = _Components(left + width / 2, top + height / 2, width, height)
    return found.take(np.argsort(found.x, kind="stable"))


def _groups(components: _Components, settings: RowSettings) -> Iterator[_Components]:
    """Components linked to neighbours of like height at a character's distance."""
    if len(components) < settings.fewest:
        return
    # Rows are wide and flat: squeezing x lets one radius serve both directions.
    reach = 1.7
    points = np.stack([components.x / reach, components.y / 0.8], axis=1)
    pairs = cKDTree(points).query_pairs(float(settings.tallest), output_type="ndarray")
    if not len(pairs):
        return
    first, second = pairs.T
    dx = np.abs(components.x[second] - components.x[first])
    dy = np.abs(components.y[second] - components.y[first])
    low = np.minimum(components.height[first], components.height[second])
    high = np.maximum(components.height[first], components.height[second])
    linked = (low > 0.75 * high) & (dx > 0.3 * high) & (dx < reach * high)
    linked &= dy < settings.tilt * dx + 0.1 * high
    first, second = first[linked], second[linked]
    count = len(components)
    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    ends = np.cumsum(sizes)
    for label in np.flatnonzero(sizes >= settings.fewest):
        yield components.take(np.sort(order[ends[label] - sizes[label] : ends[label]]))


def _plates(group: _Components, around: _Components, settings: RowSettings) -> Iterator[Location]:
    """The plates that the characters of a group spell; a group may hold several rows."""
    remaining = group
    for _ in range(4):
        if len(remaining) < settings.fewest or len(remaining) > 120:
            return
        inliers = _line(remaining, settings)
        if inliers.sum() < settings.fewest:
            return
        row = remaining.take(inliers)
        # A gap wider than the plate's central one parts two rows.
        breaks = np.flatnonzero(np.diff(row.x) > 2.1 * np.median(row.height)) + 1
        for run in np.split(np.arange(len(row)), breaks):
            if len(run) >= settings.fewest:
                location = _fit(row.take(run), around, settings)
                if location is not None:
                    yield location
        remaining = remaining.take(~inliers)


def _line(group: _Components, settings: RowSettings) -> NDArray[np.bool_]:
    """bool[N]: the largest set of components of one height on one line (exhaustive over pairs)."""
    a, b = np.triu_indices(len(group), 1)
    dx = group.x[b] - group.x[a]
    height = np.maximum(group.height[a], group.height[b])
    useful = (dx > 1.2 * height) & (np.abs(group.y[b] - group.y[a]) < settings.tilt * dx)
    useful &= np.minimum(group.height[a], group.height[b]) > 0.85 * height
    a, b, dx = a[useful], b[useful], dx[useful]
    if not len(a):
        return np.zeros(len(group), bool)
    if len(a) > 400:
        chosen = np.linspace(0, len(a) - 1, 400).astype(int)
        a, b, dx = a[chosen], b[chosen], dx[chosen]
    slope = (group.y[b] - group.y[a]) / dx
    offset = group.y[a] - slope * group.x[a]
    size = (group.height[a] + group.height[b]) / 2
    distance = np.abs(group.y[None] - slope[:, None] * group.x[None] - offset[:, None])
    near = distance < 0.14 * size[:, None] + 0.5
    near &= np.abs(group.height[None] - size[:, None]) < 0.14 * size[:, None] + 1.0
    cost = np.where(near, distance / size[:, None], 0.0).sum(axis=1)
    best: NDArray[np.bool_] = near[int(np.argmax(near.sum(axis=1) - 0.5 * cost))]
    return best


@lru_cache(maxsize=32)
def _assignments(count: int) -> NDArray[np.intp]:
    """intp[M, count]: the ways in which `count` characters may take cells of seven, in order."""
    return np.array(list(combinations(range(7), count)), np.intp)


def _fit(row: _Components, around: _Components, settings: RowSettings) -> Location | None:
    """The plate whose cells the characters of a row fill best, or None when they fit no plate."""
    slope, offset = np.polyfit(row.x, row.y, 1)
    height = float(np.median(row.height))
    cosine = 1 / float(np.hypot(1, slope))
    along = row.x / cosine  # distances along the row
    best: tuple[float, float, float, PlateForm, int] | None = None
    for start in range(max(len(row) - 6, 1)):
        part = along[start : start + 7]
        for form in FORMS:
            cells = np.array(form.centres)[_assignments(len(part))] / form.character
            spread = cells - cells.mean(axis=1, keepdims=True)
            offsets = part - part.mean()
            scale = (spread @ offsets) / (spread**2).sum(axis=1)
            residual = offsets[None] - scale[:, None] * spread
            misfit = np.sqrt((residual**2).mean(axis=1)) / height
            # Cells may look narrower than they are (seen from the side), hardly ever wider.
            stretch = scale / height
            cost = misfit + 0.25 * np.maximum(0, stretch - 1.08) + 0.12 * np.maximum(0, 0.9 - stretch)
            cost += 0.04 * (7 - len(part)) + 0.01 * abs(len(row) - len(part))
            cost[(stretch < 0.6) | (stretch > 1.25)] = np.inf
            index = int(cost.argmin())
            if best is None or cost[index] < best[0]:
                origin = float(part.mean() - scale[index] * cells[index].mean())
                best = float(cost[index]), origin, float(scale[index]), form, len(part)
    if best is None or not np.isfinite(best[0]):
        return None
    cost_, origin, scale_, form, count = best
    if cost_ - 0.04 * (7 - count) > settings.misfit:
        return None
    # `origin` is the plate's left edge along the row, `scale_` the pixels of a character height across.
    direction = np.array([cosine, slope * cosine])
    normal = np.array([-direction[1], direction[0]])
    across, upward = scale_ / form.character, height / form.character
    left = np.array([origin * cosine, slope * origin * cosine + offset])
    up, down = -form.middle * upward * normal, (form.size[1] - form.middle) * upward * normal
    right = left + form.size[0] * across * direction
    corners = [left + up, right + up, right + down, left + down]
    evenness = float(np.std(row.height) / height)
    score = 1.0 - 2.2 * cost_ - evenness - 0.04 * _neighbours(row, around, slope, offset, height)
    score -= 0.5 * max(0.0, settings.slim - float(np.median(row.width / row.height)))
    score = float(np.clip(score, 0.0, 1.0))
    return Location(Quad.from_points([corner.tolist() for corner in corners]), score)


def _neighbours(row: _Components, around: _Components, slope: float, offset: float, height: float) -> int:
    """Components as tall as the row's just above and below it, ten at most: gravel and pages of text have many."""
    distance = np.abs(around.y - slope * around.x - offset)
    near = (distance > 0.6 * height) & (distance < 1.7 * height) & (around.height > 0.6 * height)
    near &= (around.x > row.x[0] - height) & (around.x < row.x[-1] + height)
    return min(int(near.sum()), 10)

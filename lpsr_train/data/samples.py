"""Samples of the evaluation: unseen rendered plates, or photographed pairs."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from lpsr_core.alphabet import decode_indices
from lpsr_core.degradation import Method
from lpsr_core.geometry import LR_SIZE, READ_SIZE, resize
from lpsr_train.cameras.shots import ShotSource, render_shots
from lpsr_train.data.pool import Records
from lpsr_train.plates.pairs import PlateSource, render_pair
from lpsr_train.validation.rates import Sample


def rendered_samples(
    method: Method, count: int, seed: int, patterns: tuple[str, ...], rectified: float
) -> Iterator[Sample]:
    """Plates of both layouts, degraded one way; `blur` exactly as the paper's evaluation does.

    Args:
        method: of degradation.
        count: how many.
        seed: of plates and noise.
        patterns: of texts; each country's own when there are none.
        rectified: share that is cut out rectified and tight, as the paper's plates are.
    """
    source = PlateSource(degradations={method: 1.0}, easy=0.0, exact=True, patterns=patterns, rectified=rectified)
    pairs = (render_pair(source, seed, index) for index in range(count))
    return (Sample(pair.lr, pair.hr, pair.text) for pair in pairs)


WIDTHS = {"narrow": (0, 45), "middle": (45, 90), "wide": (90, 10_000)}
"""Names of crops by their width in pixels, from and below."""


@functools.lru_cache(maxsize=4)
def shot_samples(count: int, seed: int, patterns: tuple[str, ...] = ()) -> dict[str, tuple[Sample, ...]]:
    """Render shots of plates that nothing hides, by the crop's width, so many of each of WIDTHS."""
    source = ShotSource(patterns=patterns, absent=0.0, covered=0.0, framed_without=("cut",))
    found: dict[str, list[Sample]] = {name: [] for name in WIDTHS}
    group = 0
    while any(len(samples) < count for samples in found.values()):
        for shot in render_shots(source, seed, group):
            name = next(name for name, (low, high) in WIDTHS.items() if low <= shot.crop.shape[1] < high)
            if len(found[name]) < count:
                seen = resize(shot.crop, READ_SIZE)
                found[name].append(Sample(resize(shot.crop, LR_SIZE), shot.hr, shot.text, seen))
        group += 1
    return {name: tuple(samples) for name, samples in found.items()}


def samples_of(records: Records) -> list[Sample]:
    """All pairs of a pool, in order."""
    taken = records.take(np.arange(len(records)))
    return [Sample(record["lr"], record["hr"], decode_indices(record["text"])) for record in taken]

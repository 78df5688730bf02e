"""The plates that runs are judged on: rendered, photographs degraded here, or pairs that somebody else made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpsr_core.degradation import Method, degrade
from lpsr_core.geometry import to_hr, to_lr
from lpsr_core.labelled import load_labelled
from lpsr_train.data.lists import ListedPair
from lpsr_train.data.records import PairPool
from lpsr_train.data.samples import rendered_samples, samples_of
from lpsr_train.terminal import note_left_out
from lpsr_train.validation.rates import Sample

SYNTHETIC = "synthetic"
Tell = Callable[[int, int], None]
"""Told how many of how many plates are there."""


@dataclass(frozen=True)
class ListedPlates:
    """Pairs of a list (see `data.lists`).

    Attributes:
        name: the list and its split.
        pairs: of that split.
    """

    name: str
    pairs: Sequence[ListedPair]

    def __str__(self) -> str:
        return self.name

    def gather(self, tell: Tell) -> list[Sample]:
        """Read the pairs, padded to 3:1 as the paper's are; says on stderr how many are left out.

        Raises:
            LpsrError: pictures cannot be read.
        """
        pairs = PairPool.from_pairs(self.pairs, padded=True)
        note_left_out(pairs.left_out)
        samples = samples_of(pairs)
        tell(len(samples), len(samples))
        return samples


@dataclass(frozen=True)
class DegradedPlates:
    """Sharp plates, and what a degradation makes of them.

    Attributes:
        data: SYNTHETIC, or a folder of labelled plates.
        degradation: how LR pictures are made.
        count: of rendered plates.
        seed: of rendered plates and of noise.
        rectified: share of rendered plates that are cut out rectified and tight, as the paper's are.
        patterns: of rendered texts; each country's own when there are none.
    """

    data: str
    degradation: Method
    count: int
    seed: int
    rectified: float = 1.0
    patterns: tuple[str, ...] = ()

    def __str__(self) -> str:
        rectified = f", {100 * self.rectified:.0f} % rectified" if self.data == SYNTHETIC else ""
        return f"{self.data}{rectified}, {self.degradation}"

    def gather(self, tell: Tell) -> list[Sample]:
        """Make the plates; says on stderr how many incomplete photographs are left out.

        Raises:
            LpsrError: the folder holds no labelled plates.
        """
        found = []
        total, plates = self._plates()
        for sample in plates:
            found.append(sample)
            tell(len(found), total)
        return found

    def _plates(self) -> tuple[int, Iterator[Sample]]:
        if self.data != SYNTHETIC:
            left_out: list[str] = []
            plates = load_labelled(Path(self.data), left_out.append)
            note_left_out(left_out, "picture")
            rngs = (np.random.default_rng([self.seed, index]) for index in range(len(plates)))
            return len(plates), (
                Sample(to_lr(degrade(plate.crop, self.degradation, rng)), to_hr(plate.crop), plate.text)
                for plate, rng in zip(plates, rngs, strict=True)
            )
        return self.count, rendered_samples(self.degradation, self.count, self.seed, self.patterns, self.rectified)

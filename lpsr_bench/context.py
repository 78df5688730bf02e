"""What every suite is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from typing import Any, Protocol

from lpsr_bench.config import BenchConfig
from lpsr_bench.measure import Budget
from lpsr_bench.networks import CropReader, Networks
from lpsr_bench.samples import Sample, make_sample
from lpsr_core.geometry import Image
from lpsr_core.labelled import Labelled
from lpsr_core.layouts import Layout

Tell = Callable[[str, int, int], None]
"""Told what is being measured, and how much of how much is done."""


class Row(Protocol):
    """One measurement of a suite."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        ...


@dataclass(frozen=True)
class Context:
    """What is measured, on what, and how much.

    Attributes:
        config: of the benchmark.
        networks: generator and reader, and perhaps a reader of LR pictures.
        plates: labelled crops; may be empty.
        crops: at least one, uint8[H, W, 3] of any sizes, to time with.
        frame: uint8[H, W, 3] to search for plates; None where no suite needs one.
        layouts: that plates may follow.
        tell: shows progress; not while time is taken.
        note: takes a line that a reader of the figures has to know.
    """

    config: BenchConfig
    networks: Networks
    plates: Sequence[Labelled]
    crops: Sequence[Image]
    frame: Image | None
    layouts: Sequence[Layout]
    tell: Tell
    note: Callable[[str], None]

    @property
    def budget(self) -> Budget:
        """Of one measurement."""
        return Budget(self.config.seconds, self.config.repeats)

    @cached_property
    def samples(self) -> list[Sample]:
        """The plates, degraded as the configuration says."""
        config = self.config
        self.tell("degrading", 0, len(self.plates))
        return [make_sample(plate, config.degradation, config.seed, index) for index, plate in enumerate(self.plates)]

    def fill(self, count: int, start: int = 0) -> list[Image]:
        """So many crops, from one of them on, beginning again at the end."""
        first = start % len(self.crops)
        return list(islice(cycle(self.crops), first, first + count))

    def reader(self, batch: int) -> CropReader:
        """From crops to texts, with at most so many crops in a forward pass."""
        return CropReader(self.networks, batch, self.layouts)

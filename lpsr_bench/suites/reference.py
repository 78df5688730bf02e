"""The paper's own measure: its 4,000 test plates, one in a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lpsr_bench.context import Context
from lpsr_bench.machine import peak_resident_bytes
from lpsr_bench.networks import Way
from lpsr_core.geometry import to_lr, to_tensor
from lpsr_core.paper import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS

_WARM_UP = 8
_AT_ONCE = 250
"""Plates between two looks at the progress bar; a multiple of what any machine has under way."""


@dataclass(frozen=True)
class ReferenceRun:
    """So many plates at batch 1.

    Attributes:
        way: through the networks.
        plates: that were really run.
        under_way: plates that are worked on at once, each in a forward pass of its own.
        seconds: all of them together.
        stages: seconds by stage; empty for the networks alone.
        peak_resident_bytes: of the process, from its start to the end of this run; None if unknown.
    """

    way: Way
    plates: int
    under_way: int
    seconds: float
    stages: dict[str, float]
    peak_resident_bytes: int | None

    @property
    def seconds_for_paper(self) -> float:
        """For as many plates as the paper ran; measured when `plates` are as many, else in proportion."""
        return self.seconds * PAPER_PLATES / self.plates

    def as_dict(self) -> dict[str, Any]:
        return {
            "way": self.way,
            "batch": 1,
            "under_way": self.under_way,
            "plates": self.plates,
            "seconds": round(self.seconds, 4),
            "seconds_for_4000": round(self.seconds_for_paper, 3),
            "paper_seconds_divided_by_ours": round(PAPER_SECONDS / self.seconds_for_paper, 2),
            "sr3_seconds_divided_by_ours": round(SR3_SECONDS / self.seconds_for_paper, 1),
            "stage_seconds": {name: round(value, 4) for name, value in self.stages.items()},
            "peak_resident_bytes": self.peak_resident_bytes,
        }


def measure_reference(context: Context) -> Iterator[ReferenceRun]:
    """Runs so many plates at batch 1, both ways: the networks alone, and from decoded crop to string."""
    plates, networks = context.config.plates, context.networks
    tensors = [to_tensor([to_lr(crop)]) for crop in context.crops[:plates]]

    def alone(start: int, count: int) -> None:
        networks.through([tensors[index % len(tensors)] for index in range(start, start + count)])

    seconds = _timed(context, alone, "networks")
    yield ReferenceRun("networks", plates, networks.under_way, seconds, {}, peak_resident_bytes())

    reader = context.reader(1)
    seconds = _timed(
        context, lambda start, count: reader.read(context.fill(count, start)), "crop to string", reader.clock.reset
    )
    stages = {str(name): value for name, value in reader.clock.seconds.items() if value > 0}
    yield ReferenceRun("crop to string", plates, networks.under_way, seconds, stages, peak_resident_bytes())


def _timed(
    context: Context, call: Callable[[int, int], object], way: Way, warmed: Callable[[], object] = lambda: None
) -> float:
    """Seconds of all plates; showing the progress is not counted."""
    plates = context.config.plates
    call(0, _WARM_UP)
    warmed()
    seconds = 0.0
    for start in range(0, plates, _AT_ONCE):
        context.tell(f"{plates} plates at batch 1, {way}", start, plates)
        before = perf_counter()
        call(start, min(_AT_ONCE, plates - start))
        seconds += perf_counter() - before
    return seconds

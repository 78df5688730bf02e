"""The paper's own measure: its 4,000 test plates one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lpsr_bench.machine import peak_resident_bytes
from lpsr_bench.measure import Percentiles
from lpsr_bench.networks import CropReader, Networks, Way
from lpsr_bench.reference import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS
from lpsr_bench.suites.common import Tell
from lpsr_core.geometry import Image, to_lr, to_tensor
from lpsr_core.layouts import Layout

_WARM_UP = 3
_TELL_EVERY = 50


@dataclass(frozen=True)
class ReferenceRun:
    """Plates one by one.

    Attributes:
        way: through the networks.
        plates: that were really run.
        seconds: all of them together.
        milliseconds: of one plate.
        stages: seconds by stage; empty for the networks alone.
        peak_resident_bytes: of the process, from its start to the end of this run; None if unknown.
    """

    way: Way
    plates: int
    seconds: float
    milliseconds: Percentiles
    stages: dict[str, float]
    peak_resident_bytes: int | None

    @property
    def seconds_for_paper(self) -> float:
        """For as many plates as the paper ran; measured when `plates` are as many, else in proportion."""
        return self.seconds * PAPER_PLATES / self.plates

    @property
    def times_faster(self) -> float:
        """The paper's time, on its GPU, divided by ours."""
        return PAPER_SECONDS / self.seconds_for_paper

    @property
    def times_faster_than_sr3(self) -> float:
        """The time of SR3, on the paper's GPU, divided by ours."""
        return SR3_SECONDS / self.seconds_for_paper

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "way": self.way,
            "batch": 1,
            "plates": self.plates,
            "seconds": round(self.seconds, 4),
            "seconds_for_4000": round(self.seconds_for_paper, 3),
            "paper_seconds_divided_by_ours": round(self.times_faster, 2),
            "sr3_seconds_divided_by_ours": round(self.times_faster_than_sr3, 1),
            "milliseconds": self.milliseconds.as_dict(),
            "stage_seconds": {name: round(value, 4) for name, value in self.stages.items()},
            "peak_resident_bytes": self.peak_resident_bytes,
        }


def measure_reference(
    networks: Networks, crops: Sequence[Image], plates: int, layouts: Sequence[Layout], tell: Tell
) -> Iterator[ReferenceRun]:
    """Runs so many plates at batch 1, both ways.

    Args:
        networks: generator and reader.
        crops: at least one, uint8[H, W, 3] of any sizes; they are taken in turn.
        plates: how many.
        layouts: that plates may follow.
        tell: told now and then.
    """
    tensors = [to_tensor([to_lr(crop)]) for crop in crops[:plates]]
    seconds = _one_by_one(lambda index: networks.through(tensors[index % len(tensors)]), plates, "networks", tell)
    yield ReferenceRun("networks", plates, sum(seconds), Percentiles.of(seconds), {}, peak_resident_bytes())

    reader = CropReader(networks, 1, layouts)
    seconds = _one_by_one(
        lambda index: reader.read([crops[index % len(crops)]]), plates, "crop to string", tell, reader.clock.reset
    )
    stages = {str(name): value for name, value in reader.clock.seconds.items() if name != "locate"}
    yield ReferenceRun("crop to string", plates, sum(seconds), Percentiles.of(seconds), stages, peak_resident_bytes())


def _one_by_one(
    call: Callable[[int], object], plates: int, way: Way, tell: Tell, warmed: Callable[[], object] = lambda: None
) -> list[float]:
    """Seconds of every plate; showing the progress is not counted."""
    for index in range(_WARM_UP):
        call(index)
    warmed()
    seconds = []
    for index in range(plates):
        if index % _TELL_EVERY == 0:
            tell(f"{plates} plates one by one, {way}", index, plates)
        before = perf_counter()
        call(index)
        seconds.append(perf_counter() - before)
    return seconds

"""Joules a crop, where the machine can tell."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lpsr_bench.context import Context
from lpsr_bench.power import Energy, find_meters

BATCH = 32
_IDLE = 1.0
"""Seconds of doing nothing, for comparison."""


@dataclass(frozen=True)
class Consumption:
    """What one meter saw.

    Attributes:
        meter: its name.
        crops: that were read meanwhile.
        seconds: of reading.
        joules: in that time.
        idle_watts: before, with nothing to do.
    """

    meter: str
    crops: int
    seconds: float
    joules: float
    idle_watts: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "meter": self.meter,
            "batch": BATCH,
            "crops": self.crops,
            "seconds": round(self.seconds, 3),
            "watts": round(self.joules / self.seconds, 3),
            "idle_watts": round(self.idle_watts, 3),
            "joules_per_crop": round(self.joules / self.crops, 5),
        }


def measure_energy(context: Context) -> Iterator[Consumption]:
    """Reads crops for the budget's time under every meter; without a meter, says so in a note."""
    meters = find_meters()
    if not meters:
        context.note("energy: no meter can be read here (RAPL, NVML, INA3221), so it was left out")
        return
    context.tell("energy", 0, 1)
    reader, crops = context.reader(BATCH), context.fill(4 * BATCH)
    reader.read(crops)
    with Energy(meters) as idle:
        time.sleep(min(_IDLE, context.config.seconds))
    count, end = 0, time.perf_counter() + context.config.seconds
    with Energy(meters) as busy:
        while not count or time.perf_counter() < end:
            reader.read(crops)
            count += len(crops)
    for name, joules in busy.joules.items():
        yield Consumption(name, count, busy.seconds, joules, idle.joules[name] / idle.seconds)

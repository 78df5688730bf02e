"""How cost grows: with the number of crops, and with the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

from lpsr_bench.context import Context
from lpsr_bench.machine import resident_bytes
from lpsr_bench.networks import CropReader, open_networks
from lpsr_run.cores import usable_cores

Axis = Literal["crops", "threads"]
BATCH = 32
_FIRST = 1000
_AT_ONCE = 8 * BATCH


@dataclass(frozen=True)
class Scale:
    """One point of a curve.

    Attributes:
        axis: what grows.
        value: how many of it.
        crops: that were read.
        seconds: all of them together, from decoded crop to string.
        resident_bytes: of the process right after; None if unknown.
    """

    axis: Axis
    value: int
    crops: int
    seconds: float
    resident_bytes: int | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "axis": self.axis,
            "value": self.value,
            "batch": BATCH,
            "crops": self.crops,
            "seconds": round(self.seconds, 4),
            "crops_per_second": round(self.crops / self.seconds, 3),
            "resident_bytes": self.resident_bytes,
        }


def measure_scaling(context: Context) -> Iterator[Scale]:
    """Crops from one up by twos and then from a thousand up; then threads from one to those that are usable."""
    reader = context.reader(BATCH)
    reader.read(context.fill(_AT_ONCE))
    for count in counts(context.config.most):
        yield Scale("crops", count, count, _seconds(context, reader, count, f"{count} crops"), resident_bytes())
    cores = usable_cores()
    if context.config.threads or "cpu" not in context.networks.generator.runtime or cores < 2:
        return
    count = min(context.config.most, _FIRST)
    for threads in sorted({*(2**power for power in range(cores.bit_length()) if 2**power <= cores), cores}):
        networks = open_networks(replace(context.config, threads=threads))
        alone = CropReader(networks, BATCH, context.layouts)
        alone.read(context.fill(_AT_ONCE))
        seconds = _seconds(context, alone, count, f"{threads} threads")
        yield Scale("threads", threads, count, seconds, resident_bytes())


def counts(most: int) -> list[int]:
    """1, 10, 100, then 1,000 and its doubles: what is claimed of doubling holds from there on."""
    small = [count for count in (1, 10, 100) if count <= most]
    large = []
    count = _FIRST
    while count <= most:
        large.append(count)
        count *= 2
    return small + large


def _seconds(context: Context, reader: CropReader, count: int, what: str) -> float:
    """Time of reading so many crops, in pieces that do not fill the memory; progress is not counted."""
    seconds = 0.0
    for start in range(0, count, _AT_ONCE):
        context.tell(f"scaling, {what}", start, count)
        crops = context.fill(min(_AT_ONCE, count - start), start)
        before = perf_counter()
        reader.read(crops)
        seconds += perf_counter() - before
    return seconds

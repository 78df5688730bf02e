"""How cost grows: with the number of crops, and with the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

from lpsr_bench.context import Context
from lpsr_bench.networks import CropReader, open_networks
from lpsr_run.process import usable_cores
from lpsr_run.state import resident_bytes

Axis = Literal["crops", "threads"]
BATCH = 32
_FIRST = 1000
_AT_ONCE = 8 * BATCH
_MOST_RUNS = 16
_SHARE = 4
"""A size is run so often that its runs together read this part of the largest size's crops."""


@dataclass(frozen=True)
class Scale:
    """One point of a curve.

    Attributes:
        axis: what grows.
        value: how many of it.
        crops: that were read in a run.
        seconds: of a run, from decoded crops to strings; the mean of all runs.
        resident_bytes: of the process after the last of them; None if unknown.
        runs: how many there were.
    """

    axis: Axis
    value: int
    crops: int
    seconds: float
    resident_bytes: int | None
    runs: int = 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "axis": self.axis,
            "value": self.value,
            "batch": BATCH,
            "crops": self.crops,
            "seconds": round(self.seconds, 4),
            "crops_per_second": round(self.crops / self.seconds, 3),
            "resident_bytes": self.resident_bytes,
            "runs": self.runs,
        }


def measure_scaling(context: Context) -> Iterator[Scale]:
    """Crops from one up by twos and then from a thousand up; then threads from one to those that are usable."""
    reader = context.reader(BATCH)
    reader.read(context.fill(_AT_ONCE))
    spent: dict[int, list[float]] = {}
    plan = runs(context.config.most)
    for number, count in enumerate(plan):
        spent.setdefault(count, []).append(_seconds(context, reader, count, f"{count} crops"))
        if count not in plan[number + 1 :]:
            done = spent[count]
            yield Scale("crops", count, count, sum(done) / len(done), resident_bytes(), len(done))
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


def runs(most: int) -> list[int]:
    """Sizes in the order in which they are run.

    Small sizes are run several times, spread evenly over the whole measurement: the pace of a shared machine changes
    within minutes, and a size that was run once would be compared with others at another pace.
    """
    planned = []
    for count in counts(most):
        times = max(1, min(_MOST_RUNS, most // (_SHARE * count)))
        planned += [((number + 0.5) / times, count) for number in range(times)]
    return [count for _, count in sorted(planned)]


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

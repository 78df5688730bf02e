"""Crops a second and latency of whole batches, both ways through the networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lpsr_bench.measure import Budget, Timing, measure
from lpsr_bench.networks import WAYS, CropReader, Networks, Way
from lpsr_bench.suites.common import Tell, fill
from lpsr_core.geometry import Image, to_lr, to_tensor
from lpsr_core.layouts import Layout


@dataclass(frozen=True)
class Throughput:
    """One way at one batch size."""

    way: Way
    timing: Timing

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"way": self.way, **self.timing.as_dict()}


def measure_throughput(
    networks: Networks,
    crops: Sequence[Image],
    batches: Sequence[int],
    budget: Budget,
    layouts: Sequence[Layout],
    tell: Tell,
) -> Iterator[Throughput]:
    """Measures every batch size, both ways.

    Args:
        networks: generator and reader.
        crops: at least one, uint8[H, W, 3] of any sizes.
        batches: crops in a forward pass.
        budget: of each measurement.
        layouts: that plates may follow.
        tell: told before each measurement.
    """
    done, total = 0, len(batches) * len(WAYS)
    for batch in batches:
        chosen = fill(crops, batch)
        tensor = to_tensor([to_lr(crop) for crop in chosen])
        reader = CropReader(networks, batch, layouts)
        for way in WAYS:
            tell(f"throughput, batch {batch}, {way}", done, total)
            if way == "networks":
                timing = measure(lambda: networks.through(tensor), batch, budget)  # noqa: B023 - called right here
            else:
                timing = measure(lambda: reader.read(chosen), batch, budget)  # noqa: B023
            yield Throughput(way, timing)
            done += 1

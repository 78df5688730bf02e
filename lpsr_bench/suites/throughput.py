"""Crops a second: every batch size both ways through the networks, and several callers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lpsr_bench.context import Context
from lpsr_bench.measure import Timing, measure
from lpsr_bench.networks import Way
from lpsr_core.geometry import to_lr, to_tensor

STREAM_BATCH = 8
"""Crops in a batch of each of several callers."""
_LONG = 32
"""Crops for each of the batches under way at once that a call has at least: its beginning and end, where cores idle,
are to count little, as in a long run."""


@dataclass(frozen=True)
class Throughput:
    """One way at one batch size.

    Attributes:
        way: through the networks.
        streams: callers at once, each with batches of its own.
        timing: of one caller's calls.
        shares: crops a second of each caller, where there are several.
    """

    way: Way
    streams: int
    timing: Timing
    shares: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        values = {"way": self.way, "streams": self.streams, **self.timing.as_dict()}
        if self.shares:
            values["crops_per_second"] = round(sum(self.shares), 3)
            values["crops_per_second_by_stream"] = [round(share, 3) for share in self.shares]
        return values


def measure_throughput(context: Context) -> Iterator[Throughput]:
    """Measures every batch size, both ways, and then every number of callers."""
    config, networks = context.config, context.networks
    several = [count for count in config.streams if count > 1]
    done, total = 0, 2 * len(config.batches) + len(several)
    for batch in config.batches:
        crops = context.fill(batch)
        count = networks.under_way * max(_LONG // batch, 2)
        tensors = [to_tensor([to_lr(crop) for crop in crops])] * count
        context.tell(f"throughput, batch {batch}, networks", done, total)
        # As many batches as the runtime takes at once are one call, or it would idle between them.
        timing = measure(lambda: networks.through(tensors), batch, context.budget)  # noqa: B023 - called right here
        yield Throughput("networks", 1, timing.of_each(count))
        context.tell(f"throughput, batch {batch}, crop to string", done + 1, total)
        reader, many = context.reader(batch), context.fill(batch * count)
        timing = measure(lambda: reader.read(many), batch, context.budget)  # noqa: B023
        yield Throughput("crop to string", 1, timing.of_each(count))
        done += 2
    for streams in several:
        context.tell(f"throughput, {streams} streams", done, total)
        yield _together(context, streams)
        done += 1


def _together(context: Context, streams: int) -> Throughput:
    """So many callers, each reading batches until the time is over."""
    found: list[tuple[float, ...]] = [()] * streams
    failures: list[BaseException] = []
    ready = threading.Barrier(streams)

    def work(number: int) -> None:
        try:
            reader, crops = context.reader(STREAM_BATCH), context.fill(STREAM_BATCH, number * STREAM_BATCH)
            reader.read(crops)
            ready.wait()
            calls: list[float] = []
            start = perf_counter()
            while not calls or perf_counter() - start < context.config.seconds:
                before = perf_counter()
                reader.read(crops)
                calls.append(perf_counter() - before)
            found[number] = tuple(calls)
        except BaseException as error:  # told in the thread that waits
            failures.append(error)
            ready.abort()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise next((error for error in failures if not isinstance(error, threading.BrokenBarrierError)), failures[0])
    shares = tuple(STREAM_BATCH * len(calls) / sum(calls) for calls in found)
    return Throughput("crop to string", streams, Timing(STREAM_BATCH, tuple(found)), shares)

"""How long a single crop waits for its text when crops arrive by themselves.

Open loop: crops arrive at random moments at a given rate, whether or not the last one is done, and each one's time
begins when it arrives. A closed loop, which sends the next crop when the last is done, would not see the queue that
forms behind a slow one (coordinated omission).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpsr_bench.context import Context
from lpsr_bench.measure import Percentiles, measure
from lpsr_run.process import usable_cores

SHARES = (0.3, 0.6, 0.9)
"""Of what the machine does one crop at a time on every core: the rates that are tried when none is given."""
_QUANTILES = 101
_LEAST, _MOST = 30, 20000
_PART = 1000
"""Of a second: how precisely a thread can be woken is about one part."""


@dataclass(frozen=True)
class Latency:
    """Crops that arrived at one rate.

    Attributes:
        rate: crops a second that arrived, on average.
        share: of what the machine does at most; None where the rate was given.
        crops: how many.
        workers: crops that are worked on at once.
        seconds: from the first arrival to the last text.
        milliseconds: from a crop's arrival to its text.
        quantiles: milliseconds that 0, 1, ... 100 % of the crops stay below.
    """

    rate: float
    share: float | None
    crops: int
    workers: int
    seconds: float
    milliseconds: Percentiles
    quantiles: tuple[float, ...]

    @property
    def served(self) -> float:
        """Crops a second that were read; well below `rate` when the machine cannot keep up."""
        return self.crops / self.seconds

    def as_dict(self) -> dict[str, Any]:
        return {
            "crops_per_second_arriving": round(self.rate, 3),
            "crops_per_second_served": round(self.served, 3),
            "share_of_capacity": None if self.share is None else round(self.share, 3),
            "crops": self.crops,
            "workers": self.workers,
            "milliseconds": self.milliseconds.as_dict(),
            "quantiles_milliseconds": [round(value, 4) for value in self.quantiles],
        }


def measure_latency(context: Context) -> Iterator[Latency]:
    """Measures the configuration's rates, or shares of what the machine can do."""
    config = context.config
    workers = config.threads or usable_cores()
    rates: list[tuple[float, float | None]] = [(rate, None) for rate in config.rates]
    if not rates:
        context.tell("latency, capacity", 0, len(SHARES))
        reader, crops = context.reader(1), context.fill(4 * workers)
        capacity = measure(lambda: reader.read(crops), len(crops), context.budget).rate
        rates = [(share * capacity, share) for share in SHARES]
    for done, (rate, share) in enumerate(rates):
        context.tell(f"latency, {rate:.3g} crops/s", done, len(rates))
        yield _open_loop(context, rate, share, workers)


def _open_loop(context: Context, rate: float, share: float | None, workers: int) -> Latency:
    count = int(np.clip(rate * context.config.seconds, _LEAST, _MOST))
    gaps = np.random.default_rng(context.config.seed).exponential(1 / rate, count)
    gaps *= count / rate / gaps.sum()  # so that as many arrive as is said
    crops = context.fill(count)
    waiting: queue.SimpleQueue[tuple[int, float] | None] = queue.SimpleQueue()
    seconds = np.zeros(count)
    ended = np.zeros(workers)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            reader = context.reader(1)
            reader.read(crops[:1])
            ready.wait()
            while (entry := waiting.get()) is not None:
                index, arrival = entry
                reader.read([crops[index]])
                ended[number] = time.perf_counter()
                seconds[index] = ended[number] - arrival
        except BaseException as error:  # told in the thread that waits
            failures.append(error)
            ready.abort()

    ready = threading.Barrier(workers + 1)
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(workers)]
    for thread in threads:
        thread.start()
    start = 0.0
    try:
        ready.wait()
        start = time.perf_counter()
        for index, arrival in enumerate(start + np.cumsum(gaps)):
            # Sleeping, since a loop that looks at the clock would take a core from what is measured.
            while (left := arrival - time.perf_counter()) > 0:
                time.sleep(max(left - 1 / _PART, 1 / _PART) if left > 2 / _PART else left)
            waiting.put((index, float(arrival)))
    except threading.BrokenBarrierError:
        pass
    finally:
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.join()
    for error in failures:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    quantiles = tuple(1000 * float(value) for value in np.percentile(seconds, np.linspace(0, 100, _QUANTILES)))
    return Latency(rate, share, count, workers, float(ended.max()) - start, Percentiles.of(seconds.tolist()), quantiles)

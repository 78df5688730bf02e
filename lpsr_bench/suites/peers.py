"""Peers side by side: the same LR pictures, the same machine, the same clock, one picture in a forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lpsr_bench.context import Context
from lpsr_bench.measure import Percentiles, measure
from lpsr_bench.peers.choose import find_peers
from lpsr_bench.peers.readers import Peer
from lpsr_core.geometry import Image, to_lr
from lpsr_core.metrics import RecognitionRate, recognition_rate

_SLOW = 0.2
"""Seconds a crop from which a call has a single one, and no plates are read for their texts."""
_OURS = "LPSR"


@dataclass(frozen=True)
class Beside:
    """One peer, or ours.

    Attributes:
        name: of it.
        what: its time covers.
        rates: plates read right; None where it does not read or would take too long.
        milliseconds: a crop, when they come one by one; of calls with several, the mean of each call.
        crops_per_second: with all crops given at once and a forward pass for each.
        times: its time a crop divided by ours.
    """

    name: str
    what: str
    rates: RecognitionRate | None
    milliseconds: Percentiles
    crops_per_second: float
    times: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "what": self.what,
            "batch": 1,
            "rates": None if self.rates is None else self.rates.as_dict(),
            "milliseconds": self.milliseconds.as_dict(),
            "crops_per_second": round(self.crops_per_second, 4),
            "time_divided_by_ours": round(self.times, 3),
        }


def measure_peers(context: Context) -> Iterator[Beside]:
    """Ours first, then each peer."""
    crops = [sample.lr for sample in context.samples] or [to_lr(crop) for crop in context.crops]
    truths = [sample.text for sample in context.samples]
    reader = context.reader(1)
    ours = _beside(context, Peer(_OURS, "crop to string", reader.read), crops, truths, None)
    yield ours
    for done, peer in enumerate(find_peers(context), 1):
        context.tell(f"peers, {peer.name}", done, done + 1)
        yield _beside(context, peer, crops, truths, ours.crops_per_second)


def _beside(context: Context, peer: Peer, crops: Sequence[Image], truths: Sequence[str], ours: float | None) -> Beside:
    peer.read(crops[:1])
    start = perf_counter()
    peer.read(crops[:1])
    slow = perf_counter() - start > _SLOW
    alone = measure(lambda: peer.read(crops[:1]), 1, context.budget)
    many = crops[:1] if slow else crops[:64]
    rate = alone.rate if slow else measure(lambda: peer.read(many), len(many), context.budget).rate
    texts = None if slow or not truths else peer.read(crops)
    rates = None if texts is None else recognition_rate(texts, truths)
    return Beside(peer.name, peer.what, rates, alone.milliseconds, rate, (ours or rate) / rate)

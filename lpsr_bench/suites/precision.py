"""Accuracy against speed: the released variants beside each other on the same plates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lpsr_bench.context import Context
from lpsr_bench.measure import measure
from lpsr_bench.networks import CropReader, open_networks
from lpsr_core.cards import PRECISIONS, Precision
from lpsr_core.errors import LpsrError
from lpsr_core.metrics import RecognitionRate, recognition_rate

BATCH = 32
"""Beside batch 1."""


@dataclass(frozen=True)
class Variant:
    """One precision.

    Attributes:
        precision: of both networks.
        runtime: that ran them.
        rates: plates read right, of degraded and super-resolved ones; None without labelled plates.
        same: share of texts that are those of FP32, 0..1; None for FP32 and without it.
        one, many: crops a second at batch 1 and 32, from decoded crop to string.
    """

    precision: Precision
    runtime: str
    rates: RecognitionRate | None
    same: float | None
    one: float
    many: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "runtime": self.runtime,
            "rates": None if self.rates is None else self.rates.as_dict(),
            "share_as_fp32": None if self.same is None else round(self.same, 5),
            "crops_per_second": {"1": round(self.one, 3), str(BATCH): round(self.many, 3)},
        }


def measure_precision(context: Context) -> Iterator[Variant]:
    """Every precision at which both networks are there; the others are named in a note."""
    config = context.config
    if any(choice.endswith((".onnx", ".plan")) or "/" in choice for choice in (config.generator, config.reader)):
        context.note("precision: a file has one precision only; name released models to compare several")
        return
    first: list[str] = []
    for done, precision in enumerate(PRECISIONS):
        context.tell(f"precision, {precision}", done, len(PRECISIONS))
        try:
            networks = open_networks(replace(config, precision=precision))
        except LpsrError:
            context.note(f"precision: no {precision} variant here; make it with: lpsr-export build --{precision}")
            continue
        reader = CropReader(networks, BATCH, context.layouts)
        texts = reader.read([sample.lr for sample in context.samples])
        truths = [sample.text for sample in context.samples]
        if precision == "fp32":
            first = texts
        same = sum(a == b for a, b in zip(texts, first, strict=True)) / len(texts) if first and texts else None
        alone = CropReader(networks, 1, context.layouts)
        few, many = context.fill(8 * networks.under_way), context.fill(BATCH * networks.under_way)
        yield Variant(
            precision,
            networks.generator.runtime,
            recognition_rate(texts, truths) if truths else None,
            None if precision == "fp32" else same,
            measure(lambda: alone.read(few), len(few), context.budget).rate,  # noqa: B023 - called right here
            measure(lambda: reader.read(many), len(many), context.budget).rate,  # noqa: B023
        )

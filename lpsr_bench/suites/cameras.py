"""Where reading falls off: labelled crops as they are, narrower, and compressed harder, as `lpsr-run` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lpsr_bench.context import Context
from lpsr_core.decode import decode
from lpsr_core.delivery import Delivery
from lpsr_core.geometry import Image
from lpsr_core.metrics import RecognitionRate, recognition_rate
from lpsr_core.reliability import Reliability
from lpsr_core.views import SUPER_RESOLVE, SuperResolve
from lpsr_run.pipeline.plate_reader import PlateReader

WIDTHS = (96, 64, 48, 40, 33, 24)
COMPRESSIONS = (("jpeg", 40), ("h264", 28), ("h264", 34), ("hevc", 32))
COMPRESSED_WIDTHS = (None, 64, 48)
SURE = 0.9
"""Confidence from which a reading counts as sure."""
_AT_ONCE = 64


@dataclass(frozen=True)
class Delivered:
    """What was read of crops that were delivered alike.

    Attributes:
        plates: how many.
        narrower: of them, those that had to be made narrower.
        delivery: how they came.
        super_resolve: which of them went through the generator.
        rate: of the texts.
        sure: share of readings with a confidence of at least SURE, 0..1.
        sure_right: share of those that are right; None where there is none.
        reliability: of all confidences.
    """

    plates: int
    narrower: int
    delivery: Delivery
    super_resolve: SuperResolve
    rate: RecognitionRate
    sure: float
    sure_right: float | None
    reliability: Reliability

    def as_dict(self) -> dict[str, Any]:
        return {
            "plates": self.plates,
            "narrower": self.narrower,
            "width": self.delivery.width,
            "codec": self.delivery.codec,
            "level": self.delivery.level,
            "compression": self.delivery.compression,
            "super_resolve": self.super_resolve,
            "rate": self.rate.as_dict(),
            "sure": round(self.sure, 4),
            "sure_right": None if self.sure_right is None else round(self.sure_right, 4),
            "reliability": self.reliability.as_dict(),
        }


def measure_cameras(context: Context) -> Iterator[Delivered]:
    """Every width in every way of reading, then every compression at some widths in the usual way."""
    if not context.plates:
        return
    calibration = context.networks.reader.model.calibration
    readers = {
        way: PlateReader(
            context.networks.reader.engine,
            context.networks.generator.engine,
            way,
            calibration=calibration,
            layouts=context.layouts,
        )
        for way in SUPER_RESOLVE
    }
    for width in (None, *WIDTHS):
        for way in SUPER_RESOLVE:
            yield _measured(context, readers[way], way, Delivery(width))
    for codec, level in COMPRESSIONS:
        for width in COMPRESSED_WIDTHS:
            yield _measured(context, readers["auto"], "auto", Delivery(width, codec, level))  # type: ignore[arg-type]


def _measured(context: Context, reader: PlateReader, way: SuperResolve, delivery: Delivery) -> Delivered:
    plates = context.plates
    what = f"cameras, {'as wide as they are' if delivery.width is None else f'{delivery.width} pixels'}, {way}"
    readings = []
    for start in range(0, len(plates), _AT_ONCE):
        context.tell(f"{what}, {delivery.compression}", start, len(plates))
        crops: list[Image] = [delivery.of(plate.crop) for plate in plates[start : start + _AT_ONCE]]
        readings += [decode(row, context.layouts) for row in reader.read(crops).log_probs]
    right = [reading.text == plate.text for reading, plate in zip(readings, plates, strict=True)]
    sure = [hit for hit, reading in zip(right, readings, strict=True) if reading.confidence >= SURE]
    return Delivered(
        len(plates),
        sum(delivery.width is not None and plate.crop.shape[1] > delivery.width for plate in plates),
        delivery,
        way,
        recognition_rate([reading.text for reading in readings], [plate.text for plate in plates]),
        len(sure) / len(plates),
        sum(sure) / len(sure) if sure else None,
        Reliability.of([reading.confidence for reading in readings], right),
    )

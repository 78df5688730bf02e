"""How many plates are read right: sharp, degraded, and super-resolved; by layout, and by how bad the picture is."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_bench.config import LEVELS
from lpsr_bench.context import Context
from lpsr_bench.networks import Network, Networks, readings_of
from lpsr_bench.samples import Sample, make_sample
from lpsr_core.alphabet import ALPHABET, CLASSES, encode
from lpsr_core.decode import Reading
from lpsr_core.degradation import SSIM_TARGET, Method
from lpsr_core.geometry import Image, to_images, to_tensor
from lpsr_core.labelled import Labelled
from lpsr_core.layouts import Layout
from lpsr_core.metrics import RecognitionRate, characters_right, psnr, recognition_rate, ssim
from lpsr_core.reliability import Reliability

Form = Literal["hr", "bicubic", "sr", "lr direct"]
"""What is read: the HR picture, the LR picture enlarged bicubically, the generator's picture, and once more the
enlarged LR picture, by the reader that was trained on such."""
_AT_ONCE = 32
_SHEET = 4
"""Plates of each kind on the sheet."""


@dataclass(frozen=True)
class Quality:
    """Means of pictures against HR: PSNR in dB (infinite if all are equal), SSIM in -1..1."""

    psnr: float
    ssim: float

    def as_dict(self) -> dict[str, float | None]:
        """For JSON, which has no infinity."""
        return {"psnr_db": round(self.psnr, 3) if math.isfinite(self.psnr) else None, "ssim": round(self.ssim, 4)}


@dataclass(frozen=True)
class Shown:
    """A plate of the sheet.

    Attributes:
        kind: best, median or worst of the plates, by characters that are right and then by confidence.
        truth, read: texts; the second of the super-resolved picture.
        confidence: of the second, 0..1.
        lr, sr, hr: its pictures.
    """

    kind: Literal["best", "median", "worst"]
    truth: str
    read: str
    confidence: float
    lr: Image
    sr: Image
    hr: Image

    def as_dict(self) -> dict[str, Any]:
        """For JSON: pictures as PNG, in base 64."""
        return {
            "kind": self.kind,
            "truth": self.truth,
            "read": self.read,
            "confidence": round(self.confidence, 4),
            **{name: _png(getattr(self, name)) for name in ("lr", "sr", "hr")},
        }


@dataclass(frozen=True)
class Accuracy:
    """What was read of plates that were degraded alike.

    Attributes:
        plates: how many.
        degradation: how the LR pictures were made.
        level: SSIM below which the degradation stopped; None where it has no such end.
        layout: of the plates; `all` for all of them.
        rates: by what was read; `lr direct` only where there is a reader for it.
        sr, bicubic: quality of the generator's and of the enlarged pictures.
        reliability: of the super-resolved readings' confidences.
        confusion: int64[36, 36], true class by class read in super-resolved pictures.
        sheet: best, median and worst plates; empty for parts of a larger set.
    """

    plates: int
    degradation: Method
    level: float | None
    layout: str
    rates: dict[Form, RecognitionRate]
    sr: Quality
    bicubic: Quality
    reliability: Reliability
    confusion: NDArray[np.int64]
    sheet: tuple[Shown, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        return {
            "plates": self.plates,
            "degradation": self.degradation,
            "ssim_below": self.level,
            "layout": self.layout,
            "rates": {form: rate.as_dict() for form, rate in self.rates.items()},
            "quality": {"sr": self.sr.as_dict(), "bicubic": self.bicubic.as_dict()},
            "reliability": self.reliability.as_dict(),
            "classes": ALPHABET,
            "confusion": self.confusion.tolist(),
            "sheet": [shown.as_dict() for shown in self.sheet],
        }


@dataclass(frozen=True)
class _Seen:
    """One plate, degraded and read in every form."""

    sample: Sample
    sr: Image
    readings: dict[Form, Reading]
    sr_quality: tuple[float, float]
    bicubic_quality: tuple[float, float]


def measure_accuracy(context: Context) -> Iterator[Accuracy]:
    """All plates with the configured degradation, then each layout's, then all plates at every level of blur."""
    config = context.config
    if not context.plates:
        return
    level = SSIM_TARGET if config.degradation in ("blur", "noise") else None
    seen = _see(context, config.degradation, level, f"accuracy, {config.degradation}")
    yield _measured(seen, config.degradation, level, "all", sheet=config.sheet)
    kinds = {layout.name: [each for each in seen if layout.fits(each.sample.text)] for layout in context.layouts}
    if sum(map(bool, kinds.values())) > 1:
        for name, chosen in kinds.items():
            if chosen:
                yield _measured(chosen, config.degradation, level, name)
    for target in LEVELS:
        if (config.degradation, level) != ("blur", target):
            yield _measured(_see(context, "blur", target, f"accuracy, SSIM < {target:g}"), "blur", target, "all")


def _see(context: Context, degradation: Method, level: float | None, what: str) -> list[_Seen]:
    """Degrades and reads all plates."""
    plates, seen = context.plates, []
    for start in range(0, len(plates), _AT_ONCE):
        context.tell(what, start, len(plates))
        chosen: Sequence[Labelled] = plates[start : start + _AT_ONCE]
        samples = [
            make_sample(plate, degradation, context.config.seed, start + index, level or SSIM_TARGET)
            for index, plate in enumerate(chosen)
        ]
        seen += _read(context.networks, samples, context.layouts)
    return seen


def _read(networks: Networks, samples: Sequence[Sample], layouts: Sequence[Layout]) -> list[_Seen]:
    """Every form of samples that fit into one batch."""
    hr = to_tensor([sample.hr for sample in samples])
    bicubic = to_tensor([sample.bicubic for sample in samples])
    sr = networks.generator.engine.run({"lr": to_tensor([sample.lr for sample in samples])})["sr"]
    forms: list[tuple[Form, Network, Any]] = [
        ("hr", networks.reader, hr),
        ("bicubic", networks.reader, bicubic),
        ("sr", networks.reader, sr),
    ]
    if networks.lr_reader is not None:
        forms.append(("lr direct", networks.lr_reader, bicubic))
    found = {form: readings_of(network, tensor, layouts) for form, network, tensor in forms}
    return [
        _Seen(
            sample,
            picture,
            {form: readings[index] for form, readings in found.items()},
            (psnr(picture, sample.hr), ssim(picture, sample.hr)),
            (psnr(sample.bicubic, sample.hr), ssim(sample.bicubic, sample.hr)),
        )
        for index, (sample, picture) in enumerate(zip(samples, to_images(sr), strict=True))
    ]


def _measured(
    seen: Sequence[_Seen], degradation: Method, level: float | None, layout: str, sheet: bool = False
) -> Accuracy:
    truths = [each.sample.text for each in seen]
    rates = {form: recognition_rate([each.readings[form].text for each in seen], truths) for form in seen[0].readings}
    readings = [each.readings["sr"] for each in seen]
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    for truth, reading in zip(truths, readings, strict=True):
        np.add.at(confusion, (encode(truth), encode(reading.text)), 1)
    right = [reading.text == truth for reading, truth in zip(readings, truths, strict=True)]
    return Accuracy(
        len(seen),
        degradation,
        level,
        layout,
        rates,
        Quality(*np.mean([each.sr_quality for each in seen], axis=0)),
        Quality(*np.mean([each.bicubic_quality for each in seen], axis=0)),
        Reliability.of([reading.confidence for reading in readings], right),
        confusion,
        tuple(_sheet(seen)) if sheet else (),
    )


def _sheet(seen: Sequence[_Seen]) -> Iterator[Shown]:
    """A few plates each from the two ends and from the middle; of a small set fewer, and none twice."""

    def merit(each: _Seen) -> tuple[int, float]:
        reading = each.readings["sr"]
        right = characters_right(reading.text, each.sample.text)
        # A wrong text is the worse the surer the reader is of it.
        return right, reading.confidence if reading.text == each.sample.text else -reading.confidence

    ranked = sorted(seen, key=merit, reverse=True)
    count = min(_SHEET, len(ranked) // 3)
    middle = (len(ranked) - count) // 2
    for kind, first in (("best", 0), ("median", middle), ("worst", len(ranked) - count)):
        for each in ranked[first : first + count]:
            reading, sample = each.readings["sr"], each.sample
            yield Shown(kind, sample.text, reading.text, reading.confidence, sample.lr, each.sr, sample.hr)  # type: ignore[arg-type]


def _png(image: Image) -> str:
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return base64.b64encode(data.tobytes()).decode("ascii")

"""How many plates are read right: sharp, degraded, and super-resolved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lpsr_bench.networks import Network, Networks, texts_of
from lpsr_bench.samples import Sample, make_sample
from lpsr_bench.suites.common import Tell
from lpsr_core.degradation import Method
from lpsr_core.geometry import Image, to_images, to_tensor
from lpsr_core.labelled import Labelled
from lpsr_core.layouts import Layout
from lpsr_core.metrics import RecognitionRate, psnr, recognition_rate, ssim

Form = Literal["hr", "bicubic", "sr", "lr direct"]
"""What is read: the HR picture, the LR picture enlarged bicubically, the generator's picture, and once more the
enlarged LR picture, by the reader that was trained on such."""
_AT_ONCE = 32


@dataclass(frozen=True)
class Quality:
    """Means of pictures against HR: PSNR in dB (infinite if all are equal), SSIM in -1..1."""

    psnr: float
    ssim: float

    @classmethod
    def of(cls, pairs: Sequence[tuple[Image, Image]]) -> Quality:
        """Of picture and reference, uint8[32, 96, 3] each; at least one pair."""
        values = np.mean([(psnr(image, hr), ssim(image, hr)) for image, hr in pairs], axis=0)
        return cls(float(values[0]), float(values[1]))

    def as_dict(self) -> dict[str, float | None]:
        """For JSON, which has no infinity."""
        return {"psnr_db": round(self.psnr, 3) if math.isfinite(self.psnr) else None, "ssim": round(self.ssim, 4)}


@dataclass(frozen=True)
class Accuracy:
    """What was read.

    Attributes:
        plates: how many.
        degradation: how the LR pictures were made.
        rates: by what was read; `lr direct` only where there is a reader for it.
        sr, bicubic: quality of the generator's and of the enlarged pictures.
    """

    plates: int
    degradation: Method
    rates: dict[Form, RecognitionRate]
    sr: Quality
    bicubic: Quality

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "plates": self.plates,
            "degradation": self.degradation,
            "rates": {form: rate.as_dict() for form, rate in self.rates.items()},
            "quality": {"sr": self.sr.as_dict(), "bicubic": self.bicubic.as_dict()},
        }


def measure_accuracy(
    networks: Networks,
    plates: Sequence[Labelled],
    degradation: Method,
    seed: int,
    layouts: Sequence[Layout],
    tell: Tell,
) -> Accuracy:
    """Reads every plate in every form.

    Args:
        networks: generator, reader, and perhaps a reader of LR pictures.
        plates: at least one.
        degradation: how the LR pictures are made.
        seed: of the degradation's noise.
        layouts: that plates may follow.
        tell: told now and then.
    """
    texts: dict[Form, list[str]] = {}
    sr_pairs: list[tuple[Image, Image]] = []
    bicubic_pairs: list[tuple[Image, Image]] = []
    for start in range(0, len(plates), _AT_ONCE):
        tell("accuracy", start, len(plates))
        chosen = plates[start : start + _AT_ONCE]
        samples = [make_sample(plate, degradation, seed, start + index) for index, plate in enumerate(chosen)]
        found, pictures = _read(networks, samples, layouts)
        for form, part in found.items():
            texts.setdefault(form, []).extend(part)
        sr_pairs += [(picture, sample.hr) for picture, sample in zip(pictures, samples, strict=True)]
        bicubic_pairs += [(sample.bicubic, sample.hr) for sample in samples]
    truths = [plate.text for plate in plates]
    rates = {form: recognition_rate(found, truths) for form, found in texts.items()}
    return Accuracy(len(plates), degradation, rates, Quality.of(sr_pairs), Quality.of(bicubic_pairs))


def _read(
    networks: Networks, samples: Sequence[Sample], layouts: Sequence[Layout]
) -> tuple[dict[Form, list[str]], Sequence[Image]]:
    """Texts by form, and the generator's pictures."""
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
    return {form: texts_of(network, tensor, layouts) for form, network, tensor in forms}, list(to_images(sr))

"""Examines one vehicle's frames: registration, deconvolution, comparison with candidates, and the conclusion."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image, to_images, to_lr, to_tensor
from lpsr_forensic.comparison import compare
from lpsr_forensic.conclusion import CandidateText, Conclusion, candidate_texts, conclude, weigh
from lpsr_forensic.deconvolution import estimate_blur, wiener
from lpsr_forensic.likelihood import TextSet
from lpsr_forensic.material import Material
from lpsr_forensic.registration import Average, average
from lpsr_forensic.validation import ValidationFile
from lpsr_run.config import RunConfig
from lpsr_run.engines.opening import open_network
from lpsr_run.pipeline.plate_reader import enlarge

MOST_COMPARED = 240
"""Width in pixels to which the average is brought, where it is wider, before candidates are compared with it."""


@dataclass(frozen=True)
class ForensicReport:
    """What a report says, before it is a page.

    Attributes:
        material: the frames, and what the networks said about them.
        average: of the registered frames.
        blur: estimated standard deviation of the average's blur, in its pixels.
        sharpened: float32[H, W, 3], the average after Wiener deconvolution.
        network: uint8[32, 96, 3], the generator's picture of the reference frame.
        compared_at: width in pixels of what the candidates were compared with.
        candidates: the likeliest texts, best first; any where the frames show different plates.
        conclusion: by the rule of `lpsr_forensic.conclusion.conclude`.
        validation: figures of the likelihood ratios on labelled pictures; None where none were given.
        case, examiner: as the user named them; may be empty.
        command: that made the report.
    """

    material: Material
    average: Average
    blur: float
    sharpened: NDArray[np.float32]
    network: Image
    compared_at: int
    candidates: tuple[CandidateText, ...]
    conclusion: Conclusion
    validation: ValidationFile | None
    case: str
    examiner: str
    command: str

    @property
    def texts(self) -> TextSet:
        """The texts that were possible."""
        return TextSet.of(self.material.layouts)


def examine(
    material: Material, config: RunConfig, validation: ValidationFile | None, case: str, examiner: str, command: str
) -> ForensicReport:
    """Register, deconvolve, render and compare, and conclude (arguments as of `report.forensic_report`)."""
    images = [each.image for each in material.exhibits]
    mean = average(images)
    blur = estimate_blur(mean.luma)
    sharpened = wiener(mean.picture, blur, mean.noise / np.sqrt(max(mean.frames, 1)))
    generator = open_network(
        config.generator, "generator", config.precision, config.backend, config.threads, device=config.device
    ).engine
    network = to_images(enlarge(generator, to_tensor([to_lr(images[mean.reference])])))[0]
    texts = TextSet.of(material.layouts)
    named = candidate_texts(material.log_probs, material.layouts)
    luma = _narrowed(mean.luma)
    readable = material.plate >= material.min_plate and not material.different
    compared = compare(luma, named) if readable else ()
    candidates = weigh(material.log_probs, named, compared, texts)
    conclusion = conclude(
        material.plate,
        material.min_plate,
        candidates,
        material.log_probs,
        texts,
        bool(material.altered),
        material.different,
    )
    return ForensicReport(
        material,
        mean,
        blur,
        sharpened,
        network,
        luma.shape[1],
        candidates,
        conclusion,
        validation,
        case,
        examiner,
        command,
    )


def _narrowed(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = luma.shape
    if width <= MOST_COMPARED:
        return luma
    size = MOST_COMPARED, max(round(height * MOST_COMPARED / width), 8)
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

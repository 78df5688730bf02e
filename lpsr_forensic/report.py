"""Makes a forensic report of one vehicle's frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.geometry import Image, to_images, to_lr, to_tensor
from lpsr_forensic.comparison import compare
from lpsr_forensic.conclusion import CandidateText, Conclusion, candidate_texts, conclude, weigh
from lpsr_forensic.deconvolution import estimate_blur, wiener
from lpsr_forensic.exhibits import Material, from_evidence, from_images, is_evidence
from lpsr_forensic.likelihood import TextSet
from lpsr_forensic.registration import Average, average
from lpsr_forensic.validation import ValidationFile, load_validation
from lpsr_run.config import RunConfig
from lpsr_run.engines.opening import open_network
from lpsr_run.pipeline.plate_reader import enlarge
from lpsr_run.pipeline.tools import open_tools
from lpsr_run.sinks.base import write_failed
from lpsr_run.sinks.files import replace_file

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
        candidates: the likeliest texts, best first.
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


def forensic_report(
    frames: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    config: RunConfig | None = None,
    validation: str | Path | None = None,
    case: str = "",
    examiner: str = "",
    command: str = "",
    report: Callable[[str], None] = lambda line: None,
) -> ForensicReport:
    """Make the forensic report of one vehicle's frames.

    Args:
        frames: a folder of evidence (`lpsr-run --evidence`) with one read; or pictures that are plates already, as
            files or folders of them.
        out: HTML file to write; None writes nothing.
        config: networks, layouts and thresholds; the defaults of `lpsr-run`.
        validation: result of `benchmarks.likelihood_ratios`, to quote.
        case, examiner: for the head of the report.
        command: that made the report, for the record; default this call.
        report: takes a line about each picture that is left out.

    Returns:
        What the page says.

    Raises:
        UsageError: nothing has that name, or it holds several reads.
        MissingExtraError: jinja2 is not installed.
        LpsrError: no picture can be read, a network cannot be opened, or the page cannot be written.
    """
    given = [frames] if isinstance(frames, (str, Path)) else list(frames)
    paths = [Path(each) for each in given]
    config = config or RunConfig(crops=".")
    if out is not None:
        from lpsr_forensic.page import check_jinja

        check_jinja()
    tools = open_tools(config)
    material = from_evidence(paths[0], tools) if is_evidence(paths) else from_images(paths, tools, config, report)
    quoted = None
    if validation is not None:
        quoted = load_validation(Path(validation), str(material.models.get("reader", {}).get("sha256")))
    made = examine(material, config, quoted, case, examiner, command or f"lpsr.forensic_report({given!r})")
    if out is not None:
        from lpsr_forensic.page import page

        try:
            replace_file(Path(out), page(made).encode(errors="backslashreplace"))
        except OSError as error:
            raise write_failed(Path(out), error) from None
    return made


def examine(
    material: Material, config: RunConfig, validation: ValidationFile | None, case: str, examiner: str, command: str
) -> ForensicReport:
    """Register, deconvolve, render and compare, and conclude (arguments as of `forensic_report`)."""
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
    compared = compare(luma, named) if material.plate >= material.min_plate else ()
    candidates = weigh(material.log_probs, named, compared, texts)
    altered = any(each.intact is False for each in material.exhibits) or (material.recorded and bool(material.left_out))
    conclusion = conclude(material.plate, material.min_plate, candidates, material.log_probs, texts, altered)
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

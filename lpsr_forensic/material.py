"""What a report rests on: the frames of one vehicle with their digests, and what the networks said about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Calibration
from lpsr_core.geometry import Image
from lpsr_core.layouts import Layout
from lpsr_run.engines.models import Model
from lpsr_run.evidence.one_read import Checked


@dataclass(frozen=True)
class Exhibit:
    """One frame of the plate.

    Attributes:
        name: e.g. `Frame 1`.
        source: file that it comes from.
        number: of the frame within its source; None of a single image.
        time: when it was taken, as far as known.
        image: the plate as it was cut, uint8[h, w, 3], RGB.
        file_sha256: of the file's bytes.
        pixels_sha256: of the pixels, row by row, RGB.
        log_probs: float32[7, 36], calibrated; None where it was not read.
        intact: whether the file is what the evidence's manifest says; None where there is no manifest.
    """

    name: str
    source: str
    number: int | None
    time: str
    image: Image
    file_sha256: str
    pixels_sha256: str
    log_probs: NDArray[np.float32] | None
    intact: bool | None = None


@dataclass(frozen=True)
class Material:
    """All that a report is made from.

    Attributes:
        exhibits: frames in order, at least one.
        log_probs: float64[7, 36], fused over all frames; says nothing where they show different plates.
        frames: number of frames that were fused.
        plate: plate score, 0..1.
        layouts: that the text may follow.
        calibration: of the reader; None where the recorded reader is not at hand.
        models: by role; what was used or recorded.
        left_out: lines about pictures that were given and not used.
        made_by: program, libraries, machine, sources and configuration of the reading.
        recorded: whether the networks' answers come from evidence, and not from this program's run.
        min_plate: plate score below which nothing is read.
        unrectified: the plate's box in the whole frame of evidence, as that was delivered; None where it is not kept.
        checked: what was checked of the evidence; None for pictures.
        different: whether nothing was fused, since no plate is shown by most of the pictures that show one.
    """

    exhibits: tuple[Exhibit, ...]
    log_probs: NDArray[np.float64]
    frames: int
    plate: float
    layouts: tuple[Layout, ...]
    calibration: Calibration | None
    models: Mapping[str, Mapping[str, Any]]
    left_out: tuple[str, ...]
    made_by: Mapping[str, Any] = field(repr=False)
    recorded: bool
    min_plate: float
    unrectified: Exhibit | None = None
    checked: Checked | None = None
    different: bool = False

    @property
    def altered(self) -> tuple[str, ...]:
        """Lines about what of the evidence is not what its manifest or its chain says."""
        return () if self.checked is None else self.checked.altered


def model_record(model: Model) -> dict[str, Any]:
    """What is known about a network, for the report."""
    return {
        "name": model.name,
        "file": model.path.name,
        "sha256": model.sha256,
        "card": None if model.card is None else model.card.made_by,
        "parameters": None if model.card is None else model.card.parameters,
        "metrics": {} if model.card is None else model.card.metrics,
    }

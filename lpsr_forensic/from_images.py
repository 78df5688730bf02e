"""The frames of one vehicle from pictures that are plates already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES
from lpsr_core.decode import plate_score
from lpsr_core.errors import LpsrError
from lpsr_core.layouts import parse_layouts
from lpsr_forensic.material import Exhibit, Material, model_record
from lpsr_run.config import RunConfig
from lpsr_run.evidence.contents import digest, read_bytes
from lpsr_run.evidence.provenance import environment
from lpsr_run.history import tempered
from lpsr_run.pipeline.fusion import Contribution, fuse
from lpsr_run.pipeline.tools import Tools
from lpsr_run.redact import shown
from lpsr_run.sources import Report, list_images
from lpsr_run.sources.images import ImageSource

MOST = 32
"""Frames that a report shows; the widest are taken."""


def from_images(paths: Sequence[Path], tools: Tools, config: RunConfig, report: Report) -> Material:
    """The frames of one vehicle from pictures that are plates already.

    Args:
        paths: files, or folders of them.
        tools: opened networks.
        config: layouts and thresholds.
        report: takes the line about each picture that is left out.

    Raises:
        UsageError: nothing has that name.
        LpsrError: no picture shows a plate large enough to be read.
    """
    left_out: list[str] = []

    def leave_out(line: str) -> None:
        left_out.append(line)
        report(line)

    files = [path for given in paths for path in list_images(str(given), report)[0]]
    layouts = parse_layouts(config.layouts)
    images = list(ImageSource(files, leave_out).frames())
    power = tools.calibration.power
    found = fuse(images, tools.reader, leave_out, layouts, power, config.min_plate)
    kept = [each for each in found.contributions if each.left_out is None]
    if found.log_probs is None:  # nothing shows a plate, or no two the same: the report says so of what there is
        kept = list(found.contributions)
    if not kept:
        raise LpsrError("no picture is large enough to hold a plate; give at least one of 8x4 pixels")
    total: NDArray[np.float64] = np.stack([each.log_probs for each in kept]).astype(np.float64).sum(axis=0)
    plate = plate_score(total / len(kept), layouts)
    if found.log_probs is None:
        plate = min(plate, max(each.plate for each in kept))
    shown_ones = _widest(kept)
    digests = {shown(path): digest(read_bytes(path)) for path in files}
    exhibits = tuple(
        Exhibit(
            f"Frame {at}",
            each.source,
            images[each.frame].index or None,
            "not recorded",
            images[each.frame].image,
            digests[each.source],
            digest(np.ascontiguousarray(images[each.frame].image).tobytes()),
            each.log_probs,
        )
        for at, each in enumerate(shown_ones, start=1)
    )
    return Material(
        exhibits,
        np.full_like(total, -np.log(CLASSES)) if found.different else tempered(total, len(kept), power),
        0 if found.log_probs is None else len(kept),
        plate,
        layouts,
        tools.calibration,
        {role: model_record(model) for role, model in tools.models.items()},
        tuple(left_out),
        {**environment(), "config": config.as_dict()},
        False,
        config.min_plate,
        different=found.different,
    )


def _widest(kept: Sequence[Contribution]) -> list[Contribution]:
    widest = sorted(kept, key=lambda each: (-each.width, each.frame))[:MOST]
    return sorted(widest, key=lambda each: each.frame)

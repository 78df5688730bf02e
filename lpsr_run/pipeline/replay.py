"""Computes a read again from its evidence: from the frame to the crop, to what the networks say, to the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lpsr_core.decode import decode
from lpsr_core.errors import UsageError
from lpsr_core.geometry import Quad, rectify
from lpsr_core.layouts import parse_layouts
from lpsr_run.config import RunConfig
from lpsr_run.evidence.contents import CROP, FRAME, MANIFEST, SAID, one_folder, read_bytes, read_history, read_picture
from lpsr_run.evidence.one_read import Checked, check_read
from lpsr_run.pipeline.cut_off import doubt_cut_off
from lpsr_run.pipeline.stream import MARGIN
from lpsr_run.pipeline.tools import open_tools


@dataclass(frozen=True)
class Replayed:
    """What came out.

    Attributes:
        text, confidence: decoded from what the frames said.
        recorded_text, recorded_confidence: that the read tells.
        crop: whether the crop that is cut from the frame is the recorded one, pixel by pixel; None without a frame.
        difference: largest difference of the named frame's log-probabilities; 0 is bit for bit the same.
        models: roles whose model is not the recorded one.
        checked: whether the evidence is what was written.
    """

    text: str
    confidence: float
    recorded_text: str
    recorded_confidence: float
    crop: bool | None
    difference: float
    models: tuple[str, ...]
    checked: Checked

    @property
    def same(self) -> bool:
        """Whether text, confidence, crop and what the networks say are the recorded ones, and nothing was altered."""
        told = (self.text, round(self.confidence, 4)) == (self.recorded_text, self.recorded_confidence)
        same = told and self.crop is not False and self.difference < TOLERANCE and not self.models
        return same and not self.checked.altered


TOLERANCE = 1e-3
"""Of log-probabilities: runtimes add in another order when crops are read in other batches."""


def replay(folder: Path) -> Replayed:
    """Computes one read again.

    Args:
        folder: of the read, or one that holds a single read.

    Raises:
        UsageError: it is no evidence that can be computed again.
        LpsrError: a file of it cannot be read, or a network cannot be opened.
    """
    folder = one_folder(folder)
    told = _manifest(folder)
    checked = check_read(folder)
    read, made_by = told["read"], told["made_by"]
    config = _config(made_by)
    tools = open_tools(config)
    history = read_history(read_bytes(folder / SAID))
    crop = recorded = read_picture(folder / CROP)
    same: bool | None = None
    frame = None if told["frame"] is None else read_picture(folder / FRAME)
    first, second, third, fourth = ((float(x), float(y)) for x, y in told["quad"])
    quad = Quad((first, second, third, fourth))
    if frame is not None and not told["frame"]["blurred_outside_plate"]:
        crop = rectify(frame, quad, MARGIN)
        same = crop.shape == recorded.shape and bool((crop == recorded).all())
    said = tools.reader.read([crop]).log_probs[0]
    if frame is not None:
        said = doubt_cut_off(said, quad, (frame.shape[1], frame.shape[0]))
    then = [one.log_probs for one in history.frames if one.frame == read["frame"]]
    difference = float(np.abs(np.exp(said) - np.exp(then[0])).max()) if then else float("nan")
    reading = decode(history.tempered(), parse_layouts(config.layouts))
    others = tuple(
        role
        for role, model in sorted(tools.models.items())
        if role in made_by["models"]
        and (model.sha256, model.data) != (made_by["models"][role]["sha256"], made_by["models"][role].get("data", {}))
    )
    return Replayed(
        reading.text, reading.confidence, read["text"], read["confidence"], same, difference, others, checked
    )


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(read_bytes(folder / MANIFEST))
        kept = SAID in told["files"] and "read" in told and "made_by" in told
    except (ValueError, KeyError, TypeError):
        kept = False
    if not kept:
        raise UsageError(f"{folder}: holds no read that can be computed again; {MANIFEST} names no {SAID}")
    return told


def _config(made_by: dict[str, Any]) -> RunConfig:
    """The configuration that was recorded, as far as reading goes; the frame is there, so nothing is located."""
    wanted = ("super_resolve", "views", "generator", "reader", "precision", "backend", "threads", "batch")
    told = {name: value for name, value in made_by["config"].items() if name in wanted}
    return RunConfig(crops=".", layouts=tuple(made_by["config"]["layouts"]), **told)

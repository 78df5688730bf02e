"""The frames of a read of `lpsr-run --evidence`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lpsr_core.decode import plate_score
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Quad
from lpsr_core.layouts import parse_layouts
from lpsr_forensic.material import Exhibit, Material, model_record
from lpsr_run.config import RunConfig
from lpsr_run.engines.models import Model
from lpsr_run.evidence.contents import (
    CROP,
    CROP_OF,
    FRAME,
    MANIFEST,
    SAID,
    digest,
    folders_in,
    one_folder,
    read_bytes,
    read_history,
    read_picture,
)
from lpsr_run.evidence.one_read import check_read
from lpsr_run.pipeline.tools import Tools


def is_evidence(paths: Sequence[Path]) -> bool:
    """Whether the paths name a folder of evidence, of one read or of several."""
    return len(paths) == 1 and paths[0].is_dir() and bool(folders_in(paths[0]))


def from_evidence(folder: Path, tools: Tools, public: Path | None = None) -> Material:
    """The frames of one read of `lpsr-run --evidence`.

    Args:
        folder: of the read, or one that holds a single read.
        tools: opened networks, for their cards and the calibration where they are the recorded ones.
        public: PEM file of the key that the chain must be signed with; None checks no signature.

    Raises:
        UsageError: the folder holds several reads, or one that keeps no frames; or the key is none.
        LpsrError: a file cannot be read.
    """
    folder = one_folder(folder)
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        files, read, made_by = dict(told["files"]), dict(told["read"]), dict(told["made_by"])
        config = dict(made_by["config"])
        layouts = parse_layouts(tuple(config["layouts"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LpsrError(f"{folder}: its {MANIFEST} cannot be read: {error}") from None
    if SAID not in files:
        raise UsageError(f"{folder}: keeps nothing of what its frames said; a private read has no report")
    checked = check_read(folder, public)
    history = read_history(read_bytes(folder / SAID))
    said = {one.frame: one for one in history.frames}
    names = {number: CROP_OF.format(number) for number in said if CROP_OF.format(number) in files}
    if not names:  # evidence before schema 3 keeps the crop of the named frame alone
        names = {int(read["frame"]): CROP}
    exhibits = []
    for at, (number, name) in enumerate(sorted(names.items()), start=1):
        data, image = read_bytes(folder / name), read_picture(folder / name)
        time = f"{said[number].milliseconds / 1000:.3f} s" if number in said else ""
        if number == int(read["frame"]) and read.get("time"):
            time = f"{time}; {read['time']}"
        exhibits.append(
            Exhibit(
                f"Frame {at}",
                f"{read['source']} ({name})",
                number,
                time or "not recorded",
                image,
                digest(data),
                digest(np.ascontiguousarray(image).tobytes()),
                said[number].log_probs if number in said else None,
                digest(data) == files[name],
            )
        )
    models, same = _recorded_models(made_by["models"], tools.models)
    count = len(history.frames) + history.rest_frames
    return Material(
        tuple(exhibits),
        history.tempered(),
        count,
        plate_score(history.total() / count, layouts),
        layouts,
        tools.calibration if same else None,
        models,
        (),
        {**made_by, "read": {"run": read.get("run"), "number": read.get("number"), "text": read.get("text")}},
        True,
        float(config.get("min_plate", RunConfig().min_plate)),
        _unrectified(folder, told, files),
        checked,
    )


def _recorded_models(
    recorded: Mapping[str, Mapping[str, Any]], here: Mapping[str, Model]
) -> tuple[dict[str, dict[str, Any]], bool]:
    """The recorded networks, with the card of each that is at hand; and whether the reader is."""
    found: dict[str, dict[str, Any]] = {}
    for role, told in recorded.items():
        same = role in here and here[role].sha256 == told.get("sha256")
        known = model_record(here[role]) if same else {"card": None, "parameters": None, "metrics": {}}
        found[role] = {**known, **told}
    reader = recorded.get("reader", {})
    return found, "reader" in here and here["reader"].sha256 == reader.get("sha256")


def _unrectified(folder: Path, told: Mapping[str, Any], files: Mapping[str, str]) -> Exhibit | None:
    """The pixels around the plate in the whole frame, where that is kept."""
    frame = told.get("frame")
    if FRAME not in files or frame is None or not (folder / FRAME).is_file():
        return None
    data, image = read_bytes(folder / FRAME), read_picture(folder / FRAME)
    box = Quad.from_points(told["quad"]).box.expanded(0.04, 0.12)
    pixels = np.ascontiguousarray(box.crop(image))
    name = "Whole frame around the plate"
    where = f"{FRAME}, box from ({max(box.x, 0):.0f}, {max(box.y, 0):.0f})"
    intact = digest(data) == files[FRAME]
    number, read = int(told["read"]["frame"]), told["read"]
    time = f"{float(read['milliseconds']) / 1000:.3f} s"
    return Exhibit(name, where, number, time, pixels, digest(data), digest(pixels.tobytes()), None, intact)

"""What a report rests on: the frames of one vehicle with their digests, and what the networks said about each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Calibration
from lpsr_core.decode import plate_score
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image, Quad
from lpsr_core.layouts import Layout, parse_layouts
from lpsr_run.config import RunConfig
from lpsr_run.engines.models import Model
from lpsr_run.evidence.contents import CROP, CROP_OF, FRAME, MANIFEST, SAID, digest, read_history, read_picture
from lpsr_run.evidence.provenance import environment
from lpsr_run.pipeline.fusion import Contribution, fuse
from lpsr_run.pipeline.tools import Tools
from lpsr_run.redact import shown
from lpsr_run.sources import Frame, list_images
from lpsr_run.sources.images import ImageSource

MOST = 32
"""Frames that a report shows; the widest are taken."""
Report = Callable[[str], None]


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
        log_probs: float64[7, 36], fused over all frames.
        frames: number of frames that were fused.
        plate: plate score, 0..1.
        layouts: that the text may follow.
        calibration: of the reader; None where the recorded reader is not at hand.
        models: by role; what was used or recorded.
        left_out: lines about what was given and not used.
        made_by: program, libraries, machine, sources and configuration of the reading.
        recorded: whether the networks' answers come from evidence, and not from this program's run.
        min_plate: plate score below which nothing is read.
        unrectified: the plate's box in the whole frame of evidence, as that was delivered; None where it is not kept.
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


def is_evidence(paths: Sequence[Path]) -> bool:
    """Whether the paths name a folder of evidence, of one read or of several."""
    return len(paths) == 1 and paths[0].is_dir() and bool(_folders(paths[0]))


def from_evidence(folder: Path, tools: Tools) -> Material:
    """The frames of one read of `lpsr-run --evidence`.

    Args:
        folder: of the read, or one that holds a single read.
        tools: opened networks, for their cards and the calibration where they are the recorded ones.

    Raises:
        UsageError: the folder holds several reads, or one that keeps no frames.
        LpsrError: a file cannot be read.
    """
    folders = _folders(folder)
    if len(folders) > 1:
        raise UsageError(f"{folder}: holds {len(folders)} reads; give the folder of one, such as {folders[0]}")
    folder = folders[0]
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        files, read, made_by = dict(told["files"]), dict(told["read"]), dict(told["made_by"])
        config = dict(made_by["config"])
        layouts = parse_layouts(tuple(config["layouts"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LpsrError(f"{folder}: its {MANIFEST} cannot be read: {error}") from None
    if SAID not in files:
        raise UsageError(f"{folder}: keeps nothing of what its frames said; a private read has no report")
    history = read_history(_bytes(folder / SAID))
    said = {one.frame: one for one in history.frames}
    names = {number: CROP_OF.format(number) for number in said if CROP_OF.format(number) in files}
    if not names:  # evidence before schema 3 keeps the crop of the named frame alone
        names = {int(read["frame"]): CROP}
    exhibits = []
    for at, (number, name) in enumerate(sorted(names.items()), start=1):
        data, image = _bytes(folder / name), read_picture(folder / name)
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
        _altered(folder, files),
        {**made_by, "read": {"run": read.get("run"), "number": read.get("number"), "text": read.get("text")}},
        True,
        float(config.get("min_plate", RunConfig().min_plate)),
        _unrectified(folder, told, files),
    )


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
    images: dict[int, Frame] = {}
    for frame in ImageSource(files, leave_out).frames():
        images[len(images)] = frame
    power = tools.calibration.power
    found = fuse(iter(images.values()), tools.reader, leave_out, layouts, power, config.min_plate)
    kept = [each for each in found.contributions if each.left_out is None]
    if found.log_probs is None:  # nothing shows a plate: the report says so of the pictures that there are
        kept = list(found.contributions)
    if not kept:
        raise LpsrError("no picture is large enough to hold a plate; give at least one of 8x4 pixels")
    total: NDArray[np.float64] = np.stack([each.log_probs for each in kept]).astype(np.float64).sum(axis=0)
    plate = plate_score(total / len(kept), layouts)
    if found.log_probs is None:
        plate = min(plate, max(each.plate for each in kept))
    shown_ones = _widest(kept)
    digests = {shown(path): digest(_bytes(path)) for path in files}
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
        total / max(len(kept), 1) ** power,
        len(kept),
        plate,
        layouts,
        tools.calibration,
        {role: model_record(model) for role, model in tools.models.items()},
        tuple(left_out),
        {**environment(), "config": config.as_dict()},
        False,
        config.min_plate,
    )


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
    data, image = _bytes(folder / FRAME), read_picture(folder / FRAME)
    box = Quad.from_points(told["quad"]).box.expanded(0.04, 0.12)
    pixels = np.ascontiguousarray(box.crop(image))
    name = "Whole frame around the plate"
    where = f"{FRAME}, box from ({max(box.x, 0):.0f}, {max(box.y, 0):.0f})"
    intact = digest(data) == files[FRAME]
    number, read = int(told["read"]["frame"]), told["read"]
    time = f"{float(read['milliseconds']) / 1000:.3f} s"
    return Exhibit(name, where, number, time, pixels, digest(data), digest(pixels.tobytes()), None, intact)


def _widest(kept: Sequence[Contribution]) -> list[Contribution]:
    widest = sorted(kept, key=lambda each: (-each.width, each.frame))[:MOST]
    return sorted(widest, key=lambda each: each.frame)


def _folders(folder: Path) -> list[Path]:
    if (folder / MANIFEST).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def _altered(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each file of the evidence that is missing, or not what its manifest says."""
    lines = []
    for name, wanted in files.items():
        path = folder / Path(name).name
        if not path.is_file():
            lines.append(f"{name} is missing from the evidence")
        elif digest(_bytes(path)) != wanted:
            lines.append(f"{name} is not the file that the evidence's manifest names: it was changed")
    return tuple(lines)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LpsrError(f"{path}: cannot be read: {error.strerror or error}") from None

"""Tracks of real pairs: several LR frames of one plate as it drives by, and HR frames from when it was near.

Two forms are read. LRLPR-26 and UFPR-SR-Plates have a folder for each track, at any depth:

    track_00001/lr-001.png ... lr-005.png
    track_00001/hr-001.png ... hr-005.png
    track_00001/annotations.json       {"plate_text": "ABC1D23", "corners": {"lr-001.png": {"top-left": [x, y], ...}}}

Tracks to be read blindly have LR frames alone. The other form is this project's own, a CSV file with a line for each
frame, and paths from the file's folder; `hr` and `text` may be empty, and HR pictures are not looked into:

    track,hr,lr,text
    gate-17,near/0.png,far/0.png,ABC1D23
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image, Quad
from lpsr_core.labelled import SUFFIXES, plate_text, read_whole
from lpsr_core.spreadsheet import rows_of
from lpsr_train.data.crops import cut

ANNOTATIONS = "annotations.json"
_CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")
_COLUMNS = ("track", "hr", "lr", "text")


@dataclass(frozen=True)
class Track:
    """One plate in several frames, checked and not read yet.

    Attributes:
        name: of the track.
        lr: pictures of the LR frames, in order.
        text: seven characters, or None where they are not known.
        corners: the plate's corners in each frame, None where they are not known.
        where: folder, or file and line, to lead a message.
    """

    name: str
    lr: tuple[Path, ...]
    text: str | None
    corners: tuple[Quad | None, ...]
    where: str

    def lr_crops(self) -> list[Image]:
        """The LR frames, each uint8[H, W, 3] at its own resolution, rectified where corners are known.

        Raises:
            LpsrError: a file is not a picture, or corners lie outside their frame.
        """
        try:
            frames = [read_whole(path) for path in self.lr]
        except LpsrError as error:
            raise LpsrError(f"{self.where}: {error}") from None
        pairs = enumerate(zip(frames, self.corners, strict=True), start=1)
        return [cut(frame, quad, f"{self.name}, LR frame {number}") for number, (frame, quad) in pairs]


def find_tracks(path: Path) -> list[Track]:
    """Finds and checks the tracks of a folder or a CSV file, without reading their pictures.

    Raises:
        UsageError: there is no such folder or file.
        LpsrError: a track lacks a picture, its text or corners are wrong, or there is no track.
    """
    if path.is_dir():
        found = _from_folders(path)
    elif path.is_file():
        found = _from_table(path)
    else:
        raise UsageError(f"{path}: no such folder or file")
    if not found:
        raise LpsrError(f"{path}: holds no tracks: neither folders with lr-001.png, ... nor lines of track,hr,lr,text")
    return found


def _from_folders(folder: Path) -> list[Track]:
    folders = {path.parent for path in folder.rglob("lr-*") if path.suffix.lower() in SUFFIXES}
    return [_from_folder(track, folder) for track in sorted(folders)]


def _from_folder(track: Path, root: Path) -> Track:
    lr, hr = (
        tuple(sorted(path for path in track.glob(f"{kind}-*") if path.suffix.lower() in SUFFIXES))
        for kind in ("lr", "hr")
    )
    if hr and [path.stem[3:] for path in hr] != [path.stem[3:] for path in lr]:
        raise LpsrError(f"{track}: its {len(lr)} LR and {len(hr)} HR frames do not have the same numbers")
    notes = track / ANNOTATIONS
    values: dict[str, Any] = {}
    text = None
    if notes.is_file():
        values = _read_json(notes)
        text = plate_text(str(values.get("plate_text") or ""), f"{notes}, plate_text")
    corners = values.get("corners") or {}
    if not isinstance(corners, dict):
        raise LpsrError(f"{notes}: corners must name frames")
    name = track.relative_to(root).as_posix() if track != root else track.name
    quads = tuple(_quad(corners.get(path.name), notes, path.name) for path in (*lr, *hr))
    return Track(name, lr, text, quads[: len(lr)], str(track))


def _from_table(table: Path) -> list[Track]:
    rows: dict[str, list[tuple[str, dict[str, str]]]] = {}
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LpsrError(f"{table}: cannot be read: {error}") from None
    for line, row in rows_of(text, _COLUMNS, str(table)):
        rows.setdefault(row["track"], []).append((f"{table}, line {line}", row))
    return [_from_rows(name, lines, table.parent) for name, lines in rows.items()]


def _from_rows(name: str, lines: list[tuple[str, dict[str, str]]], folder: Path) -> Track:
    first, begun = lines[0]
    for where, row in lines:
        if not name or not row["lr"]:
            raise LpsrError(f"{where}: needs the name of a track and an LR picture")
        if row["text"] != begun["text"] or bool(row["hr"]) != bool(begun["hr"]):
            raise LpsrError(f"{where}: track {name!r} has one text, and HR pictures for all its frames or for none")
        for picture in (row["lr"], row["hr"]):
            if picture and not (folder / picture).is_file():
                raise LpsrError(f"{where}: no picture {folder / picture}")
    lr = tuple(folder / row["lr"] for _, row in lines)
    text = plate_text(begun["text"], first) if begun["text"] else None
    return Track(name, lr, text, (None,) * len(lr), first)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise LpsrError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(values, dict):
        raise LpsrError(f"{path}: holds no plate_text")
    return values


def _quad(corners: Any, notes: Path, frame: str) -> Quad | None:
    if corners is None:
        return None
    try:
        quad = Quad.from_points([[float(number) for number in corners[name]] for name in _CORNERS])
    except (KeyError, TypeError, ValueError):
        raise LpsrError(f"{notes}: the corners of {frame} must be {', '.join(_CORNERS)}, each [x, y]") from None
    if not (quad.width >= 1 and quad.height >= 1):  # NaN as well
        raise LpsrError(f"{notes}: the corners of {frame} enclose no plate")
    return quad

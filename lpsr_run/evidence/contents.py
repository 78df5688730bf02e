"""What a folder of evidence holds: pictures, what every frame said, and the manifest that ties them together."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image, Quad
from lpsr_run.history import FrameSaid, History
from lpsr_run.sinks.base import Result

MANIFEST = "evidence.json"
PART = ".part-"
"""Begins the name of a folder that is not finished."""
SCHEMA = 3
CROP, SR, FRAME, SAID = "lr.png", "sr.png", "frame.png", "log_probs.npz"
CROP_OF = "crop-{:08d}.png"
"""The crop of a further frame of the track, by the frame's number."""
_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
_BLUR = 0.06
"""Of the blur outside plates, as a share of the frame's longer side."""


@dataclass(frozen=True)
class Link:
    """Where a folder stands in the chain of its run.

    Attributes:
        index: from 0.
        previous: sha256 of the manifest before it; of the first one the run's identifier's.
    """

    index: int
    previous: str


def digest(data: bytes) -> str:
    """Return the sha256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def files_of(result: Result, blurred: bool) -> dict[str, bytes]:
    """The files of a read beside its manifest.

    Args:
        result: the read with what it rests on.
        blurred: whether everything outside the plate is blurred in the full frame.
    """
    files = {CROP: _png(result.crop)}
    if result.sr is not None:
        files[SR] = _png(result.sr)
    if result.frame is not None:
        files[FRAME] = _png(outside_blurred(result.frame, result.quad) if blurred else result.frame)
    if result.history is not None:
        files[SAID] = _packed(result.history)
        crops = ((said.frame, said.crop) for said in result.history.frames)
        files |= {CROP_OF.format(frame): _png(crop) for frame, crop in crops if crop is not None}
    return files


def manifest_of(
    result: Result, files: Mapping[str, bytes], made_by: Mapping[str, Any], blurred: bool, link: Link
) -> bytes:
    """The manifest of a read: JSON in UTF-8."""
    frame = result.frame
    told = {
        "schema": SCHEMA,
        "read": json.loads(result.read.to_json()),
        "files": {name: digest(data) for name, data in files.items()},
        "frame": None
        if frame is None
        else {
            "width": frame.shape[1],
            "height": frame.shape[0],
            "sha256_of_pixels": digest(np.ascontiguousarray(frame).tobytes()),
            "blurred_outside_plate": blurred,
        },
        "quad": [[float(x), float(y)] for x, y in result.quad.corners],
        "chain": {"index": link.index, "previous": link.previous},
        "made_by": dict(made_by),
    }
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def folders_in(folder: Path) -> list[Path]:
    """The folders of reads in a folder of evidence; the folder itself where it is that of one read."""
    if (folder / MANIFEST).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def one_folder(folder: Path) -> Path:
    """The folder of one read: the one that is given, or the only one in it.

    Raises:
        UsageError: there is none, or there are several.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of evidence")
    found = folders_in(folder)
    if not found:
        raise UsageError(f"{folder}: holds no evidence; give the folder of one read, with its {MANIFEST}")
    if len(found) > 1:
        raise UsageError(f"{folder}: holds {len(found)} reads; give the folder of one, such as {found[0]}")
    return found[0]


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        LpsrError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise LpsrError(f"{path}: cannot be read: {error.strerror or error}") from None


def read_history(data: bytes) -> History:
    """What the frames of a read said, from `log_probs.npz`.

    Raises:
        LpsrError: it is something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            numbers, said, rest = held["frames"], held["log_probs"], held["rest"]
            more, power = int(held["rest_frames"]), float(held["power"])
            times = held["milliseconds"] if "milliseconds" in held else np.zeros(len(numbers))  # before schema 3
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise LpsrError(f"{SAID}: not what frames said: {error}") from None
    if said.shape != (len(numbers), PLATE_LENGTH, CLASSES) or rest.shape != (PLATE_LENGTH, CLASSES):
        raise LpsrError(f"{SAID}: has shapes {said.shape} and {rest.shape}")
    if times.shape != numbers.shape:
        raise LpsrError(f"{SAID}: has {times.shape} times for {numbers.shape} frames")
    rows = zip(numbers, said, times, strict=True)
    frames = tuple(FrameSaid(int(number), row, float(time)) for number, row, time in rows)
    return History(frames, rest, more, power)


def read_picture(path: Path) -> Image:
    """A picture of evidence, uint8[H, W, 3], RGB.

    Raises:
        LpsrError: it cannot be read.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise LpsrError(f"{path}: not a picture that can be read")
    return np.ascontiguousarray(image[..., ::-1], np.uint8)


def outside_blurred(frame: Image, quad: Quad) -> Image:
    """A frame in which nothing but the plate can be recognised.

    Args:
        frame: uint8[H, W, 3].
        quad: of the plate.
    """
    height, width = frame.shape[:2]
    # Shrunk and enlarged, so that what is lost cannot be found again by sharpening.
    cells = max(round(1 / _BLUR), 2)
    small = cv2.resize(frame, (cells, max(cells * height // width, 1)), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = np.zeros((height, width), np.uint8)
    centre = quad.array.mean(axis=0)
    grown = centre + 1.08 * (quad.array - centre)
    cv2.fillPoly(mask, [np.round(grown).astype(np.int32)], 1)
    return np.where(mask[..., None] > 0, frame, blurred).astype(np.uint8)


def _packed(history: History) -> bytes:
    stream = io.BytesIO()
    said: NDArray[np.float32] = np.stack([one.log_probs for one in history.frames]).astype(np.float32)
    np.savez(
        stream,
        frames=np.array([one.frame for one in history.frames], np.int64),
        log_probs=said,
        milliseconds=np.array([one.milliseconds for one in history.frames], np.float64),
        rest=history.rest,
        rest_frames=np.int64(history.rest_frames),
        power=np.float64(history.power),
    )
    return stream.getvalue()


def _png(image: Image) -> bytes:
    return cv2.imencode(".png", image[..., ::-1], _FAST_PNG)[1].tobytes()

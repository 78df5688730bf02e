"""Evidence: a folder a read with its pictures, the full frame, and what ties them together."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from lpsr_core import __version__
from lpsr_core.geometry import Image, Quad
from lpsr_run.sinks.base import Result, write_failed
from lpsr_run.sinks.folder import make_folder

_QUALITY = 92
_STALE_SECONDS = 600.0
_BLUR = 0.06
"""Of the blur outside plates, as a share of the frame's longer side."""


class EvidenceSink:
    """Writes `lr.png`, `sr.png`, `frame.jpg` and `evidence.json` into a folder of their own for every read.

    `evidence.json` holds the read, the sha256 of every other file in the folder, and what made them: this program's
    version, the models' and the engines' sha256. A folder appears whole or not at all.

    Args:
        folder: of the folders.
        made_by: of the run, for the JSON.
        blurred: blurs everything outside the plate in the full frame.

    Raises:
        LpsrError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, made_by: Mapping[str, Any], blurred: bool = False) -> None:
        self._folder, self._made_by, self._blurred = folder, dict(made_by), blurred
        make_folder(folder)
        try:
            for leftover in folder.glob(".part-*"):
                if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:  # not another run's that is just writing
                    shutil.rmtree(leftover, ignore_errors=True)
            self._count = sum(1 for entry in folder.iterdir() if entry.is_dir())
        except OSError as error:
            raise write_failed(folder, error) from None

    def __enter__(self) -> EvidenceSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def write(self, result: Result) -> None:
        if result.hidden:
            return
        self._count += 1
        read = result.read
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(read.source).stem or "source")[-40:]
        name = f"{self._count:06d}-{read.text[:12]}-{stem}-f{read.frame}-t{read.track}"
        part = self._folder / f".part-{os.getpid()}-{name}"
        try:
            part.mkdir()
            files: dict[str, bytes] = {"lr.png": _encoded(".png", result.crop)}
            if result.sr is not None:
                files["sr.png"] = _encoded(".png", result.sr)
            if result.frame is not None:
                shown = outside_blurred(result.frame, result.quad) if self._blurred else result.frame
                files["frame.jpg"] = _encoded(".jpg", shown)
            told = {
                "read": json.loads(read.to_json()),
                "files": {file: hashlib.sha256(data).hexdigest() for file, data in files.items()},
                "frame_blurred_outside_plate": self._blurred,
                "made_by": {"program": f"lpsr {__version__}", **self._made_by},
            }
            files["evidence.json"] = (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()
            for file, data in files.items():
                with (part / file).open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
            part.rename(self._folder / name)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise write_failed(self._folder / name, error) from None


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


def _encoded(suffix: str, image: Image) -> bytes:
    _, data = cv2.imencode(suffix, image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if suffix == ".jpg" else [])
    return data.tobytes()

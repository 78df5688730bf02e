"""What is measured on: labelled plates, the crops to time, and a frame to search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lpsr_core.degradation import SSIM_TARGET, Method, degrade
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import HR_SIZE, Image, resize, to_hr, to_lr
from lpsr_core.labelled import SUFFIXES, Labelled, load_labelled
from lpsr_run.pipeline.stream import SMALLEST
from lpsr_run.sources import open_source

_FRAME_SIZE = (1280, 720)
_STAND_INS = 32
_STAND_IN_SIZE = (120, 40)


@dataclass(frozen=True)
class Sample:
    """One plate in the three forms that are read.

    Attributes:
        lr: uint8[16, 48, 3], degraded.
        bicubic: uint8[32, 96, 3], the LR picture enlarged.
        hr: uint8[32, 96, 3], the sharp one.
        text: the truth.
    """

    lr: Image
    bicubic: Image
    hr: Image
    text: str


def plates_folder() -> Path | None:
    """Where the project's own test plates lie: in the installed package, or in a checkout; None if nowhere."""
    package = Path(__file__).resolve().parent
    for folder in (package / "plates", package.parent / "examples" / "plates"):
        if folder.is_dir() and any(path.suffix.lower() in SUFFIXES for path in folder.iterdir()):
            return folder
    return None


def load_plates(folder: Path, limit: int, leave_out: Callable[[str], None]) -> list[Labelled]:
    """Labelled plates, in the order of their folder.

    Args:
        folder: see `lpsr_core.labelled.load_labelled`.
        limit: most plates; 0 for all.
        leave_out: takes a line for each incomplete picture.

    Raises:
        UsageError: there is no such folder.
        LpsrError: a picture or a label is wrong, or a crop too small to be a plate.
    """
    plates = load_labelled(folder, leave_out)
    for plate in plates:
        height, width = plate.crop.shape[:2]
        if width < SMALLEST[0] or height < SMALLEST[1]:
            least = f"{SMALLEST[0]}x{SMALLEST[1]}"
            raise LpsrError(f"{plate.path}: {width}x{height} pixels are too few for a plate; at least {least}")
    return plates[:limit] if limit else plates


def make_sample(plate: Labelled, degradation: Method, seed: int, index: int, target: float = SSIM_TARGET) -> Sample:
    """Degrades a plate, where the method stops at an SSIM until it falls below the target; the same seed and index
    give the same picture."""
    low = to_lr(degrade(plate.crop, degradation, np.random.default_rng([seed, index]), target))
    return Sample(low, resize(low, HR_SIZE), to_hr(plate.crop), plate.text)


def stand_in_crops(seed: int) -> list[Image]:
    """Pictures of noise in the size of plate crops: as good as plates for timing, which no pixel's value changes."""
    rng = np.random.default_rng(seed)
    shape = (_STAND_INS, _STAND_IN_SIZE[1], _STAND_IN_SIZE[0], 3)
    return list(rng.integers(0, 256, shape, np.uint8))


def paint_frame(crops: Sequence[Image], seed: int) -> Image:
    """A frame for the locator: soft noise, a dark car, and two of the crops on it.

    Args:
        crops: at least one.
        seed: of the noise.

    Returns:
        uint8[720, 1280, 3].
    """
    width, height = _FRAME_SIZE
    coarse = np.random.default_rng(seed).integers(90, 170, (height // 40, width // 40, 3), np.uint8)
    frame: Image = np.ascontiguousarray(cv2.resize(coarse, _FRAME_SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
    cv2.rectangle(frame, (340, 180), (940, 640), (45, 48, 60), cv2.FILLED)
    for crop, size, (left, top) in zip(
        (crops[0], crops[-1]), ((180, 60), (96, 32)), ((550, 520), (60, 300)), strict=True
    ):
        frame[top : top + size[1], left : left + size[0]] = resize(crop, size)
    return frame


def first_frame(spec: str) -> Image:
    """The first frame of a picture, video or stream.

    Raises:
        UsageError: nothing has that name.
        LpsrError: it cannot be decoded.
    """

    def refuse(line: str) -> None:
        raise LpsrError(line)

    for frame in open_source(spec, refuse).frames():
        return frame.image
    raise LpsrError(f"{spec}: holds no frame")

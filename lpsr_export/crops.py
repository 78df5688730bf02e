"""Plates to calibrate and to check graphs with: rendered ones, or a user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image, to_hr, to_lr, to_tensor
from lpsr_train.plates.pairs import PlateSource, render_pair

CALIBRATION_SEED = 7_000_002
CHECK_SEED = 7_000_003
"""Neither of them the seed of a training pool or of each other."""


@dataclass(frozen=True)
class Crops:
    """Crops of plates.

    Attributes:
        images: N of uint8[H, W, 3].
        texts: of the plates; none where they are not known.
    """

    images: tuple[Image, ...]
    texts: tuple[str, ...] = ()


def rendered_crops(count: int, seed: int, patterns: tuple[str, ...] = ()) -> Crops:
    """HR crops of rendered plates at their own resolution and, every second one, degraded to 16x48.

    Args:
        count: how many.
        seed: of the plates.
        patterns: of their texts; each country's own when there are none.
    """
    source = PlateSource(patterns=patterns)
    pairs = [render_pair(source, seed, index) for index in range(count)]
    images = (pair.lr if index % 2 == 0 else pair.crop for index, pair in enumerate(pairs))
    return Crops(tuple(images), tuple(pair.text for pair in pairs))


def folder_crops(folder: Path, count: int) -> Crops:
    """The first images of a folder, by name.

    Raises:
        UsageError: the folder does not exist.
        LpsrError: it holds no readable image.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    crops: list[Image] = []
    for path in sorted(folder.iterdir()):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
        if image is not None:
            crops.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]
        if len(crops) == count:
            break
    if not crops:
        raise LpsrError(f"{folder}: holds no image that can be read; give a folder of plate crops")
    return Crops(tuple(crops))


def lr_batch(crops: Sequence[Image]) -> NDArray[np.float32]:
    """The generator's input: float32[N, 3, 16, 48]."""
    return to_tensor([to_lr(crop) for crop in crops])


def hr_batch(crops: Sequence[Image]) -> NDArray[np.float32]:
    """The reader's input: float32[N, 3, 32, 96]."""
    return to_tensor([to_hr(crop) for crop in crops])

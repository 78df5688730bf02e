"""Plates to calibrate and to check graphs with: rendered ones, or a user's own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image, resize, to_lr, to_tensor
from lpsr_train.cameras.shots import ShotSource, legibility, render_shots

CALIBRATION_SEED = 7_000_002
CHECK_SEED = 7_000_003
"""Neither of them the seed of a training pool or of each other."""
WIDTHS = (40.0, 200.0)
"""Pixels across the rendered crops."""
LEGIBLE = 0.65
"""Legibility (see `cameras.shots`) of the least of them: graphs are compared by texts, which chance decides below."""


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
    """Crops of rendered plates as surveillance cameras deliver them, whole, uncovered and legible.

    Args:
        count: how many.
        seed: of the plates.
        patterns: of their texts; each country's own when there are none.
    """
    source = ShotSource(patterns=patterns, absent=0.0, covered=0.0, framed_without=("cut",), widths=WIDTHS)
    every = (shot for group in itertools.count() for shot in render_shots(source, seed, group))
    shots = list(itertools.islice((shot for shot in every if legibility(shot) >= LEGIBLE), count))
    return Crops(tuple(shot.crop for shot in shots), tuple(shot.text for shot in shots))


def folder_crops(folder: Path, count: int) -> Crops:
    """The first images of a folder, by name.

    Raises:
        UsageError: the folder does not exist.
        LpsrError: it holds no readable image.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    images = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in sorted(folder.iterdir()) if path.is_file())
    read = itertools.islice((image for image in images if image is not None), count)
    crops = tuple(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in read)
    if not crops:
        raise LpsrError(f"{folder}: holds no image that can be read; give a folder of plate crops")
    return Crops(crops)  # type: ignore[arg-type]


def lr_batch(crops: Sequence[Image]) -> NDArray[np.float32]:
    """The generator's input: float32[N, 3, 16, 48]."""
    return to_tensor([to_lr(crop) for crop in crops])


def direct_batch(crops: Sequence[Image], size: tuple[int, int]) -> NDArray[np.float32]:
    """The reader's input, directly, of its `contracts.direct_size`: float32[N, 3, height, width]."""
    return to_tensor([resize(crop, size) for crop in crops])


def enlarged(pictures: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """SR pictures as a reader sees them that takes larger ones: float32[N, 3, 32, 96] -> float32[N, 3, height, width].

    Such a reader repeats their pixels itself; this is for batches that hold pictures of both sizes.
    """
    across, down = size[0] // pictures.shape[3], size[1] // pictures.shape[2]
    return pictures.repeat(down, axis=2).repeat(across, axis=3)

"""Reading a plate from several frames: the frames' log-probabilities are added up before decoding.

Adding log-probabilities takes the frames as independent witnesses; on published tracks it read more than averaging
probabilities or voting on strings (valfride/SSViT-LRLPR).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from lpsr_core.decode import decode
from lpsr_core.degradation import Method, degrade
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, to_lr, to_tensor
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_core.metrics import RecognitionRate, recognition_rate


@dataclass(frozen=True)
class Frames:
    """One plate, several times.

    Attributes:
        lr: uint8[16, 48, 3] of each frame, in order.
        text: the truth.
    """

    lr: tuple[Image, ...]
    text: str


def shaken(crop: Image, method: Method, frames: int, rng: np.random.Generator) -> tuple[Image, ...]:
    """Several bad pictures of one sharp crop, each shifted, scaled and degraded in its own way.

    Args:
        crop: uint8[H, W, 3].
        method: of degradation.
        frames: how many.
        rng: of shifts (up to 1.5 % of the width and 3 % of the height), sizes (up to 2 %) and degradations.

    Returns:
        uint8[16, 48, 3] for each frame.
    """
    height, width = crop.shape[:2]
    found = []
    for _ in range(frames):
        scale = 1 + rng.uniform(-0.02, 0.02)
        shift = rng.uniform(-1, 1, 2) * [0.015 * width, 0.03 * height]
        centre = np.array([width, height]) / 2
        matrix = np.column_stack([scale * np.eye(2), centre - scale * centre + shift])
        moved = cv2.warpAffine(crop, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        found.append(to_lr(degrade(moved, method, rng)))  # type: ignore[arg-type]
    return tuple(found)


@torch.no_grad()
def fused_rates(
    plates: Sequence[Frames],
    reader: nn.Module,
    generator: nn.Module,
    counts: Sequence[int] = (1, 3, 5),
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
) -> dict[int, RecognitionRate]:
    """Recognition rates from the first so many frames of every plate.

    Args:
        plates: at least one; every one has the most frames that are asked for.
        reader, generator: of a run.
        counts: of frames.
        layouts: of the decoder.

    Raises:
        LpsrError: a plate has too few frames.
    """
    short = next((plate for plate in plates if len(plate.lr) < max(counts)), None)
    if short is not None:
        raise LpsrError(f"the plate {short.text} has {len(short.lr)} frames, and {max(counts)} are asked for")
    device = next(reader.parameters()).device
    texts: dict[int, list[str]] = {count: [] for count in counts}
    for plate in plates:
        lr = torch.from_numpy(to_tensor(list(plate.lr[: max(counts)]))).to(device)
        scores = reader(generator(lr)).cpu().numpy()
        for count in counts:
            texts[count].append(decode(scores[:count].sum(axis=0), layouts).text)
    truths = [plate.text for plate in plates]
    return {count: recognition_rate(read, truths) for count, read in texts.items()}

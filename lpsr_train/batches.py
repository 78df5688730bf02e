"""From records of the pool to tensors, with the augmentation that each pass draws anew."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

SHIFT = (2, 1)
"""How far augmentation moves an LR picture at most, across and down, in its pixels; the HR picture moves with it."""


@dataclass(frozen=True)
class Batch:
    """One batch on the device.

    Attributes:
        lr: float32[N, 3, 16, 48] in 0..1.
        hr: float32[N, 3, 32, 96] in 0..1.
        target: int64[N, 7].
    """

    lr: Tensor
    hr: Tensor
    target: Tensor


def to_batch(
    records: NDArray, device: torch.device, rng: np.random.Generator | None = None, clahe: bool = False
) -> Batch:
    """Moves records to the device.

    Args:
        records: of `pool.RECORD`.
        device: where the tensors go.
        rng: augments when given: place (see SHIFT; edges are repeated), contrast (±0.2), brightness (±0.12), tint and
            gamma of both pictures, inversion of both, and sharpening or a little noise of the LR picture.
        clahe: equalises the contrast of the HR pictures, as the authors' code does.
    """

    def tensor(name: str) -> Tensor:
        picture = torch.from_numpy(np.ascontiguousarray(records[name])).to(device)
        return picture.permute(0, 3, 1, 2).float().div(255)

    if clahe:
        records = records.copy()
        records["hr"] = [_equalised(picture) for picture in records["hr"]]
    if rng is not None:
        records = _moved(records, rng)
    lr, hr = tensor("lr"), tensor("hr")
    target = torch.from_numpy(records["text"].astype(np.int64)).to(device)
    if rng is not None:
        count = len(records)

        def draw(values: NDArray) -> Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(device).view(count, 1, 1, 1)

        contrast = draw(np.where(rng.random(count) < 0.5, rng.uniform(0.8, 1.2, count), 1.0))
        contrast = contrast * draw(np.where(rng.random(count) < 0.05, -1.0, 1.0))
        shift = draw(np.where(rng.random(count) < 0.5, rng.uniform(-0.12, 0.12, count), 0.0))
        grain = draw(np.where(rng.random(count) < 0.5, rng.uniform(0, 0.02, count), 0.0))
        gamma = draw(np.where(rng.random(count) < 0.3, rng.uniform(0.7, 1.4, count), 1.0))
        tints = np.where(rng.random((count, 1)) < 0.3, rng.uniform(0.85, 1.15, (count, 3)), 1.0)
        tint = torch.from_numpy(tints.astype(np.float32)).to(device).view(count, 3, 1, 1)
        edges = draw(np.where(rng.random(count) < 0.15, rng.uniform(0.3, 1.5, count), 0.0))
        noise = torch.from_numpy(rng.standard_normal(lr.shape, np.float32)).to(device)

        def shown(picture: Tensor) -> Tensor:
            bent = (picture * tint).clamp(0, 1).pow(gamma)
            return (bent - 0.5) * contrast + 0.5 + shift

        lr = shown(lr)
        lr = lr + edges * (lr - F.avg_pool2d(lr, 3, 1, 1, count_include_pad=False))
        lr = (lr + grain * noise).clamp(0, 1)
        hr = shown(hr).clamp(0, 1)
    form = torch.channels_last
    return Batch(lr.contiguous(memory_format=form), hr.contiguous(memory_format=form), target)


def _equalised(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Contrast-limited adaptive equalisation of the lightness, as the authors set it (limit 4, 2x2 tiles)."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(4.0, (2, 2)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)  # type: ignore[return-value]


def _moved(records: NDArray, rng: np.random.Generator) -> NDArray:
    """Each pair's pictures moved by whole LR pixels, together."""
    across, down = (rng.integers(-limit, limit + 1, len(records)) for limit in SHIFT)
    moved = records.copy()
    for name, scale in (("lr", 1), ("hr", 2)):
        x, y = scale * SHIFT[0], scale * SHIFT[1]
        size = records[name].shape[1:3]
        padded = np.pad(records[name], ((0, 0), (y, y), (x, x), (0, 0)), mode="edge")
        places = sliding_window_view(padded, size, axis=(1, 2))
        chosen = places[np.arange(len(records)), y + scale * down, x + scale * across]
        moved[name] = np.moveaxis(chosen, 1, 3)
    return moved

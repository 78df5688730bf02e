"""From records of the pool to tensors, with the augmentation that each pass draws anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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


def to_batch(records: NDArray, device: torch.device, rng: np.random.Generator | None = None) -> Batch:
    """Moves records to the device.

    Args:
        records: of `pool.RECORD`.
        device: where the tensors go.
        rng: augments when given: contrast (±0.2) and brightness (±0.12) of both pictures, inversion of both, and a
            little noise on the LR picture. Sharpening, colour and gamma vary in the rendering already.
    """

    def tensor(name: str) -> Tensor:
        picture = torch.from_numpy(np.ascontiguousarray(records[name])).to(device)
        return picture.permute(0, 3, 1, 2).float().div(255)

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
        noise = torch.from_numpy(rng.standard_normal(lr.shape, np.float32)).to(device)
        lr = ((lr - 0.5) * contrast + 0.5 + shift + grain * noise).clamp(0, 1)
        hr = ((hr - 0.5) * contrast + 0.5 + shift).clamp(0, 1)
    form = torch.channels_last
    return Batch(lr.contiguous(memory_format=form), hr.contiguous(memory_format=form), target)

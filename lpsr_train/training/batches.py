"""From records of a pool to tensors: on the device, with what each pass draws anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lpsr_train.cameras.shots import Shown
from lpsr_train.degradation import CropBatch, degrade, draw_faults
from lpsr_train.degradation.linear import picked
from lpsr_train.plates.pairs import PlateSource
from lpsr_train.training.losses import soft_targets
from lpsr_train.training.shot_batches import shot_pictures

SHIFT = (2, 1)
"""How far augmentation moves an LR picture at most, across and down, in its pixels; the HR picture moves with it."""
_SOURCE = PlateSource()
"""Whose degradations plates get that have no LR picture yet."""

Fields = Mapping[str, Tensor]
"""The fields of records on a device, pictures as uint8[N, H, W, 3]."""


@dataclass(frozen=True)
class Batch:
    """One batch on the device.

    Attributes:
        lr: float32[N, 3, 16, 48] in 0..1.
        hr: float32[N, 3, 32, 96] in 0..1.
        target: int64[N, 7].
        seen: float32[N, 3, 64, 192] in 0..1, what the reader is shown where nothing is super-resolved; of shots alone.
        known: float32[N, 7] in 0..1, how much of each character can be known; all of it when None.
        plate: bool[N], whether there is a plate that can be read; always when None.
        present: bool[N], whether there is a plate, of any country; always when None.
    """

    lr: Tensor
    hr: Tensor
    target: Tensor
    seen: Tensor | None = None
    known: Tensor | None = None
    plate: Tensor | None = None
    present: Tensor | None = None

    def __getitem__(self, part: slice) -> Batch:
        """Some of its plates."""
        return Batch(**{name: None if values is None else values[part] for name, values in vars(self).items()})  # type: ignore[arg-type]

    @property
    def direct(self) -> Tensor:
        """What the reader is shown directly: float32[N, 3, 64, 192], or the HR pictures where nothing was filmed."""
        return self.hr if self.seen is None else self.seen

    @property
    def wanted(self) -> Tensor:
        """What a reader should say: the texts, int64[N, 7], or distributions where they are not certain."""
        if self.known is None or self.plate is None:
            return self.target
        return soft_targets(self.target, self.known, self.plate)

    @property
    def legible(self) -> Tensor | None:
        """bool[N]: what a reader should say is known, all but plates of other countries; always when None."""
        if self.plate is None or self.present is None:
            return None
        return self.plate | ~self.present

    @property
    def certainty(self) -> Tensor | None:
        """float32[N, 7]: how much each character counts for the generator; all alike when None."""
        if self.known is None or self.plate is None:
            return None
        return self.known * self.plate.view(-1, 1)


def upload(records: NDArray, device: torch.device, clahe: bool = False) -> dict[str, Tensor]:
    """Moves records to a device as they are.

    Args:
        records: of `pool.RECORD` or `pool.CROP_RECORD`.
        device: where they go.
        clahe: equalises the contrast of the HR pictures, as the authors' code does.
    """
    names = [name for name in records.dtype.names or () if name != "method"]
    fields = {name: np.ascontiguousarray(records[name]) for name in names}
    if clahe:
        fields["hr"] = np.array([_equalised(picture) for picture in fields["hr"]])
    # PyTorch hardly computes with unsigned numbers of 16 bits.
    plain = {name: values.astype(np.int32) if values.dtype == np.uint16 else values for name, values in fields.items()}
    return {name: torch.from_numpy(values).to(device) for name, values in plain.items()}


def to_batch(
    records: NDArray | Fields, device: torch.device, rng: np.random.Generator | None = None, clahe: bool = False
) -> Batch:
    """Makes a batch of records.

    Args:
        records: of `pool.RECORD`, `pool.CROP_RECORD` or `SHOT_RECORD`, or their fields on the device (see `upload`).
        device: where the tensors go.
        rng: augments when given: place (see SHIFT; edges are repeated), contrast (±0.2), brightness (±0.12), tint and
            gamma of both pictures, inversion of both, and sharpening or a little noise of the LR picture. Crops get
            their LR pictures by it, and always the same ones without.
        clahe: equalises the contrast of the HR pictures, as the authors' code does; not of fields, whose `upload` did.
    """
    fields = upload(records, device, clahe) if isinstance(records, np.ndarray) else dict(records)
    if rng is None:
        rng, generator, augmented = np.random.default_rng(0), torch.Generator(device), False
    else:
        # Of one stream a step, so that a resumed run repeats it.
        generator, augmented = torch.Generator(device).manual_seed(int(rng.integers(2**62))), True
    if "seen" in fields:
        return _shots(fields, generator if augmented else None)
    lr = _poor(fields, rng, generator) if "crop" in fields else fields["lr"].permute(0, 3, 1, 2)
    hr = fields["hr"].permute(0, 3, 1, 2)
    if augmented:
        lr, hr = _augmented(*_moved(lr, hr, rng), rng, generator)
    else:
        lr, hr = lr.float().div(255), hr.float().div(255)
    form = torch.channels_last
    return Batch(lr.contiguous(memory_format=form), hr.contiguous(memory_format=form), fields["text"].long())


def _shots(fields: Fields, generator: torch.Generator | None) -> Batch:
    """A batch of shots, the narrowest first."""
    order, lr, hr, seen = shot_pictures(fields, generator)
    known, shows = fields["known"][order].float().div(255), fields["plate"][order]
    return Batch(lr, hr, fields["text"][order].long(), seen, known, shows == Shown.PLATE, shows != Shown.NOTHING)


def _poor(fields: Fields, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
    """uint8[N, 3, 16, 48] of crops, with faults drawn now."""
    width, height = (int(side) for side in fields["size"].amax(dim=0))
    pixels = fields["crop"][:, :height, :width].permute(0, 3, 1, 2).float()
    crops = CropBatch(pixels, fields["size"][:, 1], fields["size"][:, 0])
    faults = draw_faults(len(crops), rng, _SOURCE.degradations, _SOURCE.easy, _SOURCE.target)
    return degrade(crops, fields["blurs"], faults, generator)


def _moved(lr: Tensor, hr: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Each pair's pictures moved by whole LR pixels, together."""
    count, device = len(lr), lr.device
    across, down = (torch.from_numpy(rng.integers(-limit, limit + 1, count)).to(device) for limit in SHIFT)

    def moved(picture: Tensor, scale: int) -> Tensor:
        height, width = picture.shape[2:]
        rows = (torch.arange(height, device=device) + scale * down.view(-1, 1)).clamp(0, height - 1)
        columns = (torch.arange(width, device=device) + scale * across.view(-1, 1)).clamp(0, width - 1)
        return picked(picture, rows, columns)

    return moved(lr, 1), moved(hr, 2)


def _augmented(lr: Tensor, hr: Tensor, rng: np.random.Generator, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """uint8 pictures as float32 ones in 0..1, in another light and by another camera."""
    count, device = len(lr), lr.device

    def some(share: float, low: float, high: float, otherwise: float, *more: int) -> Tensor:
        values = np.where(rng.random((count, 1)) < share, rng.uniform(low, high, (count, *(more or (1,)))), otherwise)
        return torch.from_numpy(values.astype(np.float32)).to(device).view(count, -1, 1, 1)

    contrast = some(0.5, 0.8, 1.2, 1.0) * some(0.05, -1.0, -1.0, 1.0)
    shift, grain = some(0.5, -0.12, 0.12, 0.0), some(0.5, 0, 0.02, 0.0)
    gamma, tint = some(0.3, 0.7, 1.4, 1.0), some(0.3, 0.85, 1.15, 1.0, 3)
    edges = some(0.15, 0.3, 1.5, 0.0)

    def shown(picture: Tensor) -> Tensor:
        bent = (picture.float().div(255) * tint).clamp(0, 1).pow(gamma)
        return (bent - 0.5) * contrast + 0.5 + shift

    lr, hr = shown(lr), shown(hr).clamp(0, 1)
    lr = lr + edges * (lr - F.avg_pool2d(lr, 3, 1, 1, count_include_pad=False))
    noise = torch.randn(lr.shape, generator=generator, device=device)
    return (lr + grain * noise).clamp(0, 1), hr


def _equalised(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Contrast-limited adaptive equalisation of the lightness, as the authors set it (limit 4, 2x2 tiles)."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(4.0, (2, 2)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)  # type: ignore[return-value]

"""What the locator's grid should say of a scene, and how wrong it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lpsr_core.grid import GRID_STRIDE

_NEAR = 0.35
"""Cells whose distance from the middle is at most this share of a plate's sides tell its corners."""


@dataclass(frozen=True)
class Targets:
    """Of N pictures, on a grid of h x w cells.

    Attributes:
        heat: float32[N, h, w]: 1 in the cell of a plate's middle, falling off within the plate.
        weight: float32[N, h, w]: how much a cell's corners count; 0 away from plates. They sum to 1 for each plate.
        ignored: float32[N, h, w]: 1 where a plate is cut off by the border, and nothing is asked.
        size: float32[N, h, w]: logarithm of the plate's size in cells.
        corners: float32[N, 8, h, w], from the cell's middle in pixels.
    """

    heat: Tensor
    weight: Tensor
    ignored: Tensor
    size: Tensor
    corners: Tensor


def targets(quads: Tensor, present: Tensor, height: int, width: int, asked: Tensor | None = None) -> Targets:
    """The grid's targets.

    Args:
        quads: float32[N, M, 4, 2], corners in pixels.
        present: bool[N, M], which of them are there.
        height, width: of the pictures.
        asked: bool[N, M], which of those are to be found; all when None. Of the others nothing is asked.
    """
    device = quads.device
    rows, columns = height // GRID_STRIDE, width // GRID_STRIDE
    x = (torch.arange(columns, device=device) + 0.5) * GRID_STRIDE
    y = (torch.arange(rows, device=device) + 0.5) * GRID_STRIDE
    cells = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # [h, w, 2]
    middle = quads.mean(dim=2)  # [N, M, 2]
    right = (quads[:, :, 1] + quads[:, :, 2] - quads[:, :, 0] - quads[:, :, 3]) / 2
    down = (quads[:, :, 3] + quads[:, :, 2] - quads[:, :, 0] - quads[:, :, 1]) / 2
    # A cell's place along the plate's sides, the middle being 0 and the edges half.
    apart = cells[None, None] - middle[:, :, None, None]
    across = (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0])[..., None, None]
    across = torch.where(across.abs() < 1e-3, torch.ones_like(across), across)
    u = (apart[..., 0] * down[:, :, None, None, 1] - apart[..., 1] * down[:, :, None, None, 0]) / across
    v = (apart[..., 1] * right[:, :, None, None, 0] - apart[..., 0] * right[:, :, None, None, 1]) / across
    # A plate smaller than a cell still has the cell of its middle.
    cell_u = GRID_STRIDE / right.norm(dim=-1).clamp(min=1)[..., None, None]
    cell_v = GRID_STRIDE / down.norm(dim=-1).clamp(min=1)[..., None, None]
    spread_u, spread_v = (0.12 + 0.15 * cell for cell in (cell_u, cell_v))
    heat = torch.exp(-(u**2) / (2 * spread_u**2) - v**2 / (2 * spread_v**2))
    near = (u.abs() <= torch.maximum(torch.full_like(cell_u, _NEAR), 0.75 * cell_u)) & (
        v.abs() <= torch.maximum(torch.full_like(cell_v, _NEAR), 0.75 * cell_v)
    )
    whole = (
        (quads[..., 0] > -2) & (quads[..., 0] < width + 2) & (quads[..., 1] > -2) & (quads[..., 1] < height + 2)
    ).all(dim=2)
    told = present & whole if asked is None else present & whole & asked
    inside = (u.abs() <= 0.7) & (v.abs() <= 0.9)
    ignored = (inside & (present & ~told)[..., None, None]).any(dim=1).float()
    heat = heat * told[..., None, None]
    # The middle's cell is 1 exactly, wherever in the cell the middle lies.
    column = (middle[..., 0] / GRID_STRIDE).long().clamp(0, columns - 1)
    row = (middle[..., 1] / GRID_STRIDE).long().clamp(0, rows - 1)
    cell = (row * columns + column)[..., None]
    heat = heat.flatten(2).scatter_reduce(2, cell, told.float()[..., None], "amax").view_as(heat)
    weight = near * told[..., None, None] * heat
    weight = weight / weight.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    owner = heat.argmax(dim=1, keepdim=True)  # [N, 1, h, w]
    size = 0.5 * torch.log((right.norm(dim=-1) * down.norm(dim=-1)).clamp(min=1)) - math.log(GRID_STRIDE)
    offsets = quads.flatten(2)[..., None, None] - cells.permute(2, 0, 1).repeat(4, 1, 1)  # [N, M, 8, h, w]
    return Targets(
        heat.amax(dim=1),
        weight.gather(1, owner).squeeze(1),
        ignored * (heat.amax(dim=1) < 1),
        size.gather(1, owner.flatten(1)).view(len(quads), rows, columns),
        offsets.gather(1, owner[:, :, None].expand(-1, 1, 8, -1, -1)).squeeze(1),
    )


def loss(raw: Tensor, wanted: Targets, corners: float = 2.0) -> dict[str, Tensor]:
    """Focal loss of the heat (Law and Deng, CornerNet, 2018) and smooth distance of sizes and corners.

    Args:
        raw: float32[N, 10, h, w], see `LocatorNet.raw`.
        wanted: what it should be.
        corners: weight of the corners' distance.

    Returns:
        `heat`, `size` and `corners`, each a mean over plates.
    """
    logit = raw[:, 0]
    plates = (wanted.heat == 1).sum().clamp(min=1)
    hit = (wanted.heat == 1).float()
    share = torch.sigmoid(logit)
    found = -functional.logsigmoid(logit) * (1 - share) ** 2 * hit
    missed = -functional.logsigmoid(-logit) * share**2 * (1 - wanted.heat) ** 4 * (1 - hit) * (1 - wanted.ignored)
    size = (raw[:, 1] - wanted.size).abs()
    scale = GRID_STRIDE * torch.exp(wanted.size)[:, None]
    apart = functional.smooth_l1_loss(raw[:, 2:], wanted.corners / scale, beta=0.05, reduction="none").mean(dim=1)
    return {
        "heat": (found + missed).sum() / plates,
        "size": 0.5 * (size * wanted.weight).sum() / plates,
        "corners": corners * (apart * wanted.weight).sum() / plates,
    }

"""Hard negatives: places where the network lately saw plates that are none, to be shown again."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lpsr_core.grid import GRID_STRIDE
from lpsr_train.locating.targets import Targets

_KEPT = 2048
"""Places; the oldest make room."""
_SURE = math.log(0.3 / 0.7)
"""Least logit of what counts as seen: scores from 0.3 on."""
_NOTHING = 0.05
"""Largest heat of cells that are no part of a plate."""


class FalsePlaces:
    """The last places of false plates: scene and pixels in it.

    Attributes:
        places: float64[K, 3]: scene, x, y; the newest last.
    """

    def __init__(self, places: Tensor | None = None) -> None:
        self.places = torch.zeros(0, 3, dtype=torch.float64) if places is None else places

    def note(self, logits: Tensor, wanted: Targets, scenes: Tensor, matrix: Tensor) -> None:
        """Takes in the surest false plate of each view.

        Args:
            logits: float32[N, h, w], of the network.
            wanted: what they should have been.
            scenes: int64[N] on the CPU, -1 where a view shows several.
            matrix: float32[N, 3, 3] on the CPU, from pixels of a view to pixels of its scene.
        """
        empty = (wanted.heat < _NOTHING) & (wanted.ignored == 0)
        highest, cell = torch.where(empty, logits.detach(), -math.inf).flatten(1).max(dim=1)
        highest, cell = highest.cpu(), cell.cpu()
        chosen = torch.nonzero((highest > _SURE) & (scenes >= 0))[:, 0]
        columns = logits.shape[2]
        row, column = cell[chosen] // columns, cell[chosen] % columns
        points = torch.stack([(column + 0.5) * GRID_STRIDE, (row + 0.5) * GRID_STRIDE, torch.ones(len(chosen))], dim=1)
        moved = (matrix[chosen].double() @ points.double()[:, :, None])[:, :, 0]
        found = torch.cat([scenes[chosen, None].double(), moved[:, :2] / moved[:, 2:].clamp(min=1e-4)], dim=1)
        self.places = torch.cat([self.places, found])[-_KEPT:]

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Scenes, int64[n], and places in them, float32[n, 2], n being `count`, or 0 while nothing was seen."""
        if not len(self.places):
            return torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2)
        chosen = self.places[torch.randint(len(self.places), (count,), generator=rng)]
        return chosen[:, 0].long(), chosen[:, 1:].float()

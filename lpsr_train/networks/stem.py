"""The first layer of a reader that sees twice as many pixels across as the paper's."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_core.geometry import HR_SIZE, READ_SIZE


def enlarged(images: Tensor) -> Tensor:
    """Pictures at a fine reader's size, each pixel repeated: float[N, C, H, W] -> float[N, C, 64, 192]."""
    return F.interpolate(images, size=READ_SIZE[::-1], mode="nearest")


def shrunk(images: Tensor) -> Tensor:
    """Pictures at the paper's size, by the means of pixels: float[N, C, H, W] -> float[N, C, 32, 96]."""
    across, down = images.shape[-1] // HR_SIZE[0], images.shape[-2] // HR_SIZE[1]
    return images if across == 1 else F.avg_pool2d(images, (down, across))


class FineBranch(nn.Sequential):
    """What a quarter of the rows and columns cannot show: two convolutions of stride two. Adds nothing at first."""

    starts_as_identity = True

    def __init__(self, channels: int, out_channels: int) -> None:
        norm = nn.BatchNorm2d(out_channels)
        nn.init.zeros_(norm.weight)
        super().__init__(
            nn.Conv2d(3, channels, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, out_channels, 3, 2, padding=1, bias=False),
            norm,
        )


class FineStem(nn.Module):
    """[N, 3, 64, 192] -> [N, C, 16, 48]; of a picture whose pixels are repeated twice, what a 3x3 convolution of stride
    two makes of the one at half the size, and beside it a branch of `fine` channels.

    Its weights can be loaded from such a convolution and its normalisation, as `reader.convolution` names them.
    """

    def __init__(self, out_channels: int, fine: int) -> None:
        super().__init__()
        self.coarse = nn.Sequential(
            nn.Conv2d(3, out_channels, 6, 4, padding=2, bias=False), nn.BatchNorm2d(out_channels)
        )
        self.fine = FineBranch(fine, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, 64, 192] -> [N, C, 16, 48]."""
        return F.relu(self.coarse(x) + self.fine(x))

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Takes the names of a plain convolution for its own, and spreads its 3x3 weights over 6x6 pixels."""
        weight = f"{prefix}0.weight"
        if weight in state:
            spread = state.pop(weight).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) / 4
            state[f"{prefix}coarse.0.weight"] = spread
            norms = [name for name in state if name.startswith(f"{prefix}1.")]
            for name in norms:
                state[f"{prefix}coarse.{name.removeprefix(prefix)}"] = state.pop(name)
        super()._load_from_state_dict(state, prefix, *rest)

"""Whether a picture shows a plate at all, by what a reader has found in it.

A reader that was trained on plates finds characters in anything, also in words. This branch learns, beside a reader
that stays as it is, to tell words, walls and wheels from plates; where it sees no plate, the reader's log-probabilities
become those of one that knows nothing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH

EVEN = 1.5
"""Log-odds from which a plate counts as one. Real plates that the reader knows have 3 and more, those of other
countries mostly 2 to 8; of words in typefaces that it never saw one in thirteen comes above 0, one in fifty above 2."""
_STEEP = 3.0
"""How fast belief turns about there: few pictures should be believed by half, since each character would pay for it."""
_SURE = 16.0
"""Log-odds at which the branch begins, and which it does not exceed: the reader then says what it would without."""


class Presence(nn.Module):
    """Two convolutions over the reader's positions, and its characters, to the log-odds of a plate.

    It starts as the identity: a plate is taken for granted, so that a trained reader can be given this branch.

    Args:
        channels: of a position's and a character's features.
        grid: height and width of the positions.
        width: channels of the convolutions.
    """

    starts_as_identity = True

    def __init__(self, channels: int, grid: tuple[int, int], width: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(channels, width, 3, 2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 2, padding=1),
            nn.ReLU(),
        )
        positions = math.ceil(grid[0] / 4) * math.ceil(grid[1] / 4)
        self.gather = nn.Linear(width * positions + channels * PLATE_LENGTH, 64)
        self.judge = nn.Linear(64, 1)
        nn.init.zeros_(self.judge.weight)
        nn.init.constant_(self.judge.bias, _SURE)

    def forward(self, features: Tensor, characters: Tensor) -> Tensor:
        """[N, C, H, W] of the positions and [N, 7, C] of the characters -> float32[N], log-odds within ±16."""
        seen = torch.cat([self.look(features).flatten(1), characters.flatten(1)], dim=1)
        odds: Tensor = self.judge(F.relu(self.gather(seen))).float().squeeze(1)
        return odds.clamp(-_SURE, _SURE)


def discounted(log_probs: Tensor, present: Tensor) -> Tensor:
    """What a reader says of a picture that may show no plate.

    Args:
        log_probs: float32[N, K, 36], what it says if there is one.
        present: float32[N], log-odds that there is.

    Returns:
        float32[N, K, 36]: logarithms of p * b + (1 - b) / 36, where the belief b is one half at EVEN and rises
            steeply there; the rows stay normalised.
    """
    odds = _STEEP * (present.view(-1, 1, 1) - EVEN)
    plate, none = log_probs - F.softplus(-odds), -F.softplus(odds) - math.log(CLASSES)
    # Of the logarithms of sums in exporters' hands only this form is safe in half precision.
    return torch.maximum(plate, none) + torch.log(1 + torch.exp(-(plate - none).abs()))

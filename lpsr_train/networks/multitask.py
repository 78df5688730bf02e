"""The multi-task OCR that judges: one convolutional trunk, and a classifier of its own for every character.

After Gonçalves et al., "Real-time automatic license plate recognition through deep multi-task networks" (SIBGRAPI
2018), which the paper reads its test pictures with (section IV-A), so that a generator is never judged by the
network that taught it. The trunk is sized for 32x96 pictures, and batch normalisation is added.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.geometry import HR_SIZE
from lpsr_train.networks.presets import MultiTaskConfig
from lpsr_train.networks.reader import convolution
from lpsr_train.networks.stem import shrunk


class MultiTaskReader(nn.Module):
    """Reads the seven characters of a plate, each by its own two fully connected layers."""

    def __init__(self, config: MultiTaskConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for channels in config.stages:
            layers += [convolution(before, channels), convolution(channels, channels), nn.MaxPool2d(2)]
            before = channels
        shrink = 2 ** len(config.stages)
        positions = (HR_SIZE[1] // shrink) * (HR_SIZE[0] // shrink)
        self.trunk = nn.Sequential(*layers, convolution(before, config.neck))
        self.dropout = nn.Dropout(config.dropout)
        # The characters' layers side by side, as one product each.
        self.hidden = nn.Linear(config.neck * positions, PLATE_LENGTH * config.hidden)
        self.classify = nn.Parameter(torch.empty(PLATE_LENGTH, config.hidden, CLASSES))
        self.bias = nn.Parameter(torch.zeros(PLATE_LENGTH, 1, CLASSES))
        nn.init.normal_(self.classify, std=config.hidden**-0.5)

    def forward(self, image: Tensor) -> Tensor:
        """float[N, 3, 32, 96], RGB in 0..1, or the means of larger pictures -> float32[N, 7, 36], log-probabilities."""
        features = self.dropout(self.trunk(shrunk(image) - 0.5).flatten(1))
        hidden = F.relu(self.hidden(features)).reshape(len(features), PLATE_LENGTH, -1).transpose(0, 1)
        scores = torch.bmm(hidden, self.classify.to(hidden.dtype)).float() + self.bias
        return F.log_softmax(scores.transpose(0, 1), dim=-1)

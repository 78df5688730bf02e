"""Readers by the names of their presets."""

from __future__ import annotations

from torch import nn

from lpsr_train.networks.multitask import MultiTaskReader
from lpsr_train.networks.presets import MultiTaskConfig, reader_config
from lpsr_train.networks.reader import Reader


def make_reader(name: str) -> nn.Module:
    """A freshly initialised reader: float[N, 3, H, W] in 0..1 -> float32[N, 7, 36], log-probabilities.

    Pictures are 32x96, or 64x192 of a fine reader.

    Raises:
        UsageError: there is no preset of that name.
    """
    config = reader_config(name)
    return MultiTaskReader(config) if isinstance(config, MultiTaskConfig) else Reader(config)

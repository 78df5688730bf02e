"""Trains SR3, the diffusion baseline of the paper's Table I, on the same pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from lpsr_train.config import TrainConfig
from lpsr_train.networks.presets import sr3_config
from lpsr_train.networks.sr3 import Sr3
from lpsr_train.training.batches import Batch
from lpsr_train.training.tasks.task import Moment
from lpsr_train.validation.rates import Evaluation, Sample, evaluate


class Diffusion:
    """A generator without a guide: it learns to find noise in HR pictures and never sees a text.

    It has no reader, so validations find how like the HR pictures its own are; another run's reader judges it.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.generator = Sr3(sr3_config(config.generator), config.sampling_steps)
        self.networks: dict[str, nn.Module] = {"generator": self.generator}
        self.learning: tuple[str, ...] = ("generator",)
        self.begun: tuple[str, ...] = self.learning
        self.carried: dict[str, Tensor] = {}

    def train_step(self, batch: Batch, moment: Moment) -> dict[str, float]:
        """One update by the error of the noise that was found."""
        rng = np.random.default_rng([self.config.seed, 2, moment.step])  # of the step alone: a resumed run repeats it
        self.generator.train()
        with moment.autocast():
            loss = self.generator.loss(batch.lr, batch.hr, rng)
        moment.update(loss, "generator")
        return {"noise": float(loss.detach())}

    def evaluate(self, samples: Sequence[Sample], networks: Mapping[str, nn.Module]) -> Evaluation:
        """Makes SR pictures and compares them with HR; nothing is read."""
        return evaluate(samples, None, networks["generator"])

    def conclude(self, found: Mapping[str, Evaluation]) -> dict[str, float]:
        """Similarity (SSIM) of SR to HR in percent, by degradation."""
        return {f"ssim, {method}": 100 * result.ssim for method, result in found.items()}

"""Trains only what tells a reader whether a crop shows a plate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_core.errors import UsageError
from lpsr_train.config import TrainConfig
from lpsr_train.networks.generator import Generator
from lpsr_train.networks.presence import EVEN
from lpsr_train.networks.presets import generator_config
from lpsr_train.networks.reader import Reader
from lpsr_train.networks.readers import make_reader
from lpsr_train.training.batches import Batch
from lpsr_train.training.tasks.task import Moment, mixed
from lpsr_train.validation.rates import Evaluation, Sample, evaluate


class TellingPresence:
    """A trained pair that stays as it is, and the branch of its reader that learns.

    The narrowest crops of a batch are shown super-resolved, as when they are read. Nobody is asked for texts, so plates
    of any country count as plates.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        reader = make_reader(config.reader)
        if not isinstance(reader, Reader) or reader.presence is None:
            raise UsageError(f"the reader {config.reader!r} does not tell whether there is a plate; choose lite")
        reader.requires_grad_(False)
        reader.presence.requires_grad_(True)
        self.reader = reader
        generator = Generator(generator_config(config.generator, config.archmod))
        self.networks: dict[str, nn.Module] = {"generator": generator.eval().requires_grad_(False), "reader": reader}
        self.learning: tuple[str, ...] = ("reader",)
        self.begun: tuple[str, ...] = ("generator", "reader")
        self.carried: dict[str, Tensor] = {}

    def train_step(self, batch: Batch, moment: Moment) -> dict[str, float]:
        """One update by the cross-entropy of presence; also the fractions of plates lost and of others that pass."""
        assert batch.seen is not None, "shots bring pictures as delivered"
        assert batch.present is not None, "shots bring what they show"
        count = len(batch.target) - round(self.config.real * len(batch.target))
        reader = self.reader.eval()
        pictures = mixed(self.networks["generator"], batch.lr[:count], batch.seen[count:], moment)
        with moment.autocast():
            _, odds = reader.parts(pictures)
        assert odds is not None, "made with the branch"
        loss = F.binary_cross_entropy_with_logits(odds, batch.present.float())
        moment.update(loss, "reader")
        with torch.no_grad():
            told = odds > EVEN
            lost = (~told & batch.present).sum() / batch.present.sum().clamp(min=1)
            passed = (told & ~batch.present).sum() / (~batch.present).sum().clamp(min=1)
        return {"presence": float(loss.detach()), "lost": float(lost), "passed": float(passed)}

    def evaluate(self, samples: Sequence[Sample], networks: Mapping[str, nn.Module]) -> Evaluation:
        """Reads HR, bicubic and SR pictures: what the branch takes away shows."""
        return evaluate(samples, networks["reader"], networks["generator"], layouts=self.config.plate_layouts)

    def conclude(self, found: Mapping[str, Evaluation]) -> dict[str, float]:
        """Rates of pictures read directly, by the crop's width."""
        return {f"direct, {width}": result.rates["seen"].all.percent for width, result in found.items()}

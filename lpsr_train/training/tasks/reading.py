"""Trains a reader alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_train.config import TrainConfig
from lpsr_train.networks.generator import Generator
from lpsr_train.networks.presets import generator_config
from lpsr_train.networks.reader import Reader
from lpsr_train.networks.readers import make_reader
from lpsr_train.training.batches import Batch
from lpsr_train.training.filters import smoothed
from lpsr_train.training.losses import reading_loss
from lpsr_train.training.tasks.task import Moment, mixed
from lpsr_train.validation.rates import Evaluation, Sample, enlarge, evaluate

_PRESENCE = 0.2
"""Weight of the cross-entropy of presence beside a character's."""


class Reading:
    """A reader of bicubically enlarged LR pictures (the baseline the paper leaves out), or of any grade of picture.

    The latter is shown what lies between HR pictures and enlarged LR ones, since pictures that it will judge are
    never quite sharp, and no generator's work, so that it can judge every generator alike; unless it is to read one
    generator's pictures (`TrainConfig.shown_run`): then a share of the batch is what that generator makes of it. Of
    shots it reads what the camera delivered.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.networks: dict[str, nn.Module] = {"reader": make_reader(config.reader)}
        if config.shown_run:
            generator = Generator(generator_config(config.shown_generator, config.shown_archmod))
            self.networks["shown"] = generator.eval().requires_grad_(False)
        self.learning: tuple[str, ...] = ("reader",)
        self.begun: tuple[str, ...] = self.learning
        self.carried: dict[str, Tensor] = {}

    def train_step(self, batch: Batch, moment: Moment) -> dict[str, float]:
        """Cross-entropy of the batch's texts."""
        images = self._pictures(batch, moment).contiguous(memory_format=torch.channels_last)
        reader, wanted, odds = self.networks["reader"].train(), batch.wanted, None
        with moment.autocast():
            if batch.present is not None and isinstance(reader, Reader):
                log_probs, odds = reader.parts(images)
            else:
                log_probs = reader(images)
        if batch.legible is not None:
            log_probs, wanted = log_probs[batch.legible], wanted[batch.legible]
        loss = reading_loss(log_probs, wanted, self.config.smoothing)
        terms = {"reader": float(loss.detach())}
        if batch.present is not None and odds is not None:
            presence = F.binary_cross_entropy_with_logits(odds, batch.present.float())
            terms["presence"] = float(presence.detach())
            loss = loss + _PRESENCE * presence
        moment.update(loss, "reader")
        return terms

    def evaluate(self, samples: Sequence[Sample], networks: Mapping[str, nn.Module]) -> Evaluation:
        """Reads HR and bicubic pictures, and those that the shown generator makes."""
        return evaluate(samples, networks["reader"], networks.get("shown"), layouts=self.config.plate_layouts)

    def conclude(self, found: Mapping[str, Evaluation]) -> dict[str, float]:
        """Rates of what the reader is for."""
        if self.config.task == "reader-lr":
            return self._rates(found, "bicubic", "lr direct")
        hr = {"hr": next(iter(found.values())).rates["hr"].all.percent}
        if "shown" in self.networks:
            return self._rates(found, "sr", "sr") | hr
        return hr | self._rates(found, "bicubic", "bicubic")

    def _rates(self, found: Mapping[str, Evaluation], form: str, name: str) -> dict[str, float]:
        return {f"{name}, {method}": result.rates[form].all.percent for method, result in found.items()}

    def _pictures(self, batch: Batch, moment: Moment) -> Tensor:
        """float[N, 3, 32, 96], of shots float[N, 3, 64, 192]: what the reader learns on."""
        if self.config.task == "reader-lr" and batch.seen is None:
            return enlarge(batch.lr)
        count = round(self.config.shown * len(batch.lr)) if "shown" in self.networks else 0
        images = graded(enlarge(batch.lr[count:]), batch.hr[count:]) if batch.seen is None else batch.seen[count:]
        return mixed(self.networks["shown"], batch.lr[:count], images, moment) if count else images


def graded(poor: Tensor, sharp: Tensor) -> Tensor:
    """Pictures of every grade between poor and sharp ones.

    Args:
        poor, sharp: float[N, 3, H, W] in 0..1. Which picture comes out how good follows from its place in the batch,
            so that a resumed run repeats it: of eight, two stay sharp, two are averaged with a blurred self, by half
            and wholly, three lie between sharp and poor, and one is poor.

    Returns:
        The same shape.
    """
    blurred = smoothed(sharp, (1, 4, 6, 4, 1))

    def share(*values: float) -> Tensor:
        repeated = torch.tensor(values, device=sharp.device).repeat(-(-len(sharp) // len(values)))
        return repeated[: len(sharp)].view(-1, 1, 1, 1)

    soft = sharp + share(0, 0.5, 0, 1, 0, 0, 0, 0) * (blurred - sharp)
    return soft + share(0, 0, 0, 0, 0.3, 0.55, 0.8, 1) * (poor - soft)

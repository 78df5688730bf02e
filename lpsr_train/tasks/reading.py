"""Trains a reader alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_train.batches import Batch
from lpsr_train.config import TrainConfig
from lpsr_train.evaluation import Evaluation, Sample, enlarge, evaluate
from lpsr_train.losses import reading_loss
from lpsr_train.networks.readers import make_reader
from lpsr_train.tasks.task import Moment


class Reading:
    """A reader of bicubically enlarged LR pictures (the baseline that the paper leaves out), or of HR pictures.

    The reader of HR pictures sees some of them softened, since those that it will judge are never quite sharp: it is
    shown no generator's work, so that it can judge every generator alike.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.networks: dict[str, nn.Module] = {"reader": make_reader(config.reader)}
        self.learning: tuple[str, ...] = ("reader",)
        self.carried: dict[str, Tensor] = {}

    def train_step(self, batch: Batch, moment: Moment) -> dict[str, float]:
        """Cross-entropy of the batch's texts."""
        images = enlarge(batch.lr) if self.config.task == "reader-lr" else soften(batch.hr)
        with moment.autocast():
            log_probs = self.networks["reader"].train()(images.contiguous(memory_format=torch.channels_last))
        loss = reading_loss(log_probs, batch.target, self.config.smoothing)
        moment.update(loss, "reader")
        return {"reader": float(loss.detach())}

    def evaluate(self, samples: Sequence[Sample], networks: Mapping[str, nn.Module]) -> Evaluation:
        """Reads HR and bicubic pictures."""
        return evaluate(samples, networks["reader"], layouts=self.config.plate_layouts)

    def conclude(self, found: Mapping[str, Evaluation]) -> dict[str, float]:
        """Rates of what the reader is for."""
        if self.config.task == "reader-lr":
            return {f"lr direct, {method}": result.rates["sr"].all.percent for method, result in found.items()}
        rates = {"hr": next(iter(found.values())).rates["hr"].all.percent}
        return rates | {f"bicubic, {method}": result.rates["sr"].all.percent for method, result in found.items()}


def soften(hr: Tensor) -> Tensor:
    """Half of the pictures as they are, the others averaged with a blurred self, by half or wholly.

    Args:
        hr: float[N, 3, H, W] in 0..1; which pictures are softened follows from their place in the batch, so that a
            resumed run repeats it.

    Returns:
        The same shape.
    """
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=hr.device) / 16
    kernel = torch.outer(taps, taps).expand(hr.shape[1], 1, 5, 5)
    blurred = F.conv2d(F.pad(hr, (2, 2, 2, 2), mode="replicate"), kernel, groups=hr.shape[1])
    share = torch.tensor([0.0, 0.5, 0.0, 1.0], device=hr.device).repeat(-(-len(hr) // 4))[: len(hr)].view(-1, 1, 1, 1)
    return hr + share * (blurred - hr)

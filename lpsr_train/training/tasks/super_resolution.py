"""Trains the generator, and with it the reader that guides it (sections III and IV-A of the paper)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_train.config import TrainConfig
from lpsr_train.networks.contrast import standardised
from lpsr_train.networks.generator import Generator
from lpsr_train.networks.presets import generator_config
from lpsr_train.networks.readers import make_reader
from lpsr_train.training.batches import Batch
from lpsr_train.training.filters import smoothed
from lpsr_train.training.losses import (
    LossTerms,
    character_weights,
    lcofl,
    log_likelihood,
    logit_loss,
    opinion,
    reading_loss,
)
from lpsr_train.training.tasks.task import Moment
from lpsr_train.validation.rates import Evaluation, Sample, evaluate

_DIMMEST = 0.15
"""Contrast below which differences from HR pictures count no more than at this one: there is mostly noise."""


class SuperResolution:
    """Generator and guide.

    One share of a batch is super-resolved and the HR pictures of the other show the reader what is real. In
    alternation, the generator learns through the frozen reader, then the reader learns on those detached SR pictures
    and on the HR ones. Together, both learn from one pass over the sum of the same losses. A fixed guide does not
    learn; then the whole batch is super-resolved.

    Generator and guide that learn together come to understand each other, and others understand less of it. A second
    reader that never saw an SR picture keeps the pictures legible to others: the generator learns through both. It sees
    them smoothed, since it would otherwise be told things by a texture at the limit of resolution, which no plate has.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.networks: dict[str, nn.Module] = {
            "generator": Generator(generator_config(config.generator, config.archmod)),
            "reader": make_reader(config.reader),
        }
        if config.auxiliary_run:
            self.networks["auxiliary"] = make_reader(config.auxiliary_reader).eval().requires_grad_(False)
        fixed = config.guide == "fixed"
        self.learning: tuple[str, ...] = ("generator",) if fixed else ("generator", "reader")
        self.begun: tuple[str, ...] = self.learning
        self.carried = {"weights": torch.ones(36)}

    def train_step(self, batch: Batch, moment: Moment) -> dict[str, float]:
        """One update of the generator, and of the reader unless it is fixed."""
        if self.config.guide == "fixed":
            return self.generator_step(batch, moment)[0]
        # No plate is used twice a step.
        fake = len(batch.target) - round(self.config.real * len(batch.target))
        poor, real = batch[:fake], batch.direct[fake:]
        if self.config.schedule == "together":
            return self.joint_step(poor, real, batch.wanted, moment)
        losses, sr = self.generator_step(poor, moment)
        pictures = torch.cat([F.interpolate(sr.clamp(0, 1), real.shape[2:]), real])
        losses["reader"] = self.reader_step(pictures, batch.wanted, moment)
        return losses

    def generator_step(self, batch: Batch, moment: Moment) -> tuple[dict[str, float], Tensor]:
        """Updates the generator through the frozen reader; returns the losses and the detached SR pictures."""
        generator, reader = self.networks["generator"].train(), self.networks["reader"].eval()
        learns = [parameter for parameter in reader.parameters() if parameter.requires_grad]
        reader.requires_grad_(False)
        with moment.autocast():
            sr = generator(batch.lr)
            log_probs = reader(sr)
        terms = self._terms(log_probs, batch, sr, moment)
        moment.update(terms.total(self._guidance(moment.step)), "generator")
        for parameter in learns:
            parameter.requires_grad_(True)
        return terms.as_dict(), sr.detach()

    def reader_step(self, images: Tensor, target: Tensor, moment: Moment) -> float:
        """Updates the reader on SR and HR pictures alike; returns its loss."""
        with moment.autocast():
            log_probs = self.networks["reader"].train()(images.contiguous(memory_format=torch.channels_last))
        loss = reading_loss(log_probs, target, self.config.smoothing)
        moment.update(loss, "reader")
        return float(loss.detach())

    def joint_step(self, batch: Batch, real: Tensor, target: Tensor, moment: Moment) -> dict[str, float]:
        """Updates both from one pass; `target` holds the texts of the batch and then those of the HR pictures."""
        generator, reader = self.networks["generator"].train(), self.networks["reader"].train()
        with moment.autocast():
            sr = generator(batch.lr)
            pictures = torch.cat([F.interpolate(shown(sr), real.shape[2:]), real])
            log_probs = reader(pictures.contiguous(memory_format=torch.channels_last))
        terms = self._terms(log_probs[: len(sr)], batch, sr, moment)
        reading = reading_loss(log_probs, target, self.config.smoothing)
        moment.update(terms.total(self._guidance(moment.step)) + reading, "generator", "reader")
        return {**terms.as_dict(), "reader": float(reading.detach())}

    def evaluate(self, samples: Sequence[Sample], networks: Mapping[str, nn.Module]) -> Evaluation:
        """Reads HR, bicubic and SR pictures."""
        return evaluate(samples, networks["reader"], networks["generator"], layouts=self.config.plate_layouts)

    def conclude(self, found: Mapping[str, Evaluation]) -> dict[str, float]:
        """Rates by degradation; the characters that are confused weigh more from here on."""
        confusion = torch.from_numpy(sum(result.confusion for result in found.values()))
        weights = character_weights(confusion.float(), self.config.losses)
        self.carried["weights"] = weights.to(self.carried["weights"].device)
        rates = {f"sr, {method}": result.rates["sr"].all.percent for method, result in found.items()}
        if self.config.shots:
            return rates | {f"direct, {width}": result.rates["seen"].all.percent for width, result in found.items()}
        return {**rates, "hr": next(iter(found.values())).rates["hr"].all.percent}

    def _terms(self, log_probs: Tensor, batch: Batch, sr: Tensor, moment: Moment) -> LossTerms:
        moment.read(log_likelihood(log_probs.detach(), batch.target))
        if self.config.loss == "lcofl":
            weights = self.carried["weights"]
            known = batch.certainty
            pictures = self._compared(sr.float(), batch)
            terms = lcofl(self.config.losses, log_probs, batch.target, weights, *pictures, known)
            if "auxiliary" not in self.networks:
                return terms
            with moment.autocast():
                seen = smoothed(shown(sr)).contiguous(memory_format=torch.channels_last)
                read = self.networks["auxiliary"].eval()(seen)
            return terms.heard(opinion(self.config.losses, read, batch.target, weights, known), self.config.auxiliary)
        reader = self.networks["reader"]
        training = reader.training
        with torch.no_grad(), moment.autocast():
            wanted = reader.eval()(batch.hr)
        reader.train(training)
        return logit_loss(log_probs, wanted, sr.float(), batch.hr)

    def _compared(self, sr: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """SR and HR pictures as their difference is measured: in the same light where the generator takes it out."""
        generator = self.networks["generator"]
        if not (isinstance(generator, Generator) and generator.config.standardised):
            return sr, batch.hr
        _, mean, contrast = standardised(batch.lr)
        gain = 1 / contrast.clamp(min=_DIMMEST)
        return 0.5 + gain * (sr - mean), 0.5 + gain * (batch.hr - mean)

    def _guidance(self, step: int) -> float:
        """How much the reader's judgement of SR pictures counts yet, 0..1."""
        start = max(self.config.guide_from, 1)
        return min(max((step - start) / start, 0.0), 1.0)


def shown(sr: Tensor) -> Tensor:
    """SR pictures as a reader is shown them: within 0..1, as when they are used; gradients pass as if not cut off."""
    return sr + (sr.clamp(0, 1) - sr).detach()

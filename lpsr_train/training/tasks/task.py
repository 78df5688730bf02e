"""What the trainer asks of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpsr_train.training.batches import Batch
from lpsr_train.validation.rates import Evaluation, Sample


class Update(Protocol):
    """Carries a loss back and takes one optimiser step of the named networks."""

    def __call__(self, loss: Tensor, *names: str) -> None:
        """Does so."""


@dataclass(frozen=True)
class Moment:
    """What a task needs of its trainer to take a step.

    Attributes:
        step: how many steps have been taken.
        autocast: the context in which networks run.
        update: carries a loss back, and takes one optimiser step of the networks that are named behind it.
        read: told float[N], how likely each super-resolved plate's text was by the reader (log), in the batch's order.
    """

    step: int
    autocast: Callable[[], AbstractContextManager[Any]]
    update: Update
    read: Callable[[Tensor], None]


def mixed(generator: nn.Module, lr: Tensor, direct: Tensor, moment: Moment) -> Tensor:
    """What a generator that stays as it is makes of LR pictures, and behind it pictures that are read directly.

    Args:
        generator: makes [N, 3, 32, 96] of [N, 3, 16, 48].
        lr: float[N, 3, 16, 48] in 0..1.
        direct: float[M, 3, H, W] in 0..1.
        moment: of the step.

    Returns:
        float32[N + M, 3, H, W], channels last.
    """
    with torch.no_grad(), moment.autocast():
        made = generator.eval()(lr).float().clamp(0, 1)
    return torch.cat([F.interpolate(made, direct.shape[2:]), direct]).contiguous(memory_format=torch.channels_last)


class Task(Protocol):
    """Networks and the losses they learn by.

    Attributes:
        networks: all that a checkpoint holds, by name; `reader` and `generator` are exported.
        learning: names of those that are trained.
        begun: names of those that begin with the weights of an earlier run, where there is one.
        carried: tensors that a checkpoint holds beside the weights.
    """

    networks: dict[str, nn.Module]
    learning: tuple[str, ...]
    begun: tuple[str, ...]
    carried: dict[str, Tensor]

    def train_step(self, batch: Batch, moment: Moment) -> dict[str, float]:
        """One update of every learning network; returns the losses by name."""

    def evaluate(self, samples: Sequence[Sample], networks: Mapping[str, nn.Module]) -> Evaluation:
        """Reads samples with the averaged networks."""

    def conclude(self, found: Mapping[str, Evaluation]) -> dict[str, float]:
        """What a validation found on each set of plates, as rates in percent by name, the one to be raised first.

        May adapt the losses.
        """

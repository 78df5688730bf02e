"""What a training run learns: one file a task, chosen by `TrainConfig.task`."""

from __future__ import annotations

from lpsr_train.config import TrainConfig
from lpsr_train.training.tasks.diffusion import Diffusion
from lpsr_train.training.tasks.presence import TellingPresence
from lpsr_train.training.tasks.reading import Reading
from lpsr_train.training.tasks.super_resolution import SuperResolution
from lpsr_train.training.tasks.task import Moment, Task

__all__ = ["Diffusion", "Moment", "Reading", "SuperResolution", "Task", "TellingPresence", "make_task"]


def make_task(config: TrainConfig) -> Task:
    """The task of a run, its networks freshly initialised."""
    if config.task == "sr":
        return SuperResolution(config)
    if config.task == "sr3":
        return Diffusion(config)
    if config.task == "presence":
        return TellingPresence(config)
    return Reading(config)

"""Measures contenders on the same plates: what one judge reads of their pictures, and the time a plate takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import to_tensor
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_core.metrics import RecognitionRate
from lpsr_train.evaluation import Sample, enlarge, evaluate
from lpsr_train.networks.sr3 import Sr3
from lpsr_train.trainer import load_trained

WARM_UP = 2
"""Plates super-resolved before the clock starts."""
_BATCH = 16


@dataclass(frozen=True)
class Contender:
    """A generator that takes part.

    Attributes:
        name: the run's folder and step.
        generator: in evaluation mode.
    """

    name: str
    generator: nn.Module

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.generator.parameters())

    @property
    def passes(self) -> int:
        """Passes of the network that one picture takes."""
        return self.generator.passes if isinstance(self.generator, Sr3) else 1


@dataclass(frozen=True)
class Row:
    """What was measured of one kind of picture.

    Attributes:
        name: of the pictures.
        rate: how much of them is read.
        psnr, ssim: means against HR, in dB and -1..1; None for HR itself.
        seconds: for one plate at batch 1, median; None where nothing is computed.
        parameters, passes: of the network, where there is one.
    """

    name: str
    rate: RecognitionRate
    psnr: float | None = None
    ssim: float | None = None
    seconds: float | None = None
    parameters: int | None = None
    passes: int | None = None


def load_contenders(weights: Sequence[Path], sampling_steps: int | None, device: torch.device) -> list[Contender]:
    """The generators of runs.

    Args:
        weights: folders of the runs.
        sampling_steps: of diffusion networks, in place of the runs' own; 0 takes all.
        device: where they compute.

    Raises:
        LpsrError: a run cannot be loaded or trained a reader alone.
        UsageError: sampling steps were given and no run is of a diffusion network, or there are not so many.
    """
    found = []
    for folder in weights:
        trained = load_trained(folder)
        if trained.generator is None:
            raise LpsrError(f"{folder}: this run trained a reader alone, so it makes no pictures to compare")
        if sampling_steps is not None and isinstance(trained.generator, Sr3):
            trained.generator.take_steps(sampling_steps)
        found.append(Contender(f"{folder} at step {trained.step}", trained.generator.to(device)))
    if sampling_steps is not None and not any(isinstance(entry.generator, Sr3) for entry in found):
        raise UsageError("--sampling-steps is for runs of SR3, and none of these is one")
    return found


def measure(
    contenders: Sequence[Contender],
    judge: nn.Module,
    samples: Sequence[Sample],
    timed: int,
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
    tell: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> list[Row]:
    """Rows of HR, bicubic and every contender's pictures, in this order.

    Args:
        contenders: any number.
        judge: the reader of all pictures.
        samples: at least one plate.
        timed: plates on the clock, at least one; fewer are there when there are fewer samples.
        layouts: of the decoder.
        tell: told how many of how many plates a contender has super-resolved.
    """
    device = next(judge.parameters()).device
    plain = evaluate(samples, judge, layouts=layouts, batch=_BATCH)
    rows = [
        Row("HR", plain.rates["hr"]),
        Row(
            "bicubic", plain.rates["bicubic"], plain.psnr, plain.ssim, seconds_a_plate(enlarge, samples, timed, device)
        ),
    ]
    for contender in contenders:
        tell(contender.name, 0, len(samples))
        seconds = seconds_a_plate(contender.generator, samples, timed, device)
        done = 0

        def count(_: nn.Module, __: object, sr: Tensor, name: str = contender.name) -> None:
            nonlocal done
            done += len(sr)
            tell(name, done, len(samples))

        hook = contender.generator.register_forward_hook(count)
        try:
            result = evaluate(samples, judge, contender.generator, layouts=layouts, batch=_BATCH)
        finally:
            hook.remove()
        rate, parameters = result.rates["sr"], contender.parameters
        rows.append(Row(contender.name, rate, result.psnr, result.ssim, seconds, parameters, contender.passes))
    return rows


@torch.no_grad()
def seconds_a_plate(
    generator: Callable[[Tensor], Tensor], samples: Sequence[Sample], timed: int, device: torch.device
) -> float:
    """Median time of one plate at batch 1, from LR tensor to SR tensor, after a warm-up.

    Args:
        generator: float32[1, 3, 16, 48] -> float32[1, 3, 32, 96].
        samples: the plates; the first of them are timed.
        timed: how many at most.
        device: where it computes.
    """
    plates = [torch.from_numpy(to_tensor([sample.lr])).to(device) for sample in samples[:timed]]
    taken = []
    for lr in [*plates[:1] * WARM_UP, *plates]:
        _finish(device)
        start = time.perf_counter()
        generator(lr)
        _finish(device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[WARM_UP:])


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

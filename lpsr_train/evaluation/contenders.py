"""Measures contenders on the same plates: what one judge reads of their pictures, and the time a plate takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image, to_tensor
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_core.metrics import RecognitionRate
from lpsr_train.networks.sr3 import Sr3
from lpsr_train.training.trainer import Trained, load_trained
from lpsr_train.validation.rates import Evaluation, Sample, enlarge, evaluate

WARM_UP = 2
"""Plates super-resolved before the clock starts."""
_BATCH = 16


@dataclass(frozen=True)
class Contender:
    """A generator that takes part.

    Attributes:
        name: as the user calls it, or the run's folder and step.
        run: what was trained.
        generator: in evaluation mode.
    """

    name: str
    run: Trained
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
        name: of the pictures, as in the paper's tables.
        rate: how much of them is read.
        texts: what is read of each plate.
        psnr, ssim: means against HR, in dB and -1..1; None for HR itself, and where nothing is made for people.
        seconds: for one plate at batch 1, median; None where nothing is computed or the clock did not run.
        contender: whose pictures they are, or None.
        pictures: uint8[N, 32, 96, 3], a contender's.
        confusion: int64[36, 36], true class by class read, of a contender's pictures.
    """

    name: str
    rate: RecognitionRate
    texts: tuple[str, ...]
    psnr: float | None = None
    ssim: float | None = None
    seconds: float | None = None
    contender: Contender | None = None
    pictures: Image | None = None
    confusion: NDArray[np.int64] | None = None


def load_contenders(weights: Sequence[str], sampling_steps: int | None, device: torch.device) -> list[Contender]:
    """The generators of runs.

    Args:
        weights: folders of the runs, each as `FOLDER` or `NAME=FOLDER`.
        sampling_steps: of diffusion networks, in place of the runs' own; 0 takes all.
        device: where they compute.

    Raises:
        LpsrError: a run cannot be loaded or trained a reader alone.
        UsageError: two have one name, or sampling steps were given and no run is of a diffusion network, or there are
            not so many.
    """
    found: list[Contender] = []
    for entry in weights:
        name, _, path = entry.rpartition("=")
        folder = Path(path)
        trained = load_trained(folder)
        if trained.generator is None:
            option = "--lr-weights" if trained.config.task == "reader-lr" else "--reader"
            raise LpsrError(f"{folder}: this run trained a reader alone; give it as {option} beside a generator's")
        if sampling_steps is not None and isinstance(trained.generator, Sr3):
            trained.generator.take_steps(sampling_steps)
        name = name or f"{folder} at step {trained.step}"
        if any(other.name == name for other in found):
            raise UsageError(f"two runs are called {name!r}; name them with --weights NAME=FOLDER")
        found.append(Contender(name, trained, trained.generator.to(device)))
    if sampling_steps is not None and not any(isinstance(entry.generator, Sr3) for entry in found):
        raise UsageError("--sampling-steps is for runs of SR3, and none of these is one")
    return found


def load_lr_reader(folder: Path, device: torch.device) -> nn.Module:
    """The reader of a run that was trained on LR pictures.

    Raises:
        LpsrError: it was trained on others, or cannot be loaded.
    """
    trained = load_trained(folder)
    if trained.config.task != "reader-lr":
        raise LpsrError(
            f"{folder}: this run's reader was not trained on LR pictures; "
            "train one with: lpsr-train fit --preset reader-lr"
        )
    return trained.reader.to(device)


def measure(
    contenders: Sequence[Contender],
    judge: nn.Module,
    samples: Sequence[Sample],
    timed: int = 0,
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
    lr_reader: nn.Module | None = None,
    tell: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> list[Row]:
    """Rows of HR, LR, bicubic, LR read directly where there is a reader for it, and every contender's pictures.

    Args:
        contenders: any number.
        judge: the reader of all pictures.
        samples: at least one plate.
        timed: plates on the clock; fewer are there when there are fewer samples, 0 leaves the time out.
        layouts: of the decoder.
        lr_reader: trained on bicubically enlarged LR pictures.
        tell: told how many of how many plates a contender has super-resolved.
    """
    device = next(judge.parameters()).device

    def clock(generator: Callable[[Tensor], Tensor]) -> float | None:
        return seconds_a_plate(generator, samples, timed, device) if timed else None

    forms = ("hr", "lr", "bicubic", *(["lr direct"] if lr_reader is not None else []))
    plain = evaluate(samples, judge, lr_reader=lr_reader, layouts=layouts, batch=_BATCH, forms=forms)
    rows = [
        _row("HR (original images)", plain, "hr"),
        _row("LR (degraded images)", plain, "lr"),
        _row("LR, bicubic", plain, "bicubic", plain.psnr, plain.ssim, clock(enlarge)),
    ]
    if lr_reader is not None:
        rows.append(_row("LR, read by a reader trained for it", plain, "lr direct"))
    for contender in contenders:
        tell(contender.name, 0, len(samples))
        seconds = clock(contender.generator)
        done = 0

        def count(_: nn.Module, __: object, sr: Tensor, name: str = contender.name) -> None:
            nonlocal done
            done += len(sr)
            tell(name, done, len(samples))

        hook = contender.generator.register_forward_hook(count)
        try:
            found = evaluate(samples, judge, contender.generator, layouts=layouts, batch=_BATCH, forms=("sr",))
        finally:
            hook.remove()
        name = f"LR + SR ({contender.name})"
        rows.append(_row(name, found, "sr", found.psnr, found.ssim, seconds, contender))
    return rows


def _row(
    name: str,
    found: Evaluation,
    form: str,
    psnr: float | None = None,
    ssim: float | None = None,
    seconds: float | None = None,
    contender: Contender | None = None,
) -> Row:
    shown = (found.sr, found.confusion) if contender else (None, None)
    return Row(name, found.rates[form], found.texts[form], psnr, ssim, seconds, contender, *shown)


@torch.no_grad()
def seconds_a_plate(
    generator: Callable[[Tensor], Tensor], samples: Sequence[Sample], timed: int, device: torch.device
) -> float:
    """Return the median time of one plate at batch 1, from LR tensor to SR tensor, after a warm-up.

    The first of the samples are timed, `timed` at most.
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

"""Trains generator and reader in alternation, as section IV-A of the paper does with its GAN-style discriminator.

Each step, the generator learns through the frozen reader (LCOFL) on half of the batch, then the reader learns on
those detached SR pictures and on the HR pictures of the other half. Batches depend on seed and step alone, so a
resumed run draws what it would have drawn. What is evaluated, drawn and exported are moving averages of the weights.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lpsr_core.degradation import Method
from lpsr_core.errors import LpsrError, UsageError
from lpsr_train import pictures, state
from lpsr_train.batches import Batch, to_batch
from lpsr_train.config import TrainConfig, from_dict
from lpsr_train.evaluation import Evaluation, Sample, enlarge, evaluate
from lpsr_train.losses import character_weights, lcofl
from lpsr_train.networks.generator import Generator
from lpsr_train.networks.presets import generator_config, reader_config
from lpsr_train.networks.reader import Reader
from lpsr_train.plates.pairs import PlateSource, render_pair
from lpsr_train.pool import Pool

VALIDATION_SEED = 7_000_001
"""Never the seed of a pool: validation plates are unseen."""
VALIDATION_METHODS: tuple[Method, ...] = ("blur", "camera")


@dataclass(frozen=True)
class Progress:
    """What a listener is told after each step: how many are done, and the step's losses by name."""

    step: int
    losses: dict[str, float]


def validation_samples(method: Method, count: int, seed: int = VALIDATION_SEED) -> list[Sample]:
    """Unseen plates of both layouts, degraded one way; `blur` exactly as the paper's evaluation does."""
    source = PlateSource(degradations={method: 1.0}, easy=0.0, exact=True)
    pairs = (render_pair(source, seed, index) for index in range(count))
    return [Sample(pair.lr, pair.hr, pair.text) for pair in pairs]


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes CUDA where there is a GPU.

    Raises:
        LpsrError: CUDA was asked for and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.split(":")[0] not in ("cpu", "cuda"):
        raise UsageError(f"unknown device {name!r}; give auto, cpu or cuda")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise LpsrError("no CUDA device here; use --device cpu")
    return torch.device(name)


class Trainer:
    """One run: its networks, optimisers and history.

    Args:
        config: the run.
        folder: where checkpoints and pictures go.
        device: where it computes.
    """

    def __init__(self, config: TrainConfig, folder: Path, device: torch.device) -> None:
        self.config, self.folder, self.device = config, folder, device
        torch.manual_seed(config.seed)
        self.networks: dict[str, nn.Module] = {}
        if config.task == "sr":
            self.networks["generator"] = Generator(generator_config(config.generator))
        self.networks["reader"] = Reader(reader_config(config.reader))
        rates = {"generator": config.generator_rate, "reader": config.reader_rate}
        for network in self.networks.values():
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averages = {name: state.MovingAverage(network, config.ema) for name, network in self.networks.items()}
        self.optimisers = {
            name: torch.optim.AdamW(network.parameters(), lr=rates[name], weight_decay=config.weight_decay)
            for name, network in self.networks.items()
        }
        self.weights = torch.ones(36, device=device)
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self.lineage: list[dict[str, Any]] = []
        self.typefaces: tuple[str, ...] = ()
        """Open typefaces that the pool was drawn with, beside the project's own skeletons."""
        self._sums: dict[str, float] = {}
        self._counted = 0

    # -- one step ------------------------------------------------------------------------------------------------

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update of every network; returns the losses."""
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = self._rate(getattr(self.config, f"{name}_rate"))
        if self.config.task == "sr":
            # One half is super-resolved, the other shows the reader what is real: no plate is used twice a step.
            half = len(batch.target) // 2
            losses, sr = self._generator_step(Batch(batch.lr[:half], batch.hr[:half], batch.target[:half]))
            losses["reader"] = self._reader_step(torch.cat([sr.clamp(0, 1), batch.hr[half:]]), batch.target)
        else:
            losses = {"reader": self._reader_step(enlarge(batch.lr), batch.target)}
        if not all(math.isfinite(value) for value in losses.values()):
            raise LpsrError(
                f"step {self.step}: the loss is not a number; the last good checkpoint is kept in {self.folder}, "
                "go on from it with a smaller learning rate"
            )
        self.step += 1
        for name, average in self.averages.items():
            average.update(self.networks[name], self.step)
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._counted += 1
        return losses

    def _generator_step(self, batch: Batch) -> tuple[dict[str, float], Tensor]:
        generator, reader = self.networks["generator"].train(), self.networks["reader"].eval().requires_grad_(False)
        with self._autocast():
            sr = generator(batch.lr)
            log_probs = reader(sr)
        terms = lcofl(self.config.losses, log_probs, batch.target, self.weights, sr.float(), batch.hr)
        start = max(self.config.guide_from, 1)
        guide = min(max((self.step - start) / start, 0.0), 1.0)
        self._update("generator", terms.total(guide))
        reader.requires_grad_(True)
        losses = {
            "classification": float(terms.classification.detach()),
            "layout": float(terms.layout.detach()),
            "dissimilarity": float(terms.dissimilarity.detach()),
            "pixel": float(terms.pixel.detach()),
        }
        return losses, sr.detach()

    def _reader_step(self, images: Tensor, target: Tensor) -> float:
        reader = self.networks["reader"].train()
        with self._autocast():
            log_probs = reader(images.contiguous(memory_format=torch.channels_last))
        picked = log_probs.gather(2, target.unsqueeze(2)).mean()
        loss = -((1 - self.config.smoothing) * picked + self.config.smoothing * log_probs.mean())
        self._update("reader", loss)
        return float(loss.detach())

    def _update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.networks[name].parameters(), self.config.clip)
        # A single overflowing batch is passed over; a loss that is not a number ends the run.
        if torch.isfinite(norm):
            optimiser.step()

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if not self.config.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _rate(self, peak: float) -> float:
        warm = min((self.step + 1) / max(self.config.warmup, 1), 1.0)
        share = min(self.step / max(self.config.steps, 1), 1.0)
        return peak * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    # -- the run -------------------------------------------------------------------------------------------------

    def run(
        self, pool: Pool, listen: Callable[[Progress], None] = lambda _: None, stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Trains to the configured step, validating and saving on the way.

        Args:
            pool: the training pairs.
            listen: called after every step.
            stop: asked between steps; when it says so, the run is saved and ends.
        """
        config = self.config
        if self.step >= config.steps:
            return
        samples = {method: validation_samples(method, config.validation) for method in VALIDATION_METHODS}
        batches = pool.batches(config.batch, config.seed, self.step)
        for records in _until(batches, lambda: self.step < config.steps and not stop()):
            rng = np.random.default_rng([config.seed, 1, self.step])
            losses = self.train_step(to_batch(records, self.device, rng))
            listen(Progress(self.step, losses))
            if self.step % config.validate_every == 0 or self.step == config.steps:
                self.save()  # before anything that could fail, and again with what the validation found
                self.validate(samples)
                self.save()
        if self.step < config.steps:
            self.save()

    def validate(self, samples: dict[Method, list[Sample]]) -> dict[Method, Evaluation]:
        """Reads validation plates with the averaged networks; updates weights, history, curves and sheets."""
        networks = {name: average.network for name, average in self.averages.items()}
        found: dict[Method, Evaluation] = {}
        for method, chosen in samples.items():
            if self.config.task == "sr":
                found[method] = evaluate(chosen, networks["reader"], networks["generator"])
            else:
                found[method] = evaluate(chosen, networks["reader"])
        rates = {}
        for method, result in found.items():
            name = "sr" if self.config.task == "sr" else "lr direct"
            rates[f"{name}, {method}"] = result.rates["sr"].all.percent
        if self.config.task == "sr":
            rates["hr"] = next(iter(found.values())).rates["hr"].all.percent
            confusion = sum(torch.from_numpy(result.confusion) for result in found.values())
            assert isinstance(confusion, Tensor)
            self.weights = character_weights(confusion.float(), self.config.losses).to(self.device)
        means = {name: total / max(self._counted, 1) for name, total in self._sums.items()}
        self.history.append({"step": self.step, "losses": means, "rates": rates})
        self._sums, self._counted = {}, 0
        pictures.write_curves(self.folder / "curves.png", self.history)
        self._write_sheet(samples, found)
        return found

    def _write_sheet(self, samples: dict[Method, list[Sample]], found: dict[Method, Evaluation]) -> None:
        rows = []
        for method, result in found.items():
            for index in range(min(8, len(samples[method]))):
                sample, text = samples[method][index], result.texts["sr"][index]
                rows.append(
                    [
                        pictures.tile(sample.lr, f"LR, {method}"),
                        pictures.tile(result.sr[index], f"SR  {text}", text == sample.text),
                        pictures.tile(sample.hr, f"HR  {sample.text}"),
                    ]
                )
        pictures.write_png(self.folder / "samples.png", pictures.sheet(rows))

    # -- on disk -------------------------------------------------------------------------------------------------

    def save(self) -> Path:
        """Writes the checkpoint."""
        return state.save(
            self.folder,
            {
                "config": self.config.as_dict(),
                "step": self.step,
                "networks": {name: state.cpu_state(network) for name, network in self.networks.items()},
                "averages": {name: state.cpu_state(average.network) for name, average in self.averages.items()},
                "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
                "weights": self.weights.cpu(),
                "history": self.history,
                "lineage": self.lineage,
                "rng": torch.get_rng_state(),
                "typefaces": list(self.typefaces),
            },
        )

    def resume(self) -> bool:
        """Takes up the checkpoint in the folder, when there is one.

        Returns:
            Whether there was one.

        Raises:
            LpsrError: it belongs to another configuration.
        """
        if not (self.folder / state.CHECKPOINT).is_file():
            return False
        saved = state.load(self.folder)
        # A longer or shorter run is the same run; its learning rate follows the new length from here on.
        different = [
            key
            for key, value in self.config.as_dict().items()
            if key not in ("steps", "validate_every") and saved["config"].get(key) != value
        ]
        if different:
            raise LpsrError(
                f"{self.folder}: holds a run with another {', '.join(different)}; "
                "choose another --out, or repeat the options it was started with"
            )
        for name, network in self.networks.items():
            network.load_state_dict(saved["networks"][name])
            self.averages[name].network.load_state_dict(saved["averages"][name])
            self.optimisers[name].load_state_dict(saved["optimisers"][name])
        self.weights = saved["weights"].to(self.device)
        self.step, self.history, self.lineage = saved["step"], saved["history"], saved["lineage"]
        if "rng" in saved:
            torch.set_rng_state(saved["rng"])  # of dropout
        return True

    def start_from(self, folder: Path) -> None:
        """Begins with the averaged weights of another run, for the networks that both have.

        Raises:
            LpsrError: that run's networks are of other sizes.
        """
        saved = state.load(folder)
        self.lineage = [*saved["lineage"], {"config": saved["config"], "steps": saved["step"]}]
        for name, network in self.networks.items():
            if name in saved["averages"]:
                try:
                    network.load_state_dict(saved["averages"][name])
                    self.averages[name].network.load_state_dict(saved["averages"][name])
                except RuntimeError:
                    raise LpsrError(f"{folder}: its {name} is of another size; use the same preset") from None


@dataclass(frozen=True)
class Trained:
    """The networks of a finished or interrupted run, averaged weights, ready to evaluate or export.

    Attributes:
        config: the run.
        step: how far it came.
        generator: None for a run that trained a reader alone.
        reader: the reader.
        history: the run's validations.
        lineage: the runs that this one began with, first to last: each one's configuration and steps.
        typefaces: open typefaces that its pool was drawn with, beside the project's own skeletons.
    """

    config: TrainConfig
    step: int
    generator: Generator | None
    reader: Reader
    history: tuple[dict[str, Any], ...]
    lineage: tuple[dict[str, Any], ...] = ()
    typefaces: tuple[str, ...] = ()


def load_trained(folder: Path) -> Trained:
    """The averaged networks of a run, in evaluation mode on the CPU.

    Raises:
        LpsrError: the folder holds no checkpoint of this version.
    """
    saved = state.load(folder)
    config = from_dict(saved["config"])
    generator = None
    if "generator" in saved["averages"]:
        generator = Generator(generator_config(config.generator))
        generator.load_state_dict(saved["averages"]["generator"])
        generator.eval()
    reader = Reader(reader_config(config.reader))
    reader.load_state_dict(saved["averages"]["reader"])
    return Trained(
        config,
        saved["step"],
        generator,
        reader.eval(),
        tuple(saved["history"]),
        tuple(saved["lineage"]),
        tuple(saved["typefaces"]),
    )


def _until(items: Iterator[Any], go_on: Callable[[], bool]) -> Iterator[Any]:
    while go_on():
        yield next(items)

"""Trains a task's networks: the loop, the optimisers, validation, and what is kept on disk.

Batches depend on seed and step alone, so a resumed run draws what it would have drawn. What is evaluated, drawn and
exported are moving averages of the weights.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lpsr_core.degradation import Method
from lpsr_core.errors import LpsrError, UsageError
from lpsr_train.config import TrainConfig, from_dict
from lpsr_train.data.pool import Records
from lpsr_train.data.samples import rendered_samples, shot_samples
from lpsr_train.plates.photograph import RECTIFIED
from lpsr_train.training import state
from lpsr_train.training.batches import Batch, to_batch
from lpsr_train.training.hard_sampling import HardSampling
from lpsr_train.training.precision import autocast
from lpsr_train.training.resident import near
from lpsr_train.training.schedule import trained, warm_cosine
from lpsr_train.training.tasks import Moment, make_task
from lpsr_train.validation import pictures
from lpsr_train.validation.rates import Evaluation, Sample

_MAY_CHANGE = ("steps", "seconds", "pairs", "validate_every", "weights_every", "sampling_steps")
"""Options that may be others when a run is resumed."""
VALIDATION_SEED = 7_000_001
"""Never the seed of a pool: validation plates are unseen."""
VALIDATION_METHODS: tuple[Method, ...] = ("blur", "camera")


@dataclass(frozen=True)
class Plateau:
    """A learning rate that falls when the recognition rate no longer rises (section IV-A).

    Attributes:
        factor: of the peak rate.
        best: highest rate yet, in percent.
        stale: validations since.
    """

    factor: float = 1.0
    best: float = -1.0
    stale: int = 0

    def after(self, rate: float, patience: int = 5, fall: float = 0.9) -> Plateau:
        """What one more validation makes of it."""
        if rate > self.best:
            return Plateau(self.factor, rate, 0)
        if self.stale + 1 < patience:
            return replace(self, stale=self.stale + 1)
        return Plateau(self.factor * fall, self.best, 0)


@functools.lru_cache(maxsize=4)
def validation_samples(
    method: Method,
    count: int,
    seed: int = VALIDATION_SEED,
    patterns: tuple[str, ...] = (),
    rectified: float = RECTIFIED,
) -> tuple[Sample, ...]:
    """Unseen plates of both layouts, degraded one way; `blur` exactly as the paper's evaluation does."""
    return tuple(rendered_samples(method, count, seed, patterns, rectified))


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
    """One run: its networks, optimisers and history; checkpoints and pictures go into its folder."""

    def __init__(self, config: TrainConfig, folder: Path, device: torch.device) -> None:
        self.config, self.folder, self.device = config, folder, device
        torch.manual_seed(config.seed)
        torch.backends.cudnn.benchmark = True  # batches are all of one size
        self.task = make_task(config)
        self.networks = self.task.networks
        for network in self.networks.values():
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._carry(self.task.carried)
        learning = {name: self.networks[name] for name in self.task.learning}
        self.averages = {name: state.MovingAverage(network, config.ema) for name, network in learning.items()}
        self.optimisers = {name: self._optimiser(name, network) for name, network in learning.items()}
        self.plateau = Plateau()
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self.lineage: list[dict[str, Any]] = []
        self.begun_from: str | None = ""
        """`state.identify` of the run whose weights this one began with; None of runs that did not note it."""
        self.typefaces: tuple[str, ...] = ()
        """Open typefaces that the pool was drawn with, beside the project's own skeletons."""
        self.hard_sampling: HardSampling | None = None
        """On the plates of the pool that are misread, when the configuration asks for it; set by the first `run`."""
        self.elapsed = 0.0
        """Seconds that the steps took."""
        self._sums: dict[str, float] = {}
        self._counted = 0
        self._read: Tensor | None = None

    @property
    def done(self) -> float:
        """How much of the run was trained, 0..1: of its steps, or of its time where that is further."""
        return trained(self.step, self.config.steps, self.elapsed, self.config.seconds)

    # -- one step ------------------------------------------------------------------------------------------------

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update of every network; returns the losses."""
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = self._rate(self._peak(name))
        losses = self.task.train_step(batch, self.moment())
        if not all(math.isfinite(value) for value in losses.values()):
            raise LpsrError(f"step {self.step}: the loss is not a number; {state.kept_in(self.folder)}")
        self.step += 1
        for name, average in self.averages.items():
            average.update(self.networks[name], self.step)
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._counted += 1
        return losses

    def moment(self) -> Moment:
        """What the task needs of this trainer to take its next step."""
        return Moment(self.step, functools.partial(autocast, self.device, self.config.bf16), self._update, self._noted)

    def _noted(self, log_likelihoods: Tensor) -> None:
        self._read = log_likelihoods

    def _update(self, loss: Tensor, *names: str) -> None:
        for name in names:
            self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for name in names:
            norm = nn.utils.clip_grad_norm_(self.networks[name].parameters(), self.config.clip)
            # A single overflowing batch is passed over; a loss that is not a number ends the run.
            if torch.isfinite(norm):
                self.optimisers[name].step()

    def _optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        betas = self.config.generator_betas if name == "generator" else (0.9, 0.999)
        rate, decay = self._peak(name), self.config.weight_decay
        return torch.optim.AdamW(network.parameters(), lr=rate, betas=betas, weight_decay=decay)

    def _peak(self, name: str) -> float:
        return self.config.generator_rate if name == "generator" else self.config.reader_rate

    def _rate(self, peak: float) -> float:
        if self.config.decay == "plateau":
            warm = min((self.step + 1) / max(self.config.warmup, 1), 1.0)
            return peak * warm * self.plateau.factor
        return peak * warm_cosine(self.step, self.done, self.config.warmup)

    def _carry(self, tensors: dict[str, Tensor]) -> None:
        self.task.carried.update({name: tensor.to(self.device) for name, tensor in tensors.items()})

    # -- the run -------------------------------------------------------------------------------------------------

    def run(
        self,
        pool: Records,
        listen: Callable[[int, dict[str, float]], None] = lambda step, losses: None,
        stop: Callable[[], bool] = lambda: False,
        samples: Mapping[str, Sequence[Sample]] | None = None,
    ) -> None:
        """Trains to the configured step, validating and saving on the way.

        A run that is finished is only validated, where it was killed before that.

        Args:
            pool: the training pairs.
            listen: told after every step how many are done, and its losses by name.
            stop: asked between steps; when it says so, the run is saved and ends.
            samples: sets of plates to validate on, by name; rendered ones for each of VALIDATION_METHODS when None.
        """
        config = self.config
        due = self.step and (self.step % config.validate_every == 0 or self.done >= 1)
        due = due and (not self.history or self.history[-1]["step"] < self.step)  # it was killed before it could
        if self.done >= 1 and not due:
            return
        if samples is None and config.shots:
            samples = shot_samples(config.validation, VALIDATION_SEED, config.patterns)
        elif samples is None:
            samples = {
                method: validation_samples(method, config.validation, patterns=config.patterns)
                for method in VALIDATION_METHODS
            }
        if due:
            self.validate(samples)
            self.save()
        if self.done >= 1:
            return
        records = near(pool, self.device, config.clahe)
        orders = self._drawn_from(records).orders(config.batch, config.seed, self.step)
        written = time.monotonic()
        while self.done < 1 and not stop():
            order = next(orders)
            begun = time.monotonic()
            rng = np.random.default_rng([config.seed, 1, self.step])
            losses = self.train_step(to_batch(records.take(order), self.device, rng, config.clahe))
            if self.hard_sampling and self._read is not None:
                self.hard_sampling.note(order[: len(self._read)], self._read.cpu().numpy())
            self.elapsed += time.monotonic() - begun
            listen(self.step, losses)
            if config.weights_every and time.monotonic() - written >= config.weights_every:
                self.save_weights()
                written = time.monotonic()
            if self.step % config.validate_every == 0 or self.done >= 1:
                self.save()  # before anything that could fail, and again with what the validation found
                self.validate(samples)
                self.save()
        if self.done < 1:
            self.save()
        if config.weights_every:
            self.save_weights()

    def _drawn_from(self, records: Records) -> Records | HardSampling:
        if not self.config.hard_sampling:
            return records
        if self.hard_sampling is None:
            self.hard_sampling = HardSampling(np.ones(len(records), np.float32))
        elif len(self.hard_sampling.misread) != len(records):
            raise LpsrError(
                f"{self.folder}: read {len(self.hard_sampling.misread)} pairs before, and now there are {len(records)}"
            )
        return self.hard_sampling

    def validate(self, samples: Mapping[str, Sequence[Sample]]) -> dict[str, Evaluation]:
        """Reads validation plates with the averaged networks; updates weights, history, curves and sheets."""
        networks = {name: network.eval() for name, network in self._averaged().items()}
        found = {method: self.task.evaluate(chosen, networks) for method, chosen in samples.items()}
        rates = self.task.conclude(found)
        self.plateau = self.plateau.after(next(iter(rates.values())))
        means = {name: total / max(self._counted, 1) for name, total in self._sums.items()}
        likelihoods = {f"{form}, {method}": v for method, r in found.items() for form, v in r.likelihoods.items()}
        self.history.append({"step": self.step, "losses": means, "rates": rates, "likelihoods": likelihoods})
        self._sums, self._counted = {}, 0
        pictures.write_curves(self.folder / "curves.png", self.history)
        self._write_sheet(samples, found)
        return found

    def _write_sheet(self, samples: Mapping[str, Sequence[Sample]], found: dict[str, Evaluation]) -> None:
        rows = []
        for method, result in found.items():
            for index in range(min(8, len(samples[method]))):
                sample, texts = samples[method][index], result.texts.get("sr")
                made = [("SR", result.sr[index], texts[index] if texts else None)]
                rows.append(pictures.plate_row(sample.lr, made, sample.hr, sample.text, f", {method}"))
        pictures.write_png(self.folder / "samples.png", pictures.sheet(rows))

    # -- on disk -------------------------------------------------------------------------------------------------

    def save(self) -> Path:
        """Writes the checkpoint."""
        return state.save(self.folder, self._state())

    def save_weights(self) -> Path:
        """Writes the averaged weights alone, a tenth of the checkpoint, into the folder `weights` of the run."""
        return state.save_weights(self.folder / state.WEIGHTS, self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "config": self.config.as_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "networks": {name: state.cpu_state(network) for name, network in self.networks.items()},
            "averages": {name: state.cpu_state(network) for name, network in self._averaged().items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "carried": {name: tensor.cpu() for name, tensor in self.task.carried.items()},
            "plateau": asdict(self.plateau),
            "history": self.history,
            "sums": {"counted": self._counted, "losses": dict(self._sums)},
            "lineage": self.lineage,
            "begun_from": self.begun_from,
            "rng": torch.get_rng_state(),
            "typefaces": list(self.typefaces),
            "misread": None if self.hard_sampling is None else torch.from_numpy(self.hard_sampling.misread),
        }

    def _averaged(self) -> dict[str, nn.Module]:
        """The networks that are evaluated and exported; a fixed one is itself."""
        return {**self.networks, **{name: average.network for name, average in self.averages.items()}}

    def resume(self, init: Path | None = None) -> bool:
        """Take up the checkpoint in the folder; False when there is none.

        `init` is the run with whose weights this one is said to have begun.

        Raises:
            LpsrError: it belongs to another configuration, began with another run's weights, or is no whole checkpoint.
        """
        if not (self.folder / state.CHECKPOINT).is_file():
            return False
        saved = state.load_plates(self.folder)
        if "networks" not in saved:
            raise LpsrError(f"{self.folder}: holds weights alone; choose another --out, and name it with --init")
        # A longer or shorter run is the same run; its learning rate follows the new length from here on.
        before = from_dict(saved["config"]).as_dict()
        different = [
            key for key, value in self.config.as_dict().items() if key not in _MAY_CHANGE and before[key] != value
        ]
        if different:
            raise LpsrError(
                f"{self.folder}: holds a run with another {', '.join(different)}; "
                "choose another --out, or repeat the options it was started with"
            )
        self.begun_from = saved.get("begun_from")
        if init and self.begun_from is not None and not _same_run(self.begun_from, state.identify(init)):
            other = self.begun_from.rpartition(" ")[0]
            began = f"the weights of {other}" if other else "no other run's weights"
            raise LpsrError(
                f"{self.folder}: began with {began}; choose another --out for --init {init}, or leave --init out"
            )
        for name, network in self.networks.items():
            network.load_state_dict(saved["networks"][name])
        for name, average in self.averages.items():
            average.network.load_state_dict(saved["averages"][name])
            self.optimisers[name].load_state_dict(saved["optimisers"][name])
        self._carry(saved["carried"])
        self.plateau = Plateau(**saved["plateau"])
        self.step, self.history, self.lineage = saved["step"], saved["history"], saved["lineage"]
        self.elapsed = float(saved.get("elapsed", 0.0))
        if "sums" in saved:
            self._counted, self._sums = saved["sums"]["counted"], dict(saved["sums"]["losses"])
        if "rng" in saved:
            torch.set_rng_state(saved["rng"])  # of dropout
        if saved.get("misread") is not None:
            self.hard_sampling = HardSampling(saved["misread"].numpy())
        return True

    def start_from(self, folder: Path) -> None:
        """Begins with the averaged weights of another run, for the networks that both have.

        These networks may have layers more that start as the identity.

        Raises:
            LpsrError: that run's networks are of other sizes.
        """
        saved = state.load_plates(folder)
        self.begun_from = state.identify(folder)
        self.lineage = [*saved["lineage"], {"config": saved["config"], "steps": saved["step"]}]
        for name in self.task.begun:
            if name in saved["averages"]:
                self._begin(name, saved["averages"][name], folder)

    def take(self, folder: Path, network: str, name: str) -> None:
        """Takes a network of another run, which stays as it is.

        Args:
            folder: that run.
            network: what it is there: `reader` or `generator`.
            name: what it is here: `reader` (a fixed guide), `auxiliary` (a reader that has a say beside it), or `shown`
                (a generator whose pictures a reader learns to read).

        Raises:
            LpsrError: it is of another preset, or that run has none.
        """
        averages = state.load_plates(folder)["averages"]
        if network not in averages:
            raise LpsrError(f"{folder}: this run has no {network}")
        self._begin(name, averages[network], folder)

    def _begin(self, name: str, weights: dict[str, Tensor], folder: Path) -> None:
        network = self.networks[name]
        try:
            # Layers that change nothing at first may be new.
            network.load_state_dict({**state.identities(network), **weights})
            if name in self.averages:
                self.averages[name].network.load_state_dict(network.state_dict())
        except RuntimeError:
            raise LpsrError(f"{folder}: its {name} is of another size; use the same preset") from None


@dataclass(frozen=True)
class Trained:
    """The networks of a finished or interrupted run, averaged weights, ready to evaluate or export.

    Attributes:
        config: the run.
        step: how far it came.
        generator: None for a run that trained a reader alone.
        own_reader: None for a diffusion network, which learns without one.
        history: the run's validations.
        lineage: the runs that this one began with, first to last: each one's configuration and steps.
        typefaces: open typefaces that its pool was drawn with, beside the project's own skeletons.
    """

    config: TrainConfig
    step: int
    generator: nn.Module | None
    own_reader: nn.Module | None
    history: tuple[dict[str, Any], ...]
    lineage: tuple[dict[str, Any], ...] = ()
    typefaces: tuple[str, ...] = ()

    @property
    def reader(self) -> nn.Module:
        """The run's reader.

        Raises:
            LpsrError: it has none.
        """
        if self.own_reader is None:
            raise LpsrError(f"a run of task {self.config.task} has no reader; name a run that has one with --reader")
        return self.own_reader


def load_trained(folder: Path) -> Trained:
    """The averaged networks of a run, in evaluation mode on the CPU.

    Raises:
        LpsrError: the folder holds no checkpoint of this version.
    """
    saved = state.load_plates(folder)
    config = from_dict(saved["config"])
    networks = make_task(config).networks
    try:
        for name, network in networks.items():
            network.load_state_dict({**state.identities(network), **saved["averages"][name]})
            network.eval()
    except (KeyError, RuntimeError):
        raise LpsrError(f"{folder}: its networks are not those of the presets it names; train again") from None
    return Trained(
        config,
        saved["step"],
        networks.get("generator"),
        networks.get("reader"),
        tuple(saved["history"]),
        tuple(saved["lineage"]),
        tuple(saved["typefaces"]),
    )


def _same_run(one: str, other: str) -> bool:
    """Whether two of `state.identify` are of one run, which may have been trained on or renamed meanwhile."""
    names, digests = zip(one.rpartition(" ")[::2], other.rpartition(" ")[::2], strict=True)
    return names[0] == names[1] or digests[0] == digests[1]

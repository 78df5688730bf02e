"""Trains the locator: one network, one loss, scenes from a pool."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box
from lpsr_core.grid import LOOK_WINDOW, read_grid
from lpsr_train.locating.config import LocatorTraining
from lpsr_train.locating.mining import FalsePlaces
from lpsr_train.locating.pool import ScenePool
from lpsr_train.locating.targets import loss, targets
from lpsr_train.locating.views import draw_views
from lpsr_train.networks.locator import LocatorNet
from lpsr_train.scenes.scene import Scene, SceneSource, render_scene
from lpsr_train.training import state
from lpsr_train.training.precision import autocast
from lpsr_train.training.schedule import trained, warm_cosine

_TOLD, _REFRESH = 20, 5.0
"""Steps between two reports of the losses, which make the processor wait for the device; seconds between two looks for
new scenes."""
_MINED = 4
"""Steps between two looks for false plates, for which the processor waits, too."""
_SIZES = (16, 24, 32, 48, 96, 192)
VALIDATION_SEED = 7_000_011
"""Of the scenes to measure on: no pool is rendered with it."""


@dataclass(frozen=True)
class Found:
    """How well plates are found.

    Attributes:
        plates: that were there, whole.
        hits: of them found at an intersection over union of 0.5.
        false: locations that hit no plate.
        corner_error: mean distance of the corners of those found, as a share of the plate's width.
        frames: pictures that were looked at.
        sizes: least width in pixels, plates and hits of each class of widths.
    """

    plates: int
    hits: int
    false: int
    corner_error: float
    frames: int = 0
    sizes: tuple[tuple[int, int, int], ...] = ()

    @property
    def recall(self) -> float:
        return self.hits / max(self.plates, 1)

    @property
    def precision(self) -> float:
        return self.hits / max(self.hits + self.false, 1)

    def __str__(self) -> str:
        error = 100 * self.corner_error
        found = f"recall {100 * self.recall:.1f} %, precision {100 * self.precision:.1f} %, corners {error:.1f} % off"
        boxes = (self.hits + self.false) / max(self.frames, 1)
        sizes = ", ".join(f"{low}+ {100 * hits / max(plates, 1):.0f} %" for low, plates, hits in self.sizes)
        return f"{found}, {boxes:.2f} boxes a frame" + (f"; by width: {sizes}" if sizes else "")


class LocatorTrainer:
    """A run: network, average, optimiser, step; its checkpoint lies in its folder."""

    def __init__(self, config: LocatorTraining, folder: Path, device: torch.device) -> None:
        self.config, self.folder, self.device = config, folder, device
        torch.manual_seed(config.seed)
        self.network = LocatorNet().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = state.MovingAverage(self.network, config.ema)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.step = 0
        self.hard = FalsePlaces()
        self.elapsed = 0.0
        """Seconds of training and measuring."""
        self.history: list[dict[str, Any]] = []

    def resume(self) -> bool:
        """Goes on from the folder's checkpoint; False when there is none.

        Raises:
            LpsrError: it belongs to another configuration.
        """
        if not (self.folder / state.CHECKPOINT).exists():
            return False
        saved = state.load(self.folder)
        if saved.get("task") != "locator" or saved["config"] != asdict(self.config):
            raise LpsrError(f"{self.folder}: holds another run; choose another folder, or the same options")
        self.network.load_state_dict(saved["network"])
        self.average.network.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.history = saved["step"], saved["history"]
        self.elapsed = float(saved.get("elapsed", 0.0))
        self.hard = FalsePlaces(saved.get("hard"))
        return True

    def start_from(self, folder: Path) -> None:
        """Takes another run's averaged weights.

        Raises:
            LpsrError: the folder holds no locator's run.
        """
        network, _ = load_locator(folder)
        self.network.load_state_dict(network.state_dict())
        self.average.network.load_state_dict(network.state_dict())

    def run(
        self,
        pool: ScenePool,
        samples: Sequence[Scene],
        listen: Callable[[int, dict[str, float]], None],
        stop: Callable[[], bool],
        grows: bool = False,
    ) -> None:
        """Trains to the last step, or until asked to stop; saves at every validation and at the end.

        Args:
            pool: the scenes.
            samples: scenes to measure on.
            listen: told the step and mean losses now and then.
            stop: asked between steps.
            grows: another process adds scenes to the pool meanwhile.

        Raises:
            LpsrError: the loss is not a number; the last checkpoint is kept.
        """
        config = self.config
        means: dict[str, Tensor] = {}
        written = looked = time.monotonic()
        while self.done < 1 and not stop():
            begun = time.monotonic()
            if grows and begun - looked >= _REFRESH:
                pool.refresh()
                looked = begun
            terms = self._train_step(pool)
            for name, value in terms.items():
                means[name] = 0.98 * means.get(name, value) + 0.02 * value
            if self.step % _TOLD == 0:
                told = {name: value.item() for name, value in means.items()}
                if not all(math.isfinite(value) for value in told.values()):
                    raise self._lost()
                listen(self.step, {**told, "scenes": float(len(pool)), "seconds": self.elapsed})
            if config.weights_every and time.monotonic() - written >= config.weights_every:
                self.save_weights()
                written = time.monotonic()
            if self.step % config.validate_every == 0:
                self._validate(samples, means)
                self.save()
            self.elapsed += time.monotonic() - begun
        if self.done >= 1 and (not self.history or self.history[-1]["step"] < self.step):
            self._validate(samples, means)
        self.save()
        if config.weights_every:
            self.save_weights()

    def _validate(self, samples: Sequence[Scene], means: dict[str, Tensor]) -> None:
        """Measures what was trained so far; saves that first, as measuring takes long and may fail."""
        self.save()
        found = measure(self.average.network, samples)
        losses = {name: value.item() for name, value in means.items()}
        self.history.append({"step": self.step, "losses": losses, "found": str(found)})

    @property
    def done(self) -> float:
        """How much of the run was trained, 0..1: of its steps, or of its time where that is further."""
        return trained(self.step, self.config.steps, self.elapsed, self.config.seconds)

    def _train_step(self, pool: ScenePool) -> dict[str, Tensor]:
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate * warm_cosine(self.step, self.done, config.warmup)
        rng = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        self.network.train()
        terms = self._losses(pool, rng, config.batch, (config.window, config.window))
        if config.looks:
            looks = self._losses(pool, rng, config.looks, LOOK_WINDOW, looks=True)
            terms = {name: value + looks[name] for name, value in terms.items()}
        total = torch.stack(list(terms.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.network, self.step)
        return {name: value.detach() for name, value in terms.items()}

    def _losses(
        self, pool: ScenePool, rng: torch.Generator, count: int, size: tuple[int, int], looks: bool = False
    ) -> dict[str, Tensor]:
        """The losses of some views; false plates in them are noted, to be shown again."""
        with torch.no_grad():
            batch = draw_views(pool.take, len(pool), count, size, rng, self.hard, looks)
            wanted = targets(batch.quads, batch.present, size[1], size[0], batch.asked)
            picture = batch.pictures.contiguous(memory_format=torch.channels_last)
        with autocast(self.device, self.config.bf16):
            raw = self.network.raw(picture)
        if self.step % _MINED == 0:
            self.hard.note(raw[:, 0].float(), wanted, batch.scenes, batch.matrix)
        return loss(raw.float(), wanted)

    def _check_weights(self) -> None:
        """A loss that is not a number spoils every weight, and is looked at now and then only.

        Raises:
            LpsrError: the network's weights are spoiled; nothing is written over the last good ones.
        """
        if not all(bool(torch.isfinite(weight).all()) for weight in self.network.parameters()):
            raise self._lost()

    def _lost(self) -> LpsrError:
        return LpsrError(f"step {self.step}: the loss is not a number; {state.kept_in(self.folder)}")

    def save_weights(self) -> None:
        """Writes the averaged weights alone, in half precision, into the folder `weights` of the run."""
        self._check_weights()
        halved = state.halved(state.cpu_state(self.average.network))
        state.save(self.folder / state.WEIGHTS, {**self._told(), "average": halved})

    def save(self) -> None:
        """Writes the checkpoint."""
        self._check_weights()
        state.save(
            self.folder,
            {
                **self._told(),
                "network": state.cpu_state(self.network),
                "average": state.cpu_state(self.average.network),
                "optimiser": self.optimiser.state_dict(),
                "hard": self.hard.places,
            },
        )

    def _told(self) -> dict[str, Any]:
        return {
            "task": "locator",
            "config": asdict(self.config),
            "step": self.step,
            "elapsed": self.elapsed,
            "history": self.history,
        }


def load_locator(folder: Path) -> tuple[LocatorNet, dict[str, Any]]:
    """The averaged network of a run, and what its checkpoint says.

    Raises:
        LpsrError: the folder holds no locator's run, or one of another size.
    """
    saved = state.load(folder)
    if saved.get("task") != "locator":
        raise LpsrError(f"{folder}: not a run of lpsr-train locator")
    network = LocatorNet()
    try:
        network.load_state_dict(saved["average"])
    except RuntimeError:
        raise LpsrError(f"{folder}: its network is of another size than today's; train again") from None
    return network.eval(), saved


def mean_locator(folders: Sequence[Path]) -> dict[str, Any]:
    """Return a run whose averaged weights are the means of several runs'; all else is the last one's.

    The runs are of `lpsr-train locator`, and one began with another's weights.

    Raises:
        LpsrError: one holds no checkpoint of a locator of today's size.
    """
    runs = [load_locator(folder) for folder in folders]
    last = runs[-1][1]
    means = state.mean_weights([network.state_dict() for network, _ in runs])
    names = ", ".join(
        f"{folder.name} of step {saved['step']}" for folder, (_, saved) in zip(folders, runs, strict=True)
    )
    config = {**last["config"], "begun_from": f"mean of {names}"}
    return {**last, "config": config, "network": means, "average": means}


def validation_scenes(count: int, source: SceneSource) -> list[Scene]:
    """Unseen scenes."""
    return [render_scene(source, VALIDATION_SEED, index) for index in range(count)]


def locate(network: nn.Module, image: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners and scores of one picture, uint8[H, W, 3] with sides of multiples of 32."""
    device = next(network.parameters()).device
    with torch.no_grad():
        grid: Tensor = network(torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 255)[0]
    return read_grid(grid.cpu().numpy(), threshold)


def measure(network: nn.Module, samples: Sequence[Scene], threshold: float = 0.3) -> Found:
    """Counts what is found in scenes; plates cut by the border neither count nor are wrong to find."""
    network.eval()
    plates = hits = wrong = 0
    errors = []
    sizes = np.zeros((len(_SIZES), 2), int)
    for scene in samples:
        height, width = scene.image.shape[:2]
        corners, _ = locate(network, scene.image, threshold)
        inside = (scene.quads >= -2) & (scene.quads <= np.array([width + 2, height + 2]))
        whole = [bool(each.all()) for each in inside]
        boxes = [_box(quad) for quad in scene.quads]
        taken: set[int] = set()
        plates += sum(whole)
        widths = [float(np.linalg.norm(quad[1] - quad[0])) for quad in scene.quads]
        classes = np.maximum(np.searchsorted(_SIZES, widths, side="right") - 1, 0)
        for size, there in zip(classes, whole, strict=True):
            sizes[size, 0] += there
        for quad in corners:
            overlaps = [_box(quad).iou(box) for box in boxes]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best < 0 or overlaps[best] < 0.5:
                wrong += not (best >= 0 and overlaps[best] > 0.1 and not whole[best])
            elif best not in taken:
                taken.add(best)
                if whole[best]:
                    hits += 1
                    sizes[classes[best], 1] += 1
                    errors.append(np.linalg.norm(quad - scene.quads[best], axis=1).mean() / max(widths[best], 1))
            else:
                wrong += 1
    by_size = tuple((low, int(there), int(hit)) for low, (there, hit) in zip(_SIZES, sizes, strict=True) if there)
    return Found(plates, hits, wrong, float(np.mean(errors)) if errors else 0.0, len(samples), by_size)


def _box(quad: np.ndarray) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))

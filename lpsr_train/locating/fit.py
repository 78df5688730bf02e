"""Trains the locator: one network, one loss, scenes from a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box
from lpsr_core.grid import read_grid
from lpsr_train import state
from lpsr_train.locating.pool import ScenePool
from lpsr_train.locating.targets import loss, targets
from lpsr_train.networks.locator import LocatorNet
from lpsr_train.scenes.scene import Scene, SceneSource, render_scene
from lpsr_train.schedule import warm_cosine

VALIDATION_SEED = 7_000_011
"""Of the scenes to measure on: no pool is rendered with it."""


@dataclass(frozen=True)
class LocatorTraining:
    """A training.

    Attributes:
        steps: batches.
        batch: windows in each.
        window: pixels of their sides, a multiple of 32.
        rate: peak learning rate of AdamW, warmed up and cosine decayed.
        warmup: steps.
        weight_decay, clip: of AdamW, and of the gradient's norm.
        ema: share of the averaged weights that a step keeps.
        scenes: in the pool.
        open_share: how often an open typeface of this machine replaces the project's own.
        seed: of everything.
        validate_every: steps.
        validation: scenes to measure on.
        bf16: half-precision arithmetic while training.
        begun_from: run whose weights it began with, and the beginning of its checkpoint's sha256.
    """

    steps: int = 8000
    batch: int = 24
    window: int = 256
    rate: float = 2e-3
    warmup: int = 200
    weight_decay: float = 0.01
    clip: float = 5.0
    ema: float = 0.998
    scenes: int = 16384
    open_share: float = 0.3
    seed: int = 20261201
    validate_every: int = 1000
    validation: int = 256
    bf16: bool = True
    begun_from: str = ""


@dataclass(frozen=True)
class Found:
    """How well plates are found.

    Attributes:
        plates: that were there, whole.
        hits: of them found at an intersection over union of 0.5.
        false: locations that hit no plate.
        corner_error: mean distance of the corners of those found, as a share of the plate's width.
    """

    plates: int
    hits: int
    false: int
    corner_error: float

    @property
    def recall(self) -> float:
        return self.hits / max(self.plates, 1)

    @property
    def precision(self) -> float:
        return self.hits / max(self.hits + self.false, 1)

    def __str__(self) -> str:
        error = 100 * self.corner_error
        return f"recall {100 * self.recall:.1f} %, precision {100 * self.precision:.1f} %, corners {error:.1f} % off"


class LocatorTrainer:
    """A run: network, average, optimiser, step.

    Args:
        config: of the run.
        folder: where its checkpoint lies.
        device: to train on.
    """

    def __init__(self, config: LocatorTraining, folder: Path, device: torch.device) -> None:
        self.config, self.folder, self.device = config, folder, device
        torch.manual_seed(config.seed)
        self.network = LocatorNet().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = state.MovingAverage(self.network, config.ema)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self.step = 0
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
    ) -> None:
        """Trains to the last step, or until asked to stop; saves at every validation and at the end.

        Raises:
            LpsrError: the loss is not a number; the last checkpoint is kept.
        """
        config = self.config
        batches = pool.batches(config.batch, config.window, config.seed, self.step)
        means: dict[str, float] = {}
        while self.step < config.steps and not stop():
            batch = next(batches)
            for group in self.optimiser.param_groups:
                group["lr"] = self._rate()
            picture = torch.from_numpy(batch.images).to(self.device).permute(0, 3, 1, 2).float() / 255
            picture = picture.contiguous(memory_format=torch.channels_last)
            wanted = targets(
                torch.from_numpy(batch.quads), torch.from_numpy(batch.present), config.window, config.window
            )
            self.network.train()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bf16):
                raw = self.network.raw(picture)
            terms = loss(raw.float().cpu(), wanted)  # small, and the targets are there
            total = torch.stack(list(terms.values())).sum()
            if not torch.isfinite(total):
                raise LpsrError(f"step {self.step}: the loss is not a number; the last checkpoint is kept")
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
            self.optimiser.step()
            self.step += 1
            self.average.update(self.network, self.step)
            for name, value in terms.items():
                means[name] = 0.98 * means.get(name, value.item()) + 0.02 * value.item()
            listen(self.step, means)
            if self.step % config.validate_every == 0 or self.step == config.steps:
                found = measure(self.average.network, samples)
                self.history.append({"step": self.step, "losses": dict(means), "found": str(found)})
                self.save()
        self.save()

    def save(self) -> None:
        """Writes the checkpoint."""
        state.save(
            self.folder,
            {
                "task": "locator",
                "config": asdict(self.config),
                "network": state.cpu_state(self.network),
                "average": state.cpu_state(self.average.network),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "history": self.history,
            },
        )

    def _rate(self) -> float:
        return self.config.rate * warm_cosine(self.step, self.config.steps, self.config.warmup)


def load_locator(folder: Path) -> tuple[LocatorNet, dict[str, Any]]:
    """The averaged network of a run, and what its checkpoint says.

    Raises:
        LpsrError: the folder holds no locator's run.
    """
    saved = state.load(folder)
    if saved.get("task") != "locator":
        raise LpsrError(f"{folder}: not a run of lpsr-train locator")
    network = LocatorNet()
    network.load_state_dict(saved["average"])
    return network.eval(), saved


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
    for scene in samples:
        height, width = scene.image.shape[:2]
        corners, _ = locate(network, scene.image, threshold)
        inside = (scene.quads >= -2) & (scene.quads <= np.array([width + 2, height + 2]))
        whole = [bool(each.all()) for each in inside]
        boxes = [_box(quad) for quad in scene.quads]
        taken: set[int] = set()
        plates += sum(whole)
        for quad in corners:
            overlaps = [_box(quad).iou(box) for box in boxes]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best < 0 or overlaps[best] < 0.5:
                wrong += not (best >= 0 and overlaps[best] > 0.1 and not whole[best])
            elif best not in taken:
                taken.add(best)
                if whole[best]:
                    hits += 1
                    wide = np.linalg.norm(scene.quads[best][1] - scene.quads[best][0])
                    errors.append(np.linalg.norm(quad - scene.quads[best], axis=1).mean() / max(wide, 1))
            else:
                wrong += 1
    return Found(plates, hits, wrong, float(np.mean(errors)) if errors else 0.0)


def _box(quad: np.ndarray) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))

"""A pool of rendered scenes on disk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lpsr_train.data.shards import added_shards, open_shards, render_shards
from lpsr_train.plates import DRAWING
from lpsr_train.scenes.scene import MOST, SceneSource, render_scene

SHARD = 64
"""Scenes in a shard."""
_LARGEST_SHARE = 0.5
"""Of a GPU's free memory that scenes may take."""
SCENERY = 5
"""Version of how scenes are drawn."""


def record(source: SceneSource) -> np.dtype:
    """One scene: the picture (RGB), the corners of its plates and how many they are."""
    width, height = source.size
    return np.dtype([("image", np.uint8, (height, width, 3)), ("quads", np.float32, (MOST, 4, 2)), ("count", np.uint8)])


@dataclass(frozen=True)
class Taken:
    """N scenes, uint8[N, H, W, 3] on the device; and on the processor, so that it need not wait for the device, their
    plates' corners, float32[N, 6, 4, 2] in pixels, and how many each has, int64[N]."""

    images: Tensor
    quads: Tensor
    counts: Tensor


def render_scenes(folder: Path, source: SceneSource, seed: int, scenes: int, workers: int) -> Iterator[int]:
    """Renders what a pool lacks and yields how many scenes it holds.

    Raises:
        LpsrError: the folder holds a pool of another source, seed or drawing.
    """
    made_of = {"drawing": DRAWING, "scenery": SCENERY, "seed": seed, "source": asdict(source)}
    for shards in render_shards(folder, made_of, -(-scenes // SHARD), partial(_draw, source, seed, SHARD), workers):
        yield SHARD * shards


class ScenePool:
    """The scenes of a folder, to which another process may add; on a GPU they lie in its memory, as far as they may.

    Args:
        folder: of the shards.
        source: what they were rendered from.
        scenes: how many to use at most.
        device: where they are wanted.

    Raises:
        LpsrError: it holds none, or of another form.
    """

    def __init__(self, folder: Path, source: SceneSource, scenes: int, device: torch.device | None = None) -> None:
        self._folder, self._source = folder, source
        self._device = device or torch.device("cpu")
        self._most = -(-scenes // SHARD)
        self._images = torch.empty(0)
        self._quads: NDArray[np.float32] = np.zeros((0, MOST, 4, 2), np.float32)
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        if self._device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self._device)
            self._most = max(min(self._most, int(_LARGEST_SHARE * free) // (record(source).itemsize * SHARD)), 1)
            width, height = source.size
            kept = self._most * SHARD
            self._images = torch.empty((kept, height, width, 3), dtype=torch.uint8, device=self._device)
        self._shards: list[np.memmap] = []
        self._taken: set[str] = set()
        open_shards(folder, record(source), SHARD, 1)  # says so where there is none
        self.refresh()

    def __len__(self) -> int:
        return SHARD * len(self._shards)

    def refresh(self) -> int:
        """Takes up the shards that were added; returns how many scenes there are now."""
        added = added_shards(self._folder, record(self._source), SHARD, self._taken)
        for shard in itertools.islice(added, self._most - len(self._shards)):
            if self._device.type == "cuda":
                self._images[len(self) : len(self) + SHARD] = torch.from_numpy(np.array(shard["image"])).to(
                    self._device
                )
            self._quads = np.concatenate([self._quads, shard["quads"]])
            self._counts = np.concatenate([self._counts, shard["count"].astype(np.int64)])
            self._shards.append(shard)
        return len(self)

    def take(self, indices: Tensor) -> Taken:
        """The scenes at these indices, int64[N] on the processor."""
        chosen = indices.numpy()
        if self._device.type == "cuda":
            images = self._images[indices.to(self._device)]
        else:
            found = [self._shards[number // SHARD][number % SHARD]["image"] for number in chosen]
            images = torch.from_numpy(np.stack(found))
        return Taken(images, torch.from_numpy(self._quads[chosen]), torch.from_numpy(self._counts[chosen]))


def _draw(source: SceneSource, seed: int, size: int, number: int) -> NDArray:
    shard = np.zeros(size, record(source))
    for offset in range(size):
        scene = render_scene(source, seed, number * size + offset)
        quads = np.zeros((MOST, 4, 2), np.float32)
        quads[: len(scene.quads)] = scene.quads
        shard[offset] = (scene.image, quads, len(scene.quads))
    return shard

"""A pool of rendered scenes on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_train.plates import DRAWING
from lpsr_train.scenes.scene import SceneSource, render_scene
from lpsr_train.shards import open_shards, render_shards

SHARD = 512
"""Scenes in a shard."""
MOST = 4
"""Plates in a scene."""
SCENERY = 3
"""Version of how scenes are drawn."""


def record(source: SceneSource) -> np.dtype:
    """One scene: the picture (RGB), the corners of its plates and how many they are."""
    width, height = source.size
    return np.dtype([("image", np.uint8, (height, width, 3)), ("quads", np.float32, (MOST, 4, 2)), ("count", np.uint8)])


@dataclass(frozen=True)
class Batch:
    """N windows of scenes: uint8[N, size, size, 3], corners float32[N, 4, 4, 2], and which are there, bool[N, 4]."""

    images: NDArray[np.uint8]
    quads: NDArray[np.float32]
    present: NDArray[np.bool_]


def render_scenes(folder: Path, source: SceneSource, seed: int, scenes: int, workers: int) -> Iterator[int]:
    """Renders what a pool lacks and yields how many scenes it holds.

    Raises:
        LpsrError: the folder holds a pool of another source, seed or drawing.
    """
    made_of = {"drawing": DRAWING, "scenery": SCENERY, "seed": seed, "source": asdict(source)}
    for shards in render_shards(folder, made_of, -(-scenes // SHARD), partial(_draw, source, seed, SHARD), workers):
        yield SHARD * shards


class ScenePool:
    """The scenes of a folder.

    Raises:
        LpsrError: it holds none, or of another form.
    """

    def __init__(self, folder: Path, source: SceneSource, scenes: int) -> None:
        self._shards = open_shards(folder, record(source), SHARD, -(-scenes // SHARD))

    def __len__(self) -> int:
        return SHARD * len(self._shards)

    def batches(self, count: int, size: int, seed: int, start: int = 0) -> Iterator[Batch]:
        """Endless batches of windows, cut anywhere; what comes depends on seed and step alone.

        Args:
            count: windows in a batch.
            size: of their sides in pixels.
            seed: of the order and the windows.
            start: how many batches to skip.
        """
        step = start
        while True:
            rng = np.random.default_rng([seed, step])
            shards, offsets = np.divmod(rng.integers(0, len(self), count), SHARD)
            chosen = [self._shards[shard][offset] for shard, offset in zip(shards, offsets, strict=True)]
            height, width = chosen[0]["image"].shape[:2]
            corners = np.stack([rng.integers(0, width - size + 1, count), rng.integers(0, height - size + 1, count)], 1)
            images = np.stack(
                [each["image"][y : y + size, x : x + size] for each, (x, y) in zip(chosen, corners, strict=True)]
            )
            quads = np.stack([each["quads"] for each in chosen]) - corners[:, None, None].astype(np.float32)
            present = np.arange(MOST) < np.array([each["count"] for each in chosen])[:, None]
            # Plates wholly outside the window are none of its.
            low, high = quads.min(axis=2), quads.max(axis=2)
            present &= ((high > 0) & (low < size)).all(axis=2)
            yield Batch(images, quads, present)
            step += 1


def _draw(source: SceneSource, seed: int, size: int, number: int) -> NDArray:
    shard = np.zeros(size, record(source))
    for offset in range(size):
        scene = render_scene(source, seed, number * size + offset)
        quads = np.zeros((MOST, 4, 2), np.float32)
        quads[: len(scene.quads)] = scene.quads
        shard[offset] = (scene.image, quads, len(scene.quads))
    return shard

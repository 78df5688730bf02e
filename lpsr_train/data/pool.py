"""A pool of rendered pairs on disk, from which training draws again and again.

Rendering costs about as much as a training step, so pairs are rendered once, in shards, by as many processes as
asked for, and read back through memory maps (see `shards`). A pool holds pairs, or plates at their own resolution whose
LR pictures are made anew whenever they are drawn (see `lpsr_train.degradation`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import PLATE_LENGTH, encode
from lpsr_core.degradation import BLURS, METHODS, blur_curve
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import HR_SIZE, LR_SIZE, to_hr, within
from lpsr_train.cameras.shots import SHOT_RECORD, ShotSource, draw_shots
from lpsr_train.data.manifest import read_manifest
from lpsr_train.data.shards import NOTE, open_shards, render_shards
from lpsr_train.plates import DRAWING
from lpsr_train.plates.pairs import PlateSource, render_pair, render_plate

SHARD = 4096
"""Pairs in a shard; of crops and shots, which are larger, a fourth."""

RECORD = np.dtype(
    [
        ("hr", np.uint8, (HR_SIZE[1], HR_SIZE[0], 3)),
        ("lr", np.uint8, (LR_SIZE[1], LR_SIZE[0], 3)),
        ("text", np.uint8, (PLATE_LENGTH,)),
        ("method", np.uint8),
    ]
)
"""One pair: both pictures (RGB), the characters' class indices, and the index of the method in METHODS, or UNKNOWN."""

CROP_SIZE = (256, 96)
"""Width and height of the canvas that a crop lies on; larger crops are made smaller."""

CROP_RECORD = np.dtype(
    [
        ("hr", np.uint8, (HR_SIZE[1], HR_SIZE[0], 3)),
        ("crop", np.uint8, (CROP_SIZE[1], CROP_SIZE[0], 3)),
        ("size", np.int64, (2,)),
        ("blurs", np.float32, (len(BLURS),)),
        ("text", np.uint8, (PLATE_LENGTH,)),
    ]
)
"""One plate: the HR picture, the crop at the upper left of its canvas (RGB), its width and height, the
`lpsr_core.degradation.blur_curve` of the crop at its own resolution, and the text."""

_FORMS = {CROP_RECORD: "crops", SHOT_RECORD: "shots"}
"""What a pool's note calls its records; pairs have no name."""
UNKNOWN = 255
"""The method of a pair that somebody else made."""


class Records(ABC):
    """Pairs that training draws from, whatever they are made of."""

    @abstractmethod
    def __len__(self) -> int:
        """How many pairs there are."""

    @abstractmethod
    def take(self, indices: NDArray[np.integer]) -> Any:
        """The records at these indices: an array of dtype RECORD or CROP_RECORD, or its fields on a device."""

    @property
    def room(self) -> int:
        """Most records that there may come to be; as many as there are where nothing grows."""
        return len(self)

    def refresh(self) -> None:  # noqa: B027 (most pools have nothing to do)
        """Take up the records that were added since; there are none where nothing grows."""

    def orders(self, size: int, seed: int, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """Endless batches of indices in a random order that depends on seed and step alone, and on what has come to a
        growing pool by the beginning of each pass.

        Args:
            size: records a batch.
            seed: of the order; every pass has another one.
            start: how many batches to skip, so that a resumed run goes on where it stopped.
        """
        step = start
        while True:
            self.refresh()
            per_pass = len(self) // size
            if not per_pass:
                raise LpsrError(f"a batch of {size} is more than the pool's {len(self)} pairs; make more or take fewer")
            order = np.random.default_rng([seed, step // per_pass]).permutation(len(self))
            for index in range(step % per_pass, per_pass):
                yield order[index * size : (index + 1) * size]
                step += 1


class Pool(Records):
    """The shards of a folder, as one array of records.

    Args:
        folder: where the shards lie.
        pairs: how many of them to use, rounded up to whole shards; None for all that are there.
        record: RECORD, CROP_RECORD for plates that are degraded when they are drawn, or SHOT_RECORD.

    Raises:
        LpsrError: the folder holds no complete shard, or a shard of another form.
    """

    def __init__(self, folder: Path, pairs: int | None = None, record: np.dtype = RECORD) -> None:
        self._record, self._size = record, shard_size(record)
        self._shards = open_shards(folder, record, self._size, None if pairs is None else -(-pairs // self._size))

    def __len__(self) -> int:
        return self._size * len(self._shards)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        out = np.empty(len(indices), self._record)
        shard, offset = np.divmod(indices, self._size)
        for number in np.unique(shard):
            chosen = shard == number
            out[chosen] = self._shards[number][offset[chosen]]
        return out


def render_pool(
    folder: Path, source: PlateSource | ShotSource, seed: int, pairs: int, workers: int, record: np.dtype = RECORD
) -> Iterator[int]:
    """Renders the shards that are missing and yields, after each, how many pairs the pool holds.

    Args:
        folder: made when missing.
        source: what is rendered; a ShotSource for shots.
        seed: of the pool; its pair i is `render_pair(source, seed, i)`, or `render_plate` for crops.
        pairs: how many at least; rounded up to whole shards.
        workers: processes.
        record: RECORD, CROP_RECORD or SHOT_RECORD.

    Raises:
        LpsrError: the folder holds a pool of another source, seed, drawing or form.
    """
    size = shard_size(record)
    draws: dict[np.dtype, Callable[..., NDArray]] = {RECORD: _draw, CROP_RECORD: _draw_crops, SHOT_RECORD: draw_shots}
    draw = partial(draws[record], source, seed, size)
    for shards in render_shards(folder, made_of(source, seed, record), -(-pairs // size), draw, workers):
        yield size * shards


def made_of(source: PlateSource | ShotSource, seed: int, record: np.dtype) -> dict[str, Any]:
    """What a pool's note says of its records; arguments as of `render_pool`."""
    form = {"form": _FORMS[record]} if record in _FORMS else {}
    return {"drawing": DRAWING, "seed": seed, "source": asdict(source), **form}


def shard_size(record: np.dtype) -> int:
    """Records in a shard of this form."""
    return SHARD if record == RECORD else SHARD // 4


def holds_crops(folder: Path) -> bool | None:
    """Whether a pool was begun with crops; None where there is no pool yet.

    Raises:
        LpsrError: its note cannot be read.
    """
    found = read_manifest(folder / NOTE)
    return None if found is None else found.get("form") == "crops"


def _draw(source: PlateSource, seed: int, size: int, number: int) -> NDArray:
    shard = np.empty(size, RECORD)
    for offset in range(size):
        pair = render_pair(source, seed, number * size + offset)
        shard[offset] = (pair.hr, pair.lr, encode(pair.text), METHODS.index(pair.method))
    return shard


def _draw_crops(source: PlateSource, seed: int, size: int, number: int) -> NDArray:
    shard = np.zeros(size, CROP_RECORD)
    for offset in range(size):
        plate = render_plate(source, seed, number * size + offset)
        crop = within(plate.crop, CROP_SIZE)
        height, width = crop.shape[:2]
        record = shard[offset]
        record["hr"], record["size"], record["text"] = to_hr(plate.crop), (width, height), encode(plate.text)
        record["blurs"] = blur_curve(plate.crop)
        record["crop"][:height, :width] = crop
    return shard

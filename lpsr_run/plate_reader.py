"""Crops to log-probabilities: the generator and the reader, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.decode import log_softmax
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import HR_SIZE, LR_SIZE, Image, to_hr, to_images, to_lr, to_tensor, with_margin
from lpsr_run.clock import StageClock
from lpsr_run.engine import Chainable, Engine, Passed, Pending, check_contract

SuperResolve = Literal["auto", "always", "never"]
SUPER_RESOLVE: tuple[SuperResolve, ...] = get_args(SuperResolve)
MARGIN = 0.03
"""Crops that are read directly are read a second time with so much of their size added on every side, and the two
log-probabilities averaged: boxes differ in how tightly they hold the plate, and two views of it err less than one."""
_PICTURE = (3, HR_SIZE[1], HR_SIZE[0])
DIRECT_WIDTH = HR_SIZE[0]
"""Crops at least this wide, in pixels, have all that the generator could give: `auto` reads them directly."""


@dataclass(frozen=True)
class PlateBatch:
    """What the networks said about N crops, in the crops' order.

    Attributes:
        log_probs: float32[N, 7, 36], natural logarithms.
        inputs: what the first network saw: uint8[16, 48, 3] when super-resolved, else uint8[32, 96, 3].
        super_resolved: bool[N], whether the generator served the crop.
        sr: the generator's picture, uint8[32, 96, 3], or None for a crop that was read directly.
    """

    log_probs: NDArray[np.float32]
    inputs: tuple[Image, ...]
    super_resolved: NDArray[np.bool_]
    sr: tuple[Image | None, ...]

    def __len__(self) -> int:
        return len(self.inputs)


class PlateReader:
    """Reads plate crops of any size.

    Args:
        reader: engine of the reader's contract.
        generator: engine of the generator's contract; may be None when nothing is super-resolved.
        super_resolve: `auto` sends crops below 96 pixels of width through the generator; `always`, `never`.
        batch: most crops in one forward pass.
        temperature: that log-probabilities are divided by, so that confidences are the shares that are right.
        clock: counts the stages preprocess, generate and read; default a clock of its own.

    Raises:
        LpsrError: an engine does not fulfil its contract, or the generator is missing.
    """

    def __init__(
        self,
        reader: Engine,
        generator: Engine | None = None,
        super_resolve: SuperResolve = "auto",
        batch: int = 16,
        clock: StageClock | None = None,
        temperature: float = 1.0,
    ) -> None:
        check_contract(reader, "reader")
        if generator is not None:
            check_contract(generator, "generator")
        elif super_resolve != "never":
            raise LpsrError(f"super-resolution {super_resolve!r} needs a generator")
        if batch < 1:
            raise LpsrError(f"a batch holds at least one crop, not {batch}")
        self.clock = StageClock() if clock is None else clock
        self._reader, self._generator = reader, generator
        self._chain = generator.then(reader) if isinstance(generator, Chainable) else None
        self._super_resolve, self._batch, self._temperature = super_resolve, batch, temperature

    def read(self, crops: Sequence[Image]) -> PlateBatch:
        """Runs the networks over crops; pictures that need the generator and others are batched apart.

        Args:
            crops: N of uint8[H, W, 3], RGB, of any sizes.

        Raises:
            LpsrError: an engine failed, or gave another shape than its contract says, or NaN.
        """
        count = len(crops)
        log_probs = np.empty((count, PLATE_LENGTH, CLASSES), np.float32)
        inputs: list[Image | None] = [None] * count
        pictures: list[Image | None] = [None] * count
        through = np.array([self._needs_generator(crop) for crop in crops], bool)
        under_way: deque[tuple[list[int], Pending]] = deque()
        depth = 1 if self._chain is None else self._chain.depth

        def land(chosen: list[int], pending: Pending) -> None:
            passed = self._end(pending, len(chosen))
            log_probs[chosen] = passed.log_probs
            for index, picture in zip(chosen, to_images(passed.sr), strict=True):
                pictures[index] = picture

        for chosen in self._batches(np.flatnonzero(through)):
            with self.clock.stage("preprocess"):
                small = [to_lr(crops[index]) for index in chosen]
                tensor = to_tensor(small)
            for index, image in zip(chosen, small, strict=True):
                inputs[index] = image
            under_way.append((chosen, self._begin(tensor)))
            if len(under_way) >= depth:  # while some are computed, the next is prepared
                land(*under_way.popleft())
        while under_way:
            land(*under_way.popleft())
        for chosen in self._batches(np.flatnonzero(~through)):
            with self.clock.stage("preprocess"):
                large = [to_hr(crops[index]) for index in chosen]
                looser = [to_hr(with_margin(crops[index], MARGIN)) for index in chosen]
                tensor = to_tensor([*large, *looser])
            tight, loose = np.split(self._log_probs(tensor), 2)
            log_probs[chosen] = log_softmax((tight + loose) / 2)
            for index, image in zip(chosen, large, strict=True):
                inputs[index] = image
        seen = tuple(image for image in inputs if image is not None)
        return PlateBatch(log_probs, seen, through, tuple(pictures))

    def warm_up(self) -> None:
        """One empty plate through each engine, so that the first real one does not pay for their set-up."""
        if self._chain is not None:
            self._chain.warm_up(self._batch)
        elif self._generator is not None:
            self._generator.run({"lr": np.zeros((1, 3, LR_SIZE[1], LR_SIZE[0]), np.float32)})
        self._reader.run({"image": np.zeros((1, 3, HR_SIZE[1], HR_SIZE[0]), np.float32)})

    def _needs_generator(self, crop: Image) -> bool:
        if self._super_resolve == "auto":
            return bool(crop.shape[1] < DIRECT_WIDTH)
        return self._super_resolve == "always"

    def _batches(self, indices: NDArray[np.intp]) -> list[list[int]]:
        starts = range(0, len(indices), self._batch)
        return [[int(index) for index in indices[start : start + self._batch]] for start in starts]

    def _begin(self, tensor: NDArray[np.float32]) -> Pending:
        """Generator, then reader: under way in a chain, and done otherwise."""
        assert self._generator is not None
        if self._chain is not None:
            with self.clock.stage("generate"):
                return self._chain.start(tensor)
        with self.clock.stage("generate"):
            enlarged = _run(self._generator, "lr", tensor, "sr", (len(tensor), *_PICTURE))
        passed = Passed(enlarged, self._log_probs(enlarged))
        return lambda: passed

    def _end(self, pending: Pending, count: int) -> Passed:
        if self._chain is None:
            return pending()
        assert self._generator is not None
        start = perf_counter()
        passed = pending()
        seconds = perf_counter() - start
        self.clock.add("generate", seconds * (1 - passed.reading))
        self.clock.add("read", seconds * passed.reading)
        _check(self._generator, "sr", passed.sr, (count, *_PICTURE))
        _check(self._reader, "log_probs", passed.log_probs, (count, PLATE_LENGTH, CLASSES))
        return replace(passed, log_probs=self._sound(passed.log_probs))

    def _log_probs(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with self.clock.stage("read"):
            values = _run(self._reader, "image", tensor, "log_probs", (len(tensor), PLATE_LENGTH, CLASSES))
        return self._sound(values)

    def _sound(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if np.isnan(values).any():
            raise LpsrError(f"{self._reader.name}: the reader gave NaN; the model is broken, export it again")
        return values if self._temperature == 1 else log_softmax(values / np.float32(self._temperature))


def _run(
    engine: Engine, source: str, tensor: NDArray[np.float32], result: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    values = np.asarray(engine.run({source: tensor})[result], np.float32)
    _check(engine, result, values, shape)
    return values


def _check(engine: Engine, result: str, values: NDArray, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise LpsrError(f"{engine.name}: {result} has shape {values.shape}, expected {shape}")

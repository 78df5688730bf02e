"""Crops to log-probabilities: the generator and the reader, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.cards import Calibration
from lpsr_core.contracts import direct_size
from lpsr_core.decode import confidences, log_softmax, together
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import HR_SIZE, LR_SIZE, Image, plate_width, to_images, to_tensor
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_core.views import SURE, SuperResolve, View, Views, first_view, further_views
from lpsr_run.engines.base import Chainable, Engine, Passed, Pending, check_contract
from lpsr_run.engines.batching import SharesRows
from lpsr_run.pipeline.clock import StageClock

_PICTURE = (3, HR_SIZE[1], HR_SIZE[0])


@dataclass(frozen=True)
class PlateBatch:
    """What the networks said about N crops, in the crops' order.

    Attributes:
        log_probs: float32[N, 7, 36], natural logarithms; where a crop was read in several views, what they
            say together (see `decode.together`).
        sr: the generator's picture of the crop as it is, uint8[32, 96, 3], or None for one that was read directly
            alone.
    """

    log_probs: NDArray[np.float32]
    sr: tuple[Image | None, ...]


class PlateReader:
    """Reads plate crops of any size.

    Args:
        reader: engine of the reader's contract.
        generator: engine of the generator's contract; may be None when nothing is super-resolved.
        super_resolve: `auto` looks at crops below 64 pixels of width through the generator, at others directly, and
            wide ones both ways where that is not sure; `always`, `never`.
        batch: most crops in one forward pass.
        calibration: makes confidences the fractions that are right.
        layouts: that plates may follow; a look is sure when it reads a text of theirs with enough confidence.
        views: `auto` reads a crop in further views where the first look is not sure (see `views`), `one` never.

    Attributes:
        clock: counts the stages preprocess, generate and read.
        broken: number of looks for which the reader gave NaN or infinity; they count as showing nothing.

    Raises:
        LpsrError: an engine does not fulfil its contract, or the generator is missing.
    """

    def __init__(
        self,
        reader: Engine,
        generator: Engine | None = None,
        super_resolve: SuperResolve = "auto",
        batch: int = 16,
        calibration: Calibration | None = None,
        layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
        views: Views = "auto",
    ) -> None:
        check_contract(reader, "reader")
        if generator is not None:
            check_contract(generator, "generator")
        elif super_resolve != "never":
            raise LpsrError(f"super-resolution {super_resolve!r} needs a generator")
        if batch < 1:
            raise LpsrError(f"a batch holds at least one crop, not {batch}")
        self.clock = StageClock()
        self._reader, self._generator = reader, generator
        self._chain = generator.then(reader) if isinstance(generator, Chainable) else None
        self._super_resolve, self._batch = super_resolve, batch
        self._calibration = calibration or Calibration()
        self._layouts, self._views = tuple(layouts), views
        self.broken, self._proved = 0, False
        self._direct = direct_size(reader.inputs[0].shape)

    def read(self, crops: Sequence[Image]) -> PlateBatch:
        """Run the networks over crops, and again over further views of those whose first look is not sure.

        Args:
            crops: N of uint8[H, W, 3], RGB, of any sizes.

        Raises:
            LpsrError: an engine failed, or gave another shape than its contract says, or NaN.
        """
        first = [first_view(self._super_resolve, crop) for crop in crops]
        seen = self._look(list(zip(crops, first, strict=True)))
        log_probs, pictures = self._calibrated(seen.log_probs, crops), list(seen.sr)
        further = {int(index): further_views(self._super_resolve, first[index]) for index in self._unsure(log_probs)}
        again = [(index, view) for index, views in further.items() for view in views]
        if again:
            more = self._look([(crops[index], view) for index, view in again])
            said = self._calibrated(more.log_probs, [crops[index] for index, _ in again])
            ends = np.cumsum([len(views) for views in further.values()])
            for index, others in zip(further, np.split(said, ends[:-1]), strict=True):
                looks = np.concatenate([log_probs[[index]], others])
                log_probs[index] = log_softmax(together(looks) / self._calibration.views)
            for (index, view), picture in zip(again, more.sr, strict=True):
                if view == View(super_resolved=True):
                    pictures[index] = picture
        return PlateBatch(log_probs, tuple(pictures))

    def _calibrated(self, log_probs: NDArray[np.float32], crops: Sequence[Image]) -> NDArray[np.float32]:
        """float32[N, 7, 36]: a reader's log-probabilities of N crops, with the calibration applied."""
        if not crops or self._calibration == Calibration():
            return log_probs
        temperatures = self._calibration.temperatures([plate_width(crop) for crop in crops])
        return np.asarray(log_softmax(log_probs / temperatures), np.float32)

    def _unsure(self, log_probs: NDArray[np.float32]) -> NDArray[np.intp]:
        """Indices of the crops whose first look is not sure."""
        if self._views == "one":
            return np.empty(0, np.intp)
        with self.clock.stage("decode"):
            return np.flatnonzero(confidences(log_probs, self._layouts) < SURE)

    def _look(self, looks: Sequence[tuple[Image, View]]) -> PlateBatch:
        """Run the networks over crops, each in one view; those that need the generator and others are batched apart."""
        log_probs = np.empty((len(looks), PLATE_LENGTH, CLASSES), np.float32)
        pictures: list[Image | None] = [None] * len(looks)
        with self.clock.stage("preprocess"):
            inputs = [view.of(crop, self._direct) for crop, view in looks]
        under_way: deque[tuple[list[int], Pending]] = deque()
        depth = 1 if self._chain is None else self._chain.depth

        def land(chosen: list[int], pending: Pending) -> None:
            passed = self._end(pending, len(chosen))
            log_probs[chosen] = passed.log_probs
            for index, picture in zip(chosen, to_images(passed.sr), strict=True):
                pictures[index] = picture

        through = [index for index, (_, view) in enumerate(looks) if view.super_resolved]
        for chosen in _batches(through, self._batch):
            under_way.append((chosen, self._begin(self._tensor(inputs, chosen))))
            if len(under_way) >= depth:  # while some are computed, the next is prepared
                land(*under_way.popleft())
        while under_way:
            land(*under_way.popleft())
        # An engine that shares out rows makes as many forward passes as it has workers.
        passes = self._reader.workers if isinstance(self._reader, SharesRows) else 1
        direct = [index for index, (_, view) in enumerate(looks) if not view.super_resolved]
        for chosen in _batches(direct, self._batch * passes):
            log_probs[chosen] = self._log_probs(self._tensor(inputs, chosen))
        return PlateBatch(log_probs, tuple(pictures))

    def _tensor(self, inputs: Sequence[Image], chosen: Sequence[int]) -> NDArray[np.float32]:
        with self.clock.stage("preprocess"):
            return to_tensor([inputs[index] for index in chosen])

    def warm_up(self) -> None:
        """One empty plate through each engine, so that the first real one does not pay for their set-up."""
        if self._chain is not None:
            self._chain.warm_up(self._batch)
        elif self._generator is not None:
            self._generator.run({"lr": np.zeros((1, 3, LR_SIZE[1], LR_SIZE[0]), np.float32)})
        width, height = self._direct
        self._log_probs(np.zeros((1, 3, height, width), np.float32))

    def _begin(self, tensor: NDArray[np.float32]) -> Pending:
        """Generator, then reader: under way in a chain, and done otherwise."""
        assert self._generator is not None
        if self._chain is not None:
            with self.clock.stage("generate"):
                return self._chain.start(tensor)
        with self.clock.stage("generate"):
            enlarged = enlarge(self._generator, tensor)
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
        """The values, flat where the reader said nothing that can be meant: such a crop costs itself alone."""
        with np.errstate(invalid="ignore"):
            best = values.max(axis=2)
        broken = ~np.isfinite(best).all(axis=1)  # NaN, plus infinity, or a position with no class at all
        if not broken.any():
            self._proved = True
            return values
        if broken.all() and not self._proved:
            raise LpsrError(f"{self._reader.name}: the reader gave NaN; the model is broken, export it again")
        self._proved = True
        self.broken += int(broken.sum())
        return np.where(broken[:, None, None], np.float32(-np.log(CLASSES)), values).astype(np.float32)


def enlarge(generator: Engine, lr: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a generator over one batch.

    Args:
        generator: engine of the generator's contract.
        lr: float32[N, 3, 16, 48] in 0..1, RGB.

    Returns:
        float32[N, 3, 32, 96].

    Raises:
        LpsrError: the engine failed, or gave another shape.
    """
    return _run(generator, "lr", lr, "sr", (len(lr), *_PICTURE))


def _batches(indices: list[int], size: int) -> list[list[int]]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _run(
    engine: Engine, source: str, tensor: NDArray[np.float32], result: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    values = np.asarray(engine.run({source: tensor})[result], np.float32)
    _check(engine, result, values, shape)
    return values


def _check(engine: Engine, result: str, values: NDArray, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise LpsrError(f"{engine.name}: {result} has shape {values.shape}, expected {shape}")

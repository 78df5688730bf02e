"""Where the time goes: each stage of the pipeline by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lpsr_bench.measure import Budget, Percentiles, measure
from lpsr_bench.networks import CropReader, Networks
from lpsr_bench.suites.common import Tell, fill
from lpsr_core.geometry import Image
from lpsr_core.layouts import Layout
from lpsr_run.clock import STAGES, Stage, StageClock
from lpsr_run.locate.base import Locator

Part = Literal[Stage, "whole"]
PARTS: tuple[Part, ...] = (*STAGES, "whole")


@dataclass(frozen=True)
class StageTiming:
    """One stage at one batch size.

    Attributes:
        stage: `whole` is the way from crops to strings, with what lies between the stages.
        batch: crops that it handled at once; for `locate`, frames.
        calls: how often it was measured.
        milliseconds: of one call, for the whole batch.
    """

    stage: Part
    batch: int
    calls: int
    milliseconds: Percentiles

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stage": self.stage,
            "batch": self.batch,
            "calls": self.calls,
            "milliseconds": self.milliseconds.as_dict(),
        }


def measure_stages(
    networks: Networks,
    locator: Locator,
    frame: Image,
    crops: Sequence[Image],
    batches: Sequence[int],
    budget: Budget,
    layouts: Sequence[Layout],
    tell: Tell,
) -> Iterator[StageTiming]:
    """Measures the locator on a frame, and every other stage at every batch size.

    Args:
        networks: generator and reader.
        locator: of plates.
        frame: uint8[H, W, 3].
        crops: at least one, uint8[H, W, 3] of any sizes.
        batches: crops in a forward pass.
        budget: of each measurement.
        layouts: that plates may follow.
        tell: told before each measurement.
    """
    total = 1 + len(batches)
    tell("stages, locate", 0, total)
    clock = StageClock()

    def locate() -> None:
        with clock.stage("locate"):
            locator.locate(frame)

    found = _by_stage(locate, clock, 1, budget)
    yield StageTiming("locate", 1, len(found["locate"]), Percentiles.of(found["locate"]))
    for done, batch in enumerate(batches, 1):
        tell(f"stages, batch {batch}", done, total)
        chosen = fill(crops, batch)
        reader = CropReader(networks, batch, layouts)
        found = _by_stage(lambda: reader.read(chosen), reader.clock, batch, budget)  # noqa: B023 - called right here
        for stage, seconds in found.items():
            if stage != "locate":
                yield StageTiming(stage, batch, len(seconds), Percentiles.of(seconds))


def _by_stage(call: Callable[[], object], clock: StageClock, batch: int, budget: Budget) -> dict[Part, list[float]]:
    """Seconds of every call after the warm-up, by stage."""
    seen: list[dict[Stage, float]] = []

    def once() -> None:
        clock.reset()
        call()
        seen.append(clock.seconds)

    timing = measure(once, batch, budget)
    found: dict[Part, list[float]] = {stage: [each[stage] for each in seen[-timing.calls :]] for stage in STAGES}
    found["whole"] = [seconds for calls in timing.rounds for seconds in calls]
    return found

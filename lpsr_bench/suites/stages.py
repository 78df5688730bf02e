"""Where the time goes: each stage of the pipeline by itself, and all of them in a whole run of `lpsr-run`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from lpsr_bench.context import Context
from lpsr_bench.measure import Budget, Percentiles, measure
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Box, Image, Quad, rectify
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.clock import STAGES, Stage, StageClock
from lpsr_run.pipeline.run import run
from lpsr_run.pipeline.stream import MARGIN
from lpsr_run.pipeline.tools import open_locator
from lpsr_run.sources import open_source

Part = Literal[Stage, "receive a frame", "rectify a plate", "locate a frame", "whole"]
BATCHES = (1, 32)
_FRAMES = 60
_PLATE = Quad.from_box(Box(550, 520, 180, 60))


@dataclass(frozen=True)
class StageTiming:
    """One stage alone, or the whole way of crops.

    Attributes:
        stage: `whole` is the way from crops to strings, with what lies between the stages.
        batch: crops that it handled at once; for a frame or a plate, 1.
        calls: how often it was measured.
        milliseconds: of one call, for the whole batch.
    """

    stage: Part
    batch: int
    calls: int
    milliseconds: Percentiles

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": "alone",
            "stage": self.stage,
            "batch": self.batch,
            "calls": self.calls,
            "milliseconds": self.milliseconds.as_dict(),
        }


@dataclass(frozen=True)
class StageShare:
    """One stage's part of a run of `lpsr-run` over a video with a plate in every frame.

    Attributes:
        stage: `other` is what no stage counts, such as following the plates.
        frames: of the video.
        seconds: in this stage, of all frames.
        share: of the run, 0..1.
    """

    stage: Literal[Stage, "other"]
    frames: int
    seconds: float
    share: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": "run",
            "stage": self.stage,
            "frames": self.frames,
            "milliseconds_per_frame": round(1000 * self.seconds / self.frames, 4),
            "share": round(self.share, 4),
        }


def measure_stages(context: Context) -> Iterator[StageTiming | StageShare]:
    """What a frame costs, what crops cost at every batch size, and a whole run."""
    frame = context.frame
    assert frame is not None
    config, budget, total = context.config, context.budget, len(BATCHES) + 4
    with tempfile.TemporaryDirectory() as folder:
        video = write_video(Path(folder) / "drift.mp4", frame)
        context.tell("stages, receive", 0, total)
        yield _alone("receive a frame", _receive(video), budget)
        context.tell("stages, locate", 1, total)
        locator, _, _ = open_locator("auto", config.backend, config.threads)
        yield _alone("locate a frame", lambda: locator.locate(frame), budget)
        context.tell("stages, rectify", 2, total)
        yield _alone("rectify a plate", lambda: rectify(frame, _PLATE, MARGIN), budget)
        for done, batch in enumerate(BATCHES, 3):
            context.tell(f"stages, batch {batch}", done, total)
            chosen, reader = context.fill(batch), context.reader(batch)
            found = _by_stage(lambda: reader.read(chosen), reader.clock, batch, budget)  # noqa: B023 - called at once
            for stage, seconds in found.items():
                if any(seconds):
                    yield StageTiming(stage, batch, len(seconds), Percentiles.of(seconds))
        context.tell("stages, a run", total - 1, total)
        yield from _whole_run(context, video, Path(folder) / "out")


def write_video(path: Path, frame: Image) -> Path:
    """A video in which a frame drifts to and fro by some pixels.

    Raises:
        LpsrError: OpenCV cannot write it.
    """
    height, width = frame.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (width, height))
    if not writer.isOpened():
        raise LpsrError(f"{path}: OpenCV writes no mp4 here; stages need one")
    for index in range(_FRAMES):
        shift = np.array([[1, 0, 20 * np.sin(index / 8)], [0, 1, 6 * np.cos(index / 5)]], np.float32)
        writer.write(cv2.cvtColor(cv2.warpAffine(frame, shift, (width, height)), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def _receive(video: Path) -> Callable[[], object]:
    """Decodes the video again and again, a frame a call."""
    frames = chain.from_iterable(open_source(str(video), lambda line: None).frames() for _ in count())
    return lambda: next(frames)


def _alone(stage: Part, call: Callable[[], object], budget: Budget) -> StageTiming:
    timing = measure(call, 1, budget)
    return StageTiming(stage, 1, timing.calls, timing.milliseconds)


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


def _whole_run(context: Context, video: Path, out: Path) -> Iterator[StageShare]:
    config = context.config
    settings = RunConfig(
        video=(str(video),),
        out=str(out),
        generator=config.generator,
        reader=config.reader,
        precision=config.precision,
        backend=config.backend,
        threads=config.threads,
        layouts=config.layouts,
        super_resolve="always",
    )
    summary = run(settings, quiet=True)
    if summary.stopped_by is not None:
        raise KeyboardInterrupt
    stages = summary.state.stages()
    whole, frames = summary.seconds, summary.state.frames
    for stage in STAGES:
        yield StageShare(stage, frames, stages[stage], stages[stage] / whole)
    rest = max(whole - sum(stages.values()), 0.0)
    yield StageShare("other", frames, rest, rest / whole)

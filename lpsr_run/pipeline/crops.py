"""Pictures that are plates already, each read alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lpsr_core.decode import MIN_PLATE, alternatives, decode, plate_score
from lpsr_core.geometry import Box, Image, Quad
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_run.pipeline.containment import Failures
from lpsr_run.pipeline.plate_reader import PlateReader
from lpsr_run.pipeline.stream import SMALLEST, PlateEvent
from lpsr_run.pipeline.track import FusedRead, Observation
from lpsr_run.sources.base import Frame, Report
from lpsr_run.sources.merge import Item

COLLECT = 64
"""Images of plates that are collected before the networks run."""
TWO_ROWS = 0.6
"""Height of a crop, as a share of its width, from which its plate may have two rows."""


def read_crops(
    frames: Iterable[Item],
    reader: PlateReader,
    report: Report,
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
    collect: int = COLLECT,
    min_plate: float = MIN_PLATE,
    failures: Failures | None = None,
) -> Iterator[PlateEvent]:
    """Read images that are plates already: one read an image, in order, whatever its confidence.

    Args:
        frames: the images.
        reader: reads them.
        report: takes the line about an image that is skipped: it is too small to hold a plate, or shows none.
        layouts: that texts may follow.
        collect: images that are collected before the networks run, in batches of the reader's.
        min_plate: plate score from which an image shows a plate, 0..1 (see `decode.plate_score`).
        failures: takes each image on which a network fails, which costs that image; None raises.
    """
    waiting: list[Frame] = []

    def flush(waiting: Sequence[Frame]) -> Iterator[PlateEvent]:
        try:
            batch_of = reader.read([frame.image for frame in waiting])
        except Exception as error:
            if failures is None:
                raise
            if len(waiting) == 1:
                failures.failed(f"{waiting[0].source}: frame {waiting[0].index}", error)
            else:
                for frame in waiting:  # the image that it failed on, and not those beside it
                    yield from flush([frame])
            return
        if failures is not None:
            failures.worked()
        for frame, log_probs, sr in zip(waiting, batch_of.log_probs, batch_of.sr, strict=True):
            height, width = frame.image.shape[:2]
            with reader.clock.stage("decode"):
                plate = plate_score(log_probs, layouts)
            if plate < min_plate:
                hint = "; two-row plates are not read" if height > TWO_ROWS * width else ""
                report(f"{frame.source}: shows no plate that can be read (score {plate:.2f}){hint}")
                continue
            with reader.clock.stage("decode"):
                reading, others = decode(log_probs, layouts), alternatives(log_probs, layouts)
            seen = whole_image(frame, log_probs, sr)
            time = frame.milliseconds
            read = FusedRead(0, reading, 1, 1, seen, time, time, others, plate, log_probs=log_probs)
            yield PlateEvent(frame.source, read, frame.stream)

    for frame in large_enough(frames, report):
        waiting.append(frame)
        if len(waiting) >= collect:
            yield from flush(waiting)
            waiting.clear()
    if waiting:
        yield from flush(waiting)
    if failures is not None:
        failures.ended()


def large_enough(frames: Iterable[Item], report: Report) -> Iterator[Frame]:
    """The images that can hold a plate; the others are reported."""
    for frame in frames:
        if not isinstance(frame, Frame):
            continue
        height, width = frame.image.shape[:2]
        if width < SMALLEST[0] or height < SMALLEST[1]:
            least = f"{SMALLEST[0]}x{SMALLEST[1]}"
            report(f"{frame.source}: {width}x{height} pixels are too few for a plate; at least {least}")
            continue
        yield frame


def whole_image(frame: Frame, log_probs: NDArray[np.float32], sr: Image | None) -> Observation:
    """The whole image as a plate."""
    height, width = frame.image.shape[:2]
    quad = Quad.from_box(Box(0, 0, width, height))
    return Observation(frame.index, frame.milliseconds, quad, frame.image, sr, np.asarray(log_probs))

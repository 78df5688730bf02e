"""The frames of a recording, from a file or from a server: all of them, at their own times."""

from __future__ import annotations

from collections.abc import Iterator

from lpsr_core.errors import LpsrError
from lpsr_run.sources.base import Frame, Report
from lpsr_run.sources.decoding import Decoder, Promise
from lpsr_run.sources.times import FrameTimes

_WHOLE = 0.9
"""A recording that ends before this part of the frames and of the time that its header promises has been cut off."""


def recorded_frames(decoder: Decoder, name: str, stride: int, report: Report | None) -> Iterator[Frame]:
    """All frames of an open recording.

    Args:
        decoder: of the recording.
        name: as it may be shown.
        stride: gives every so many frames, the first included; those between are not made into pictures.
        report: takes the line about a recording that breaks off early.

    Raises:
        LpsrError: it holds no frame that can be decoded.
    """
    promise = decoder.promise
    times = FrameTimes(promise.rate)
    index, time = 0, 0.0
    for decoded in decoder.frames():
        time = times.of(index, decoded.milliseconds)
        if index % stride == 0 and (image := decoded.picture()) is not None:
            yield Frame(name, index, time, image, still=False)
        index += 1
    if index == 0:
        raise LpsrError(f"{name}: {decoder.nothing}")
    if report is not None and (line := broken_off(promise, index, time / 1000)):
        report(f"{name}: {line}")


def broken_off(promise: Promise, frames: int, seconds: float) -> str | None:
    """What is missing of a recording whose header promises more; None where nothing is.

    Numbers of frames alone say little where they come at a variable rate, or where an edit list leaves some out.

    Args:
        promise: of the header.
        frames: that came.
        seconds: time of the last one.
    """
    late = promise.seconds - 1 / promise.rate if promise.rate > 0 else promise.seconds
    if promise.frames and frames >= _WHOLE * promise.frames:
        return None
    if promise.seconds and seconds >= _WHOLE * late:
        return None
    if promise.frames:
        return f"broke off after {frames} of {promise.frames} frames"
    return f"broke off after {seconds:.1f} of {promise.seconds:.1f} s" if promise.seconds else None

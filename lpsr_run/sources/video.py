"""Video files: decoded by PyAV where it is installed, by OpenCV elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_run.redact import shown
from lpsr_run.sources.base import Frame, Report, Source
from lpsr_run.sources.decoding import Decoder, Promise
from lpsr_run.sources.names import check_readable
from lpsr_run.sources.opencv_decoder import OpenCvDecoder
from lpsr_run.sources.pyav_decoder import PyAvDecoder
from lpsr_run.sources.times import FrameTimes

_WHOLE = 0.9
"""A file that ends before this part of the frames and of the time that its header promises has been cut off."""


class VideoFileSource:
    """One video file.

    Args:
        path: the file, or a named pipe.
        stride: gives every so many frames, the first included; those between are not made into pictures.
        report: takes the line about a file that breaks off early.
        note: takes the line about streams that are left out.
        decoder: opens the file; default PyAV, or OpenCV where PyAV is not installed.
    """

    live = False

    def __init__(
        self,
        path: Path,
        stride: int = 1,
        report: Report | None = None,
        note: Report = lambda line: None,
        decoder: Callable[[Path], Decoder] | None = None,
    ) -> None:
        self._path, self._stride, self._report, self._note = path, stride, report, note
        self._decoder = decoder or self._open
        self._total: int | None = None

    @property
    def total(self) -> int | None:
        return self._total

    def frames(self) -> Iterator[Frame]:
        check_readable(self._path)
        name = shown(self._path)
        with self._decoder(self._path) as decoder:
            promise = decoder.promise
            self._total = -(-promise.frames // self._stride) if promise.frames else None
            times = FrameTimes(promise.rate)
            index, time = 0, 0.0
            for decoded in decoder.frames():
                time = times.of(index, decoded.milliseconds)
                if index % self._stride == 0 and (image := decoded.picture()) is not None:
                    yield Frame(name, index, time, image, still=False)
                index += 1
            if index == 0:
                hint = "" if isinstance(decoder, PyAvDecoder) else "; PyAV decodes more: pip install av"
                raise LpsrError(
                    f"{name}: the video holds no frame that can be decoded; its codec is {decoder.codec}{hint}"
                )
            if self._report is not None and (line := _broken_off(promise, index, time / 1000)):
                self._report(f"{name}: {line}")

    def _open(self, path: Path) -> Decoder:
        try:
            return PyAvDecoder(path, self._note)
        except ImportError:
            return OpenCvDecoder(path)


def _broken_off(promise: Promise, frames: int, seconds: float) -> str | None:
    """What is missing of a file whose header promises more; None where nothing is.

    Numbers of frames alone say little where they come at a variable rate, or where an edit list leaves some out.
    """
    late = promise.seconds - 1 / promise.rate if promise.rate > 0 else promise.seconds
    if promise.frames and frames >= _WHOLE * promise.frames:
        return None
    if promise.seconds and seconds >= _WHOLE * late:
        return None
    if promise.frames:
        return f"broke off after {frames} of {promise.frames} frames"
    return f"broke off after {seconds:.1f} of {promise.seconds:.1f} s" if promise.seconds else None


class ChainSource:
    """Several sources, one after the other.

    Args:
        parts: image and video sources.
        report: takes the line about a part that fails; the others still run.
    """

    live = False
    total: int | None = None

    def __init__(self, parts: Sequence[Source], report: Report) -> None:
        self._parts, self._report = tuple(parts), report

    def frames(self) -> Iterator[Frame]:
        for part in self._parts:
            try:
                yield from part.frames()
            except LpsrError as error:
                self._report(str(error))

"""Video files: decoded by PyAV where it is installed, by OpenCV elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_run.redact import shown
from lpsr_run.sources.base import Frame, Report, Source
from lpsr_run.sources.decoding import Decoder
from lpsr_run.sources.names import check_readable, told_while_opening
from lpsr_run.sources.opencv_decoder import OpenCvDecoder
from lpsr_run.sources.options import DEFAULT, VideoOptions
from lpsr_run.sources.pyav_decoder import PyAvDecoder
from lpsr_run.sources.recorded import recorded_frames


class VideoFileSource:
    """One video file.

    Args:
        path: the file, or a named pipe.
        stride: gives every so many frames, the first included; those between are not made into pictures.
        report: takes the line about a file that breaks off early.
        note: takes the lines about streams that are left out and about a pipe that nobody writes into yet.
        options: what the user knows better than the file.
    """

    live = False
    total: int | None = None

    def __init__(
        self,
        path: Path,
        stride: int = 1,
        report: Report | None = None,
        note: Report = lambda line: None,
        options: VideoOptions = DEFAULT,
    ) -> None:
        self._options = options
        self._path, self._stride, self._report, self._note = path, stride, report, note

    def frames(self) -> Iterator[Frame]:
        check_readable(self._path)
        name = shown(self._path)
        with told_while_opening(self._path, self._note):
            opened = self._open()
        with closing(opened) as decoder:
            frames = decoder.promise.frames
            self.total = -(-frames // self._stride) if frames else None
            yield from recorded_frames(decoder, name, self._stride, self._report)

    def _open(self) -> Decoder:
        try:
            # `file:` keeps colons in a name from being taken for a protocol.
            return PyAvDecoder(f"file:{self._path}", shown(self._path), self._options, self._note)
        except ImportError:
            return OpenCvDecoder(self._path, self._options)


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

"""Video files through PyAV: FFmpeg's own times, pixel shapes, interlacing and streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_run.cores import usable_cores
from lpsr_run.redact import shown
from lpsr_run.sources.decoding import Decoded, Promise, square_size

_NAN = float("nan")
_DURATION = re.compile(r"(\d{1,6}):(\d{2}):(\d{2}(?:\.\d{1,12})?)", re.ASCII)


class PyAvDecoder:
    """Decodes the largest video stream of a file.

    Interlaced frames are deinterlaced: FFmpeg's bwdif makes one picture of the two fields of each frame.

    Args:
        path: the file.
        note: told which streams are left out.

    Raises:
        ImportError: PyAV is not installed.
        LpsrError: it is not a video, or there is no decoder for it.
    """

    def __init__(self, path: Path, note: Callable[[str], None] = lambda line: None) -> None:
        import av

        av.logging.set_level(av.logging.PANIC)
        self._av: Any = av
        name = shown(path)
        try:
            # `file:` keeps colons in a name from being taken for a protocol.
            self._container: Any = av.open(f"file:{path}", metadata_errors="replace")
        except av.error.FFmpegError as error:
            why = "" if isinstance(error, av.error.InvalidDataError) else f": {error.strerror}"
            raise LpsrError(f"{name}: not a video that can be decoded{why}") from None
        try:
            self._stream = self._choose(name, note)
        except LpsrError:
            self._container.close()
            raise
        self._stream.thread_type = "AUTO"
        self.codec = str(self._stream.codec_context.name)
        self.promise = self._promise()
        self._aspect = float(self._stream.sample_aspect_ratio or 1)
        # One for all frames: it keeps the converter that it sets up.
        self._reformatter: Any = av.video.reformatter.VideoReformatter()
        start = self._stream.start_time
        self._start = None if start is None else float(start * self._stream.time_base)

    def __enter__(self) -> PyAvDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def frames(self) -> Iterator[Decoded]:
        """As the protocol says."""
        for frame in self._deinterlaced():
            time = frame.time
            if self._start is None and time is not None:
                self._start = time
            told = _NAN if time is None else 1000 * (time - (self._start or 0.0))
            yield Decoded(told, lambda frame=frame: self._picture(frame))  # type: ignore[misc]

    def _choose(self, name: str, note: Callable[[str], None]) -> Any:
        """The largest stream; of several such the one that is marked as default."""
        disposition = self._av.stream.Disposition
        moving = [one for one in self._container.streams.video if not one.disposition & disposition.attached_pic]
        if not moving:
            raise LpsrError(f"{name}: not a video: it holds no moving pictures")
        streams = [one for one in moving if one.codec_context is not None]
        if not streams:
            raise LpsrError(f"{name}: there is no decoder for its codec; convert it, to H.264 for example")
        best = max(
            streams,
            key=lambda one: (one.width * one.height, bool(one.disposition & disposition.default), -one.index),
        )
        if others := [one for one in streams if one is not best]:
            note(f"{name}: reading {_described([best])}; not {_described(others)}")
        return best

    def _promise(self) -> Promise:
        stream = self._stream
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        tagged = _DURATION.fullmatch(stream.metadata.get("DURATION", ""))  # Matroska's, for each stream
        if stream.duration is not None:
            seconds = float(stream.duration * stream.time_base)
        elif tagged:
            seconds = 3600 * int(tagged[1]) + 60 * int(tagged[2]) + float(tagged[3])
        elif self._container.duration is not None and len(self._container.streams) == 1:
            seconds = self._container.duration / self._av.time_base
        else:  # another stream, sound for example, may last longer
            seconds = 0.0
        return Promise(max(int(stream.frames), 0), max(seconds, 0.0), rate)

    def _decoded(self) -> Iterator[Any]:
        """Frames as they were coded; what is broken is left out."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except self._av.error.FFmpegError:  # a file that is cut off
                packet = None
                yield from self._of(lambda: self._stream.decode(None))
            if packet is None:
                return
            yield from self._of(packet.decode)

    def _of(self, decode: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        try:
            return decode()
        except self._av.error.FFmpegError:
            return ()

    def _deinterlaced(self) -> Iterator[Any]:
        graph: Any = None
        form: tuple[int, int, str] | None = None
        for frame in self._decoded():
            now = frame.width, frame.height, frame.format.name
            if graph is not None and now != form:
                yield from self._pull(graph, None)
                graph = None
            if graph is None and frame.interlaced_frame:
                graph, form = self._graph(frame), now
            if graph is None:
                yield frame
            else:
                yield from self._pull(graph, frame)
        if graph is not None:
            yield from self._pull(graph, None)

    def _graph(self, frame: Any) -> Any:
        """Deinterlaces the frames that are marked so, and lets others pass."""
        graph = self._av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=self._stream.time_base
        )
        filters = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        sink = graph.add("buffersink")
        source.link_to(filters)
        filters.link_to(sink)
        graph.configure()
        return graph

    def _pull(self, graph: Any, frame: Any) -> Iterator[Any]:
        """The frames that a filter gives for one more, or at the end."""
        graph.push(frame)
        while True:
            try:
                yield graph.pull()
            except (self._av.error.BlockingIOError, self._av.error.EOFError):
                return

    def _picture(self, frame: Any) -> Image | None:
        width, height = square_size(frame.width, frame.height, self._aspect)
        try:
            image = self._reformatter.reformat(frame, width, height, "rgb24", threads=usable_cores()).to_ndarray()
        except (self._av.error.FFmpegError, ValueError):
            return None
        turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, turns))


def _described(streams: Sequence[Any]) -> str:
    return ", ".join(f"stream {one.index} ({one.width}x{one.height} {one.codec_context.name})" for one in streams)

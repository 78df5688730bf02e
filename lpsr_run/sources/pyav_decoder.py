"""Video files through PyAV: FFmpeg's own times, pixel shapes, interlacing and streams."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_run.process import usable_cores
from lpsr_run.sources.decoding import NO_FRAME, Decoded, Promise, square_size
from lpsr_run.sources.hardware import find_hardware
from lpsr_run.sources.options import DEFAULT, VideoOptions
from lpsr_run.sources.size import FRAME_PIXELS, encoded_too_large, too_large
from lpsr_run.sources.unreachable import RefusedError, reason, refused
from lpsr_run.sources.web import ask, is_web

_NAN = float("nan")
_BOUNDS = {"max_pixels": str(FRAME_PIXELS)}
"""FFmpeg refuses larger frames before they take memory, also where it looks what a stream holds."""
_AT_ONCE = {"fpsprobesize": "0"}
"""Frames of a live stream have the times at which they come; to wait for twenty of them, by which FFmpeg would tell
their rate, takes ten seconds of a camera that sends two a second."""
_RTSP = {"rtsp_flags": "prefer_tcp", "analyzeduration": "500000"}
"""TCP, or UDP where a server has no other. What the server says of its streams is nearly all that there is to know: of
H.264 FFmpeg would decode seven frames first."""
_PATIENT = {"reconnect": "1", "reconnect_on_network_error": "1", "reconnect_delay_max": "15"}
"""A file whose server breaks off is asked for from there on."""
_UNDECODED = 4.0
"""A connection of which nothing can be decoded is given up after so many times the silence that is borne."""
_STILLS = ("mjpeg", "png", "webp", "tiff", "bmp")
"""Codecs each of whose packets is a picture with a header."""
_SEGMENTED = ("hls", "dash")
"""Formats whose frames come in bursts, a segment at a time; the address has the list of segments."""
_ENDLESS = (*_SEGMENTED, "mpjpeg")
"""Formats of which a length in bytes says nothing: it is the list's, or made up."""
_PICTURES = {"probesize": "32"}
"""Of a stream of pictures the second one's beginning is waited for, no more."""
_UNFOLLOWED = (errno.EINVAL, errno.EIO)
"""What FFmpeg says of redirects that it does not follow."""
_DURATION = re.compile(r"(\d{1,6}):(\d{2}):(\d{2}(?:\.\d{1,12})?)", re.ASCII)


@dataclass(frozen=True)
class NetworkLimits:
    """How long a server may keep one waiting.

    Attributes:
        opening: seconds for the connection.
        silence: seconds for each packet.
    """

    opening: float
    silence: float


class PyAvDecoder:
    """Decodes a video stream of a file, or of what a server sends.

    Interlaced frames are deinterlaced: FFmpeg's bwdif makes one picture of the two fields of each frame.

    Args:
        address: what FFmpeg opens: `file:` and a path, or a URL.
        name: as it may be shown.
        options: what the user knows better than the file.
        note: told which streams are left out, and which device decodes.
        limits: of a URL; None for files.

    Raises:
        ImportError: PyAV is not installed.
        LpsrError: it cannot be opened, is not a video, or there is no decoder for it.
    """

    def __init__(
        self,
        address: str,
        name: str,
        options: VideoOptions = DEFAULT,
        note: Callable[[str], None] = lambda line: None,
        limits: NetworkLimits | None = None,
    ) -> None:
        import av

        av.logging.set_level(av.logging.PANIC)
        self._av: Any = av
        self._address, self._name, self._limits = address, name, limits
        self._failure: BaseException | None = None
        self._refused: str | None = None
        self._endless = False
        self._hardware, begun = find_hardware(options.decode, name, note), monotonic()
        try:
            self._container: Any = self._open({} if limits is None else _AT_ONCE)
            if limits is not None and self.recorded:
                # Its server may break off for a while; of a camera that is at once told, and waited for elsewhere.
                self._container.close()
                self._container = self._open(_PATIENT)
        except av.error.FFmpegError as error:
            self._container = self._open_answered(error, monotonic() - begun)
        try:
            self._stream = self._choose(options.stream, note)
        except LpsrError:
            self._container.close()
            raise
        self._stream.codec_context.options = dict(_BOUNDS)
        # Decoding several frames at once would delay live ones.
        self._stream.thread_type = "AUTO" if limits is None or self.recorded else "SLICE"
        self.promise = self._promise()
        told = float(self._stream.sample_aspect_ratio or 1)
        self._aspect = told if options.pixel_aspect is None else options.pixel_aspect
        # One for all frames: it keeps the converter that it sets up.
        self._reformatter: Any = av.video.reformatter.VideoReformatter()
        start = self._stream.start_time
        self._start = None if start is None else float(start * self._stream.time_base)

    @property
    def nothing(self) -> str:
        if self._refused is not None:
            return self._refused
        if self._limits is not None and not self.recorded:
            return "opened, but no frame came"
        if self._limits is not None and self._failure is not None:
            return f"{NO_FRAME}; does its server allow parts of it to be asked for (Range)? Else download it first"
        return f"{NO_FRAME}; its codec is {self._stream.codec_context.name}"

    @property
    def recorded(self) -> bool:
        """See `Connection`: a file that a web server holds has an end, and so has a list of HLS that is closed."""
        if self._limits is None:
            return True
        container = self._container
        sized = not self._endless and container.format.name not in _ENDLESS and container.size > 0
        return is_web(self._address) and (sized or (container.duration or 0) > 0)

    @property
    def bursts(self) -> bool:
        return not self.recorded and self._container.format.name in _SEGMENTED

    @property
    def still(self) -> bool:
        return self._container.format.name.endswith(("_pipe", "image2"))

    @property
    def lost(self) -> str:
        if self._failure is None or self._limits is None:
            return "the stream ended"
        return f"the stream ended: {reason(self._address, self._failure, self._limits.silence)}"

    def _open(self, options: Mapping[str, str], form: str | None = None) -> Any:
        """FFmpeg's container of the address."""
        limits = self._limits
        rtsp = _RTSP if limits is not None and self._address.lower().startswith(("rtsp:", "rtsps:")) else {}
        return self._av.open(
            self._address,
            format=form,
            options={**_BOUNDS, **rtsp, **options},
            timeout=None if limits is None else (limits.opening, limits.silence),
            metadata_errors="replace",
            hwaccel=self._hardware,
        )

    def _open_answered(self, error: Any, seconds: float) -> Any:
        """The container where a web server leads to another, or sends pictures that FFmpeg does not recognise.

        Args:
            error: with which FFmpeg could not open the address.
            seconds: that this took.

        Raises:
            LpsrError: nor can it be opened so.
        """
        limits = self._limits
        unread = isinstance(error, self._av.error.InvalidDataError)
        if limits is None or not is_web(self._address) or not (unread or error.errno in _UNFOLLOWED):
            raise self._unopened(error, seconds) from None
        try:
            answer = ask(self._address, limits.opening - seconds)
        except LpsrError as why:
            raise LpsrError(f"{self._name}: cannot be opened: {why}") from None
        options, form = _AT_ONCE, None
        if answer is not None and not is_web(answer.address):
            self._address = answer.address
        elif answer is not None and unread and answer.kind.startswith("multipart/"):
            self._endless, options, form = True, _PICTURES, "mjpeg"
        else:
            raise self._unopened(error, seconds) from None
        begun = monotonic()
        try:
            return self._open(options, form)
        except self._av.error.FFmpegError as other:
            raise self._unopened(other, monotonic() - begun) from None

    def _unopened(self, error: BaseException, seconds: float) -> LpsrError:
        if self._limits is not None:
            # FFmpeg may call a request that it broke off after this time an invalid answer.
            cause = TimeoutError() if seconds >= self._limits.opening else error
            why = f"{self._name}: cannot be opened: {reason(self._address, cause, self._limits.opening)}"
            return (RefusedError if refused(error) else LpsrError)(why)
        why = "" if isinstance(error, self._av.error.InvalidDataError) else f": {getattr(error, 'strerror', error)}"
        return LpsrError(f"{self._name}: not a video that can be decoded{why}")

    def close(self) -> None:
        self._container.close()

    def frames(self) -> Iterator[Decoded]:
        for frame in self._deinterlaced():
            time = frame.time
            if self._start is None and time is not None:
                self._start = time
            told = _NAN if time is None else 1000 * (time - (self._start or 0.0))
            yield Decoded(told, lambda frame=frame: self._picture(frame))  # type: ignore[misc]

    def _choose(self, wanted: int | None, note: Callable[[str], None]) -> Any:
        """The stream that is asked for, or the largest; of several such the one that is marked as default."""
        name = self._name
        disposition = self._av.stream.Disposition
        moving = [one for one in self._container.streams.video if not one.disposition & disposition.attached_pic]
        if not moving:
            raise LpsrError(f"{name}: not a video: it holds no moving pictures")
        streams = [one for one in moving if one.codec_context is not None]
        if not streams:
            raise LpsrError(f"{name}: there is no decoder for its codec; convert it, to H.264 for example")
        if wanted is not None:
            chosen = [one for one in streams if one.index == wanted]
            if not chosen:
                raise LpsrError(f"{name}: has no video stream {wanted} (--stream); it has {_described(streams)}")
            return chosen[0]
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
        live = None if self.recorded else self._limits
        came, last = False, monotonic()
        while True:
            asked = monotonic()
            try:
                packet = next(packets, None)
            except self._av.error.FFmpegError as error:  # a file that is cut off, or a server that is gone
                # Its traceback would keep this decoder, with threads and buffers, until the garbage is collected.
                packet, self._failure = None, error.with_traceback(None)
                if live is None:  # what was held back of a live stream is as old as the silence
                    yield from self._of(lambda: self._stream.decode(None))
            if live is not None and monotonic() - asked >= live.silence:
                # FFmpeg gives what it had held back where it should have said that nothing came.
                packet, self._failure = None, self._failure or TimeoutError()
            if packet is None:
                return
            decoded = self._of(packet.decode)
            if decoded:
                came, last = True, monotonic()
                yield from decoded
                continue
            if packet.size and self._refused is None:
                self._refused = self._too_large(packet)
            # A camera goes on sending, whether or not anything of it can be decoded.
            if self._limits is not None and self._refused is not None and not came:
                return
            if self._limits is not None and monotonic() - last > _UNDECODED * self._limits.silence:
                self._failure = TimeoutError()
                return

    def _of(self, decode: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        try:
            return decode()
        except self._av.error.FFmpegError:
            return ()

    def _too_large(self, packet: Any) -> str | None:
        """What to say of a frame that was not decoded for its size."""
        context = self._stream.codec_context
        why = too_large(context.width, context.height, FRAME_PIXELS)
        if why is None and context.name in _STILLS:
            why = encoded_too_large(bytes(packet), FRAME_PIXELS)
        return None if why is None else f"its frames are too large: {why}; let it send smaller ones"

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
        graph.link_nodes(source, filters, sink).configure()
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

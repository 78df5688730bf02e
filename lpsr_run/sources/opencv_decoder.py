"""Video files through OpenCV, where PyAV is not installed: it does not deinterlace, and reads the first stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image
from lpsr_run.process import silence_opencv
from lpsr_run.redact import shown
from lpsr_run.sources.decoding import NO_FRAME, Decoded, Promise, square_size
from lpsr_run.sources.images import rgb
from lpsr_run.sources.names import ffmpeg_name
from lpsr_run.sources.options import DEFAULT, VideoOptions

_ADDRESS = "the address, the network and the credentials"
_MOST = 1e12
"""A header that promises more frames, or what is no number, promises nothing."""


class _Capture:
    """An open capture of OpenCV and the pictures that it gives.

    Args:
        capture: open.
        options: what the user knows better than the file or the camera.
    """

    def __init__(self, capture: cv2.VideoCapture, options: VideoOptions) -> None:
        self._capture = capture
        counted = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._count = int(counted) if 0 < counted < _MOST else 0
        across, down = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
        told = across / down if across > 0 and down > 0 else 1.0
        self._aspect = told if options.pixel_aspect is None else options.pixel_aspect

    def close(self) -> None:
        self._capture.release()

    def frames(self) -> Iterator[Decoded]:
        """See `Decoder`; a picture must be made before the next frame is asked for."""
        while self._capture.grab():
            yield Decoded(self._milliseconds(), self._picture)

    def _milliseconds(self) -> float:
        return float("nan")

    def _picture(self) -> Image | None:
        ok, image = self._capture.retrieve()
        if not ok:
            return None
        picture = rgb(image)
        height, width = picture.shape[:2]
        size = square_size(width, height, self._aspect)
        return picture if size == (width, height) else np.asarray(cv2.resize(picture, size), np.uint8)


class OpenCvDecoder(_Capture):
    """Decodes a file through OpenCV.

    Args:
        path: the file.
        options: what the user knows better than the file.

    Raises:
        LpsrError: it is not a video, or cannot be decoded as the options say.
    """

    def __init__(self, path: Path, options: VideoOptions = DEFAULT) -> None:
        refuse_pyav_options(options)
        silence_opencv()
        with ExitStack() as stack:
            capture = cv2.VideoCapture(stack.enter_context(ffmpeg_name(path)), cv2.CAP_FFMPEG)
            if not capture.isOpened():
                raise LpsrError(f"{shown(path)}: not a video that can be decoded")
            self._stack = stack.pop_all()
        super().__init__(capture, options)
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.promise = Promise(self._count, self._count / rate if self._count and 0 < rate < _MOST else 0.0, rate)

    @property
    def nothing(self) -> str:
        """See `Decoder`; of the codec four characters, `?` for those that cannot be shown."""
        letters = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
        codec = "".join(chr(letter) if 32 < letter < 127 else "?" for letter in letters)
        return f"{NO_FRAME}; its codec is {codec}; PyAV decodes more: pip install av"

    def close(self) -> None:
        super().close()
        self._stack.close()

    def _milliseconds(self) -> float:
        return self._capture.get(cv2.CAP_PROP_POS_MSEC)


class OpenCvConnection(_Capture):
    """What a camera, a GStreamer pipeline or, where PyAV is not installed, a server sends, through OpenCV.

    Args:
        address: a URL, a pipeline (without its prefix), or a camera's number.
        pipeline: whether it is a pipeline.
        name: as it may be shown.
        options: what the user knows better than the camera.
        limits: seconds to wait for the connection and for each frame; only URLs heed them.

    Raises:
        LpsrError: it cannot be opened.
    """

    recorded = bursts = still = False
    nothing = "opened, but no frame came"
    lost = "the stream ended"

    def __init__(
        self, address: str | int, pipeline: bool, name: str, options: VideoOptions, limits: tuple[float, float]
    ) -> None:
        refuse_pyav_options(options)
        silence_opencv()
        if isinstance(address, int):
            capture = cv2.VideoCapture(address)
        elif pipeline:
            capture = cv2.VideoCapture(address, cv2.CAP_GSTREAMER)
        else:
            names = cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC
            values = [part for key, limit in zip(names, limits, strict=True) for part in (key, round(1000 * limit))]
            capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, values)
        if not capture.isOpened():
            capture.release()
            where = "that it is connected and that no other program uses it" if isinstance(address, int) else _ADDRESS
            raise LpsrError(f"{name}: cannot be opened; check {where}")
        super().__init__(capture, options)
        self.promise = Promise(self._count, 0.0, 0.0)


def refuse_pyav_options(options: VideoOptions) -> None:
    """Make sure that nothing is asked for that OpenCV cannot do.

    Raises:
        UsageError: a stream or a decoder was chosen.
    """
    if options.stream is not None:
        raise UsageError("--stream needs PyAV: pip install av; cameras by number and pipelines have one stream")
    if options.decode not in ("software", "auto"):
        raise UsageError("--decode needs PyAV: pip install av; cameras by number and pipelines decode their own way")

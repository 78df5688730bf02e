"""Video files through OpenCV, where PyAV is not installed: it does not deinterlace, and reads the first stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import cv2

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_run.quiet import silence_opencv
from lpsr_run.redact import shown
from lpsr_run.sources.decoding import Decoded, Promise
from lpsr_run.sources.names import ffmpeg_name
from lpsr_run.sources.picture import pixel_aspect, rgb, squared

_MOST = 1e12
"""A header that promises more frames, or what is no number, promises nothing."""


class OpenCvDecoder:
    """Decodes a file through OpenCV.

    Args:
        path: the file.

    Raises:
        LpsrError: it is not a video.
    """

    def __init__(self, path: Path) -> None:
        silence_opencv()
        with ExitStack() as stack:
            self._capture = cv2.VideoCapture(stack.enter_context(ffmpeg_name(path)), cv2.CAP_FFMPEG)
            self._stack = stack.pop_all()
        if not self._capture.isOpened():
            self._stack.close()
            raise LpsrError(f"{shown(path)}: not a video that can be decoded")
        counted = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        frames = int(counted) if 0 < counted < _MOST else 0
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.promise = Promise(frames, frames / rate if frames and 0 < rate < _MOST else 0.0, rate)
        self._aspect = pixel_aspect(self._capture)

    @property
    def codec(self) -> str:
        """Its four characters; `?` for those that cannot be shown."""
        letters = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
        return "".join(chr(letter) if 32 < letter < 127 else "?" for letter in letters)

    def __enter__(self) -> OpenCvDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()
        self._stack.close()

    def frames(self) -> Iterator[Decoded]:
        """As the protocol says; a picture must be made before the next frame is asked for."""
        while self._capture.grab():
            yield Decoded(self._capture.get(cv2.CAP_PROP_POS_MSEC), self._picture)

    def _picture(self) -> Image | None:
        ok, image = self._capture.retrieve()
        return squared(rgb(image), self._aspect) if ok else None

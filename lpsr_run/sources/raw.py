"""Raw frames from standard input: whatever can decode a picture can feed them in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.sources.base import Frame, Report

_LARGEST = 1 << 15


@dataclass(frozen=True)
class RawForm:
    """How raw frames lie: RGB, eight bits a value, rows from the top, nothing between frames.

    Attributes:
        width, height: in pixels.
        rate: frames a second, from which their times follow.
    """

    width: int
    height: int
    rate: float = 25.0


def parse_raw(text: str) -> RawForm:
    """A form from `WIDTHxHEIGHT` or `WIDTHxHEIGHT@RATE`.

    Raises:
        UsageError: it is something else.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})(?:@(\d{1,4}(?:\.\d{1,3})?))?", text.strip(), re.ASCII)
    if found is None:
        raise UsageError(f"--raw is WIDTHxHEIGHT or WIDTHxHEIGHT@RATE, as 1280x720@25, not {text!r}")
    form = RawForm(int(found[1]), int(found[2]), float(found[3] or 25))
    if not (0 < form.width <= _LARGEST and 0 < form.height <= _LARGEST and form.rate > 0):
        raise UsageError(f"--raw {text!r}: frames have a size up to {_LARGEST} pixels and a rate above 0")
    return form


class RawSource:
    """Frames from a pipe. They wait rather than being dropped, and so does what writes them.

    Args:
        form: of the frames.
        stride: gives every so many frames.
        report: takes the line about a last frame that is cut short.
        stream: read from; standard input when None.
    """

    live = False
    total: int | None = None

    def __init__(
        self, form: RawForm, stride: int = 1, report: Report | None = None, stream: BinaryIO | None = None
    ) -> None:
        self._form, self._stride, self._report, self._stream = form, stride, report, stream

    def frames(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            LpsrError: not one whole frame came.
        """
        form = self._form
        # Not Python's own standard input, which a thread that still reads it at the end would keep locked.
        stream = self._stream or open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
        size = 3 * form.width * form.height
        index = 0
        while len(data := _read(stream, size)) == size:
            if index % self._stride == 0:
                image = np.frombuffer(data, np.uint8).reshape(form.height, form.width, 3)
                yield Frame("-", index, 1000 * index / form.rate, image, still=False)
            index += 1
        if index == 0:
            raise LpsrError(f"standard input: {len(data)} bytes are less than a frame of {form.width}x{form.height}")
        if data and self._report is not None:
            self._report(f"standard input: the last frame is cut short, {len(data)} of {size} bytes")


def _read(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, or fewer at the end; a pipe gives them in pieces."""
    pieces = []
    while size:
        piece = stream.read(size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)

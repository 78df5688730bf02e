"""The protocol of sinks, and what they take."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, Quad
from lpsr_core.reads import Read

MAKE_ROOM = "make room, or give another path"
ELSEWHERE = "give another path"


@dataclass(frozen=True)
class Result:
    """A read with what it rests on.

    Attributes:
        read: what is told.
        first, last: the span of time over which its plate was seen, in milliseconds of its source.
        crop: the plate as it was cut from the named frame, uint8[h, w, 3].
        sr: the generator's picture of it, uint8[32, 96, 3], or None.
        quad: the plate's corners in that frame.
        frame: that frame, uint8[H, W, 3], where a sink wants frames.
        hidden: whether nobody looks for the plate, so that its pictures must not be kept.
    """

    read: Read
    first: float
    last: float
    crop: Image
    sr: Image | None
    quad: Quad
    frame: Image | None = None
    hidden: bool = False


class Sink(Protocol):
    """Takes reads one by one; a context manager, so that what it holds open is closed whatever happens."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, result: Result) -> None:
        """Takes a read.

        Raises:
            LpsrError: it could not be written.
        """
        ...


def write_failed(path: Path, error: OSError) -> LpsrError:
    """The error of a file that could not be written."""
    return LpsrError(f"{path}: cannot be written: {why(error)}; what was written before is kept")


def why(error: OSError) -> str:
    """What the system says, and what to do about it."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{error.strerror or error}; {MAKE_ROOM if full else ELSEWHERE}"

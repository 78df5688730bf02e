"""The last picture of a camera, with boxes around its plates."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lpsr_core.geometry import Image
from lpsr_run.sinks.annotate import Mark
from lpsr_run.sources.base import Frame
from lpsr_serve.jpeg import marked_jpeg


@dataclass(frozen=True)
class Snapshot:
    """A frame and the plates in it.

    Attributes:
        image: uint8[H, W, 3], RGB.
        marks: in pixels of that image.
        frame: number of the frame within its source.
    """

    image: Image
    marks: tuple[Mark, ...]
    frame: int


class LastPicture:
    """Keeps the newest frame; it is encoded when somebody asks for it, once for all who do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._encoded: tuple[Snapshot, bytes] | None = None

    def show(self, frame: Frame, marks: Sequence[Mark]) -> None:
        """Take a frame as `PlateStream.show` gives it."""
        placed = tuple(replace(mark, quad=mark.quad.scaled(frame.scale)) for mark in marks)
        self._snapshot = Snapshot(frame.image, placed, frame.index)

    @property
    def frame(self) -> int | None:
        """Number of the frame that is shown; None before the first."""
        return None if self._snapshot is None else self._snapshot.frame

    def jpeg(self) -> bytes | None:
        """Return the picture with its boxes; None before the first frame."""
        snapshot = self._snapshot
        if snapshot is None:
            return None
        with self._lock:
            if self._encoded is None or self._encoded[0] is not snapshot:
                self._encoded = snapshot, marked_jpeg(snapshot.image, snapshot.marks)
            return self._encoded[1]

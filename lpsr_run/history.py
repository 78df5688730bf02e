"""What each frame of a track said of its plate, as sinks and evidence take it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH
from lpsr_core.geometry import Image


@dataclass(frozen=True)
class FrameSaid:
    """What one frame of a track said.

    Attributes:
        frame: its number.
        log_probs: float32[7, 36].
        milliseconds: its time.
        crop: the plate as it was cut from it, uint8[h, w, 3], where it is kept; None elsewhere.
    """

    frame: int
    log_probs: NDArray[np.float32]
    milliseconds: float = 0.0
    crop: Image | None = None


@dataclass(frozen=True)
class History:
    """All that a read was fused from.

    Attributes:
        frames: in order, each with what it said.
        rest: float64[7, 36], the sum of what the frames after those said; zero where there are none.
        rest_frames: number of those.
        power: of the number of frames that the sum was divided by.
    """

    frames: tuple[FrameSaid, ...]
    rest: NDArray[np.float64]
    rest_frames: int
    power: float

    def total(self) -> NDArray[np.float64]:
        """The sum over all frames, float64[7, 36], added in the order in which they came."""
        total: NDArray[np.float64] = np.zeros((PLATE_LENGTH, CLASSES))
        for said in self.frames:
            total = total + said.log_probs
        return total + self.rest if self.rest_frames else total

    def tempered(self) -> NDArray[np.float64]:
        """What is decoded: the sum, divided by a power of the number of frames."""
        return tempered(self.total(), len(self.frames) + self.rest_frames, self.power)


def tempered(total: NDArray[np.float64], frames: int, power: float) -> NDArray[np.float64]:
    """A sum over frames, divided by a power of their number: neighbouring frames share their mistakes."""
    return total / max(frames, 1) ** power

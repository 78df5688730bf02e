"""When the frames of a recording were taken: times that are finite and rise, whatever its container says."""

from __future__ import annotations

import math

_RATES = (0.01, 1000.0)
"""Least and most frames a second that a container is believed."""
_RATE = 25.0
"""Frames a second where it says none."""


class FrameTimes:
    """The times of a file's frames.

    A container may hold no times, the same one throughout, times that begin anew where two recordings were joined, or
    what is no number. A time that does not rise is replaced by one that follows from the frame rate.

    Args:
        rate: frames a second as the container says; anything, also not a number.
    """

    def __init__(self, rate: float) -> None:
        self._step = 1000 / (rate if _RATES[0] <= rate <= _RATES[1] else _RATE)
        self._frame, self._time = 0, 0.0  # the last time that was believed, and its frame
        self._last = 0.0

    def of(self, frame: int, told: float) -> float:
        """A frame's time in milliseconds, larger than that of the frame before; the first one's is 0 or more.

        Args:
            frame: its number, from 0; larger than the last.
            told: milliseconds, as the container says; anything.
        """
        if math.isfinite(told) and told > self._last:
            self._frame, self._time = frame, told
        self._last = self._time + self._step * (frame - self._frame)
        return self._last

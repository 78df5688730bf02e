"""The protocol of sources and the frame that they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from lpsr_core.geometry import Image

Report = Callable[[str], None]
"""Takes one line about something that failed and was skipped."""


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        source: the file, URL (without credentials) or camera that it comes from, as it may be shown.
        index: its number within that source, from 0; frames that a stride skips count.
        milliseconds: its time from the start of the source; 0 for a still image.
        image: uint8[H, W, 3], RGB.
        still: whether it stands alone: no frame before or after it shows the same scene.
        gap: whether frames were lost before it, so that nothing can be followed into it.
        taken: when a live source gave it, in seconds since 1970; None for recordings.
        stream: number of its source within the run.
        scale: size of the image relative to the picture that was read; below 1 where a smaller copy is kept.
    """

    source: str
    index: int
    milliseconds: float
    image: Image
    still: bool
    gap: bool = False
    taken: float | None = None
    stream: int = 0
    scale: float = 1.0


class Source(Protocol):
    """Gives frames, once."""

    @property
    def total(self) -> int | None:
        """How many frames will come, as far as known."""

    @property
    def live(self) -> bool:
        """Whether frames come as they happen, so that waiting for a full batch would delay the reads."""

    def frames(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            LpsrError: the source cannot be opened or decoded, or holds no frame.
        """

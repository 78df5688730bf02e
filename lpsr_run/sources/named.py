"""A source under a name that the user gave it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lpsr_run.sources.base import Frame, Source


@dataclass(frozen=True)
class NamedSource:
    """Gives another source's frames under a name of their own; of several files each keeps its own behind it.

    Attributes:
        source: of the frames.
        name: in place of its path or address.
    """

    source: Source
    name: str

    @property
    def total(self) -> int | None:
        return self.source.total

    @property
    def live(self) -> bool:
        return self.source.live

    def frames(self) -> Iterator[Frame]:
        first: str | None = None
        for frame in self.source.frames():
            first = frame.source if first is None else first
            # A folder or a glob is one source of many files, which must stay apart.
            name = self.name if frame.source == first else f"{self.name}: {frame.source}"
            yield replace(frame, source=name)

"""Where the time goes: seconds per stage of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

Stage = Literal["locate", "preprocess", "generate", "read", "decode"]
STAGES: tuple[Stage, ...] = ("locate", "preprocess", "generate", "read", "decode")


def _zeros() -> dict[Stage, float]:
    return dict.fromkeys(STAGES, 0.0)


@dataclass
class StageClock:
    """Adds up the wall time of each stage; cheap enough to leave on.

    Attributes:
        seconds: by stage, since the start or the last `reset`.
    """

    seconds: dict[Stage, float] = field(default_factory=_zeros)

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Counts what runs inside the `with` block towards a stage, also when it raises."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += perf_counter() - start

    def reset(self) -> None:
        """Starts again from zero."""
        self.seconds = _zeros()
